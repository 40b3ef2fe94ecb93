"""One arm that is the mirror image of the other: the second arm of the transfer experiment."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_sim.experts import make_expert
from act_sim.mirror import MIRROR_SIGNS
from act_sim.simulation import Simulation

STEPS = 75  # at 30 Hz: to the cube, around it, and up with it


@pytest.fixture(scope="module")
def pair() -> tuple[Simulation, Simulation]:
    sims = Simulation("pick_place"), Simulation("pick_place", mirrored=True)
    yield sims
    for sim in sims:
        sim.close()


def begin(pair: tuple[Simulation, Simulation], seed: int) -> None:
    """The episode of a seed, and the same in a mirror."""
    arm, mirror_image = pair
    record = arm.reset(seed)
    objects = record["objects"]
    swapped = {
        "cube": [objects["cube"][0], -objects["cube"][1]],
        "cube_yaw": -objects["cube_yaw"],
        "bowl": [objects["bowl"][0], -objects["bowl"][1]],
    }
    start = np.array(record["arm_start_rad"]) * MIRROR_SIGNS
    mirror_image.reset(seed, objects=swapped, arm_start_rad=start)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_mirrored_episode_is_the_mirror_image(pair, seed):
    """Within 1e-6 for the arm, and for the cube, which the expert takes and lifts."""
    arm, mirror_image = pair
    begin(pair, seed)
    expert = make_expert(arm)
    apart = {"joints": 0.0, "cube": 0.0}
    lifted = 0.0
    for _ in range(STEPS):
        command = expert.act()
        arm.step(command)
        mirror_image.step(command * MIRROR_SIGNS)
        joints = arm.joint_position - mirror_image.joint_position * MIRROR_SIGNS
        cube = arm.position("cube") - mirror_image.position("cube") * (1.0, -1.0, 1.0)
        apart["joints"] = max(apart["joints"], float(np.abs(joints).max()))
        apart["cube"] = max(apart["cube"], float(np.abs(cube).max()))
        lifted = max(lifted, float(arm.position("cube")[2]))
    assert lifted > 0.03
    assert apart["joints"] < 1e-6
    assert apart["cube"] < 1e-6


def test_every_camera_shows_the_mirror_image(pair):
    """Up to the pixels on edges, which a rasterizer gives to one side: at most 1 % of them."""
    arm, mirror_image = pair
    begin(pair, 3)
    assert set(arm.symmetric_cameras) == set(arm.cameras) == {"front", "top", "wrist"}
    for camera in arm.cameras:
        image = arm.render(camera, 240, 320).astype(int)
        difference = np.abs(mirror_image.render(camera, 240, 320)[:, ::-1] - image).max(axis=2)
        assert (difference > 8).mean() < 0.01, camera
        unmirrored = np.abs(mirror_image.render(camera, 240, 320) - image).max(axis=2)
        assert (unmirrored > 8).mean() > 0.02, f"{camera}: the test would notice"


def test_a_camera_beside_the_mirror_plane_is_not_symmetric():
    sim = Simulation("reach", look="room")
    assert sim.symmetric_cameras == ("top", "wrist")
    sim.close()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"arms": 2}, "of two arms the right one is mirrored already"),
        ({"mjcf": "own.xml"}, r"cannot mirror the arm of 'own\.xml'"),
        ({"arm_parameters": "own.yaml"}, "those of one arm; this simulation has its mirror image"),
    ],
)
def test_what_cannot_be_mirrored(options, text):
    with pytest.raises(ConfigurationError, match=text):
        Simulation("reach", mirrored=True, **options)


def test_no_expert_moves_it(pair):
    with pytest.raises(ConfigurationError, match="no expert moves a mirrored arm"):
        make_expert(pair[1])
