"""Domain randomization: what is drawn, what it does to the model, and that it can be undone."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256

import mujoco
import numpy as np
import pytest
from act_sim.camera_effects import ImageEffects, add_effects
from act_sim.looks import MAX_LEVEL
from act_sim.objects import CUBE, CUBE_HALF_SIZE_M, CUBE_MASS_KG
from act_sim.randomization import LEVELS, Randomization
from act_sim.scene import PHYSICS_HZ, build_scene
from act_sim.simulation import Simulation
from act_sim.task_registry import find_task

PICK_PLACE = find_task("pick_place")


@pytest.fixture
def model() -> mujoco.MjModel:
    return build_scene(add_objects=PICK_PLACE.add_objects).compile()


def test_there_are_as_many_levels_as_launch_files_say():
    assert len(LEVELS) == MAX_LEVEL + 1


def test_what_launch_files_read_of_the_simulation_imports_no_mujoco():
    code = "import sys, act_sim.sim_parameters; sys.exit('mujoco' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def arrays(model: mujoco.MjModel) -> dict[str, np.ndarray]:
    """Every array of the model, and the lights that are not in one."""
    names = [name for name in dir(model) if isinstance(getattr(model, name), np.ndarray)]
    found = {name: getattr(model, name).copy() for name in names}
    found["headlight"] = np.array([model.vis.headlight.ambient, model.vis.headlight.diffuse])
    return found


def test_level_0_draws_nothing_and_changes_nothing(model):
    randomization = Randomization(model, PICK_PLACE)
    before = arrays(model)
    drawn = randomization.draw(np.random.default_rng(0), 0)
    randomization.apply(drawn)
    assert drawn == {}
    after = arrays(model)
    assert [name for name in before if not np.array_equal(before[name], after[name])] == []


@pytest.mark.parametrize("level", [1, 2])
def test_draws_are_json_numbers_of_the_seed(model, level):
    randomization = Randomization(model, PICK_PLACE)
    first = randomization.draw(np.random.default_rng(7), level)
    assert json.loads(json.dumps(first)) == first
    assert randomization.draw(np.random.default_rng(7), level) == first
    assert randomization.draw(np.random.default_rng(8), level) != first


@pytest.mark.parametrize("level", [1, 2])
def test_every_kind_of_difference_reaches_the_model(model, level):
    randomization = Randomization(model, PICK_PLACE)
    before = arrays(model)
    randomization.apply(randomization.draw(np.random.default_rng(3), level))
    after = arrays(model)
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    expected = {
        "headlight", "light_diffuse", "light_dir", "mat_rgba", "geom_rgba", "cam_pos", "cam_quat",
        "cam_fovy", "geom_size", "geom_friction", "body_mass", "body_inertia", "actuator_gainprm",
        "actuator_biasprm", "dof_damping", "dof_frictionloss",
    }  # fmt: skip
    assert expected <= changed
    assert randomization.image_effects is not None


def test_applying_nothing_undoes_everything(model):
    """The copies that MuJoCo derives from others included: mass matrices, bounding volumes."""
    randomization = Randomization(model, PICK_PLACE)
    randomization.apply({})
    before = arrays(model)
    rng = np.random.default_rng(0)
    for _ in range(3):
        randomization.apply(randomization.draw(rng, 2))
    randomization.apply({})
    after = arrays(model)
    for name, value in before.items():
        assert after[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name
    assert randomization.command_delay_steps == randomization.camera_delay_steps == 0
    assert randomization.image_effects is None


def test_cube_is_scaled_as_a_solid_of_its_mass(model):
    randomization = Randomization(model, PICK_PLACE)
    drawn = randomization.draw(np.random.default_rng(1), 2)
    randomization.apply(drawn)
    half = CUBE_HALF_SIZE_M * drawn["cube_size"]
    mass = CUBE_MASS_KG * drawn["cube_mass"]
    cube = model.body(CUBE)
    assert model.geom(CUBE).size == pytest.approx(half)
    assert cube.mass[0] == pytest.approx(mass)
    assert cube.inertia == pytest.approx(mass * (2 * half) ** 2 / 6)


def test_draws_stay_inside_their_level(model):
    for level in (1, 2):
        ranges, randomization = LEVELS[level], Randomization(model, PICK_PLACE)
        rng = np.random.default_rng(0)
        draws = [randomization.draw(rng, level) for _ in range(200)]
        gains = np.array([drawn["servo_gain"] for drawn in draws])
        assert np.abs(gains - 1.0).max() <= ranges.servo_gain
        delays = {drawn["command_delay_steps"] for drawn in draws}
        assert delays == set(range(round(ranges.command_delay_s * PHYSICS_HZ) + 1))
        delays = {drawn["camera_delay_steps"] for drawn in draws}
        assert max(delays) == round(ranges.camera_delay_s * PHYSICS_HZ)


def test_tasks_without_a_cube_or_bowl_are_randomized_too():
    model = build_scene(add_objects=find_task("reach").add_objects).compile()
    randomization = Randomization(model, find_task("reach"))
    randomization.apply(randomization.draw(np.random.default_rng(0), 2))


def test_noise_has_the_stated_strength_and_blur_comes_first():
    grey = np.full((120, 160, 3), 128, dtype=np.uint8)
    noisy = add_effects(grey, ImageEffects(noise=6.0, blur=0.01), np.random.default_rng(0))
    assert noisy.dtype == np.uint8
    assert noisy.std() == pytest.approx(6.0, rel=0.05)
    assert noisy.mean() == pytest.approx(128.0, abs=0.2)
    edge = np.zeros((120, 160, 3), dtype=np.uint8)
    edge[:, 80:] = 255
    blurred = add_effects(edge, ImageEffects(noise=0.0, blur=0.01), np.random.default_rng(0))
    row = blurred[60, :, 0].astype(int)
    assert (np.diff(row) >= 0).all()
    assert 3 <= ((row > 0) & (row < 255)).sum() <= 10


def test_dark_and_bright_noise_is_clipped_not_wrapped():
    for value in (0, 255):
        image = np.full((40, 40, 3), value, dtype=np.uint8)
        noisy = add_effects(image, ImageEffects(20.0, 0.0), np.random.default_rng(0)).astype(int)
        assert np.abs(noisy - value).max() < 128


# Of the records of seeds 0 to 4 as the first release drew them: sha256 of those of their JSON.
RECORDS = {
    ("pick_place", 0): "fb8aa8aa3b398ce9",
    ("pick_place", 1): "fb320f3c9c13b8d2",
    ("pick_place", 2): "f588b5e2e8abc256",
    ("lift_cube", 0): "66f38b81364dba0d",
    ("lift_cube", 1): "bec603c3d35a9b8a",
    ("lift_cube", 2): "5b0d58063f293298",
    ("reach", 0): "10f098ac34b699fa",
    ("reach", 1): "3fedfeabdf0f465f",
    ("reach", 2): "77c73d4f8923c107",
}


@pytest.mark.parametrize(("task", "level"), RECORDS)
def test_the_same_seed_is_the_same_episode_as_in_the_first_release(task, level):
    sim = Simulation(task, level=level)
    drawn = [json.dumps(sim.reset(seed), sort_keys=True) for seed in range(5)]
    assert digest("".join(digest(text) for text in drawn)) == RECORDS[task, level]


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
