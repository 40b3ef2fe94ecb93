"""Two arms hand a cube over: what counts as done, and how the expert does it."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.robots.so101_bimanual import SO101_BIMANUAL
from act_sim.experts import make_expert, warning_of_expert
from act_sim.objects import BOWL, BOWL_RIM_RADIUS_M, CUBE
from act_sim.simulation import Simulation
from act_sim.task import outside_reach
from act_sim.task_registry import find_task
from act_sim.tasks.transfer_cube import CUBE_X_M, CUBE_Y_M

BETWEEN_M = np.array([0.29, -0.2, 0.015])  # on the table, half-way between the arms


@pytest.fixture(scope="module")
def sim() -> Simulation:
    return Simulation("transfer_cube")


def put_cube(sim: Simulation, position: np.ndarray) -> None:
    sim.data.joint(CUBE).qvel[:] = 0.0
    sim.put(CUBE, position)


def reached_by_the_left_hand() -> np.ndarray:
    """Grasp points (2000, 3) [m] in random poses, in the frame of the left arm's base."""
    sim = Simulation("transfer_cube")
    rng = np.random.default_rng(0)
    limits, points = sim.limits, []
    for _ in range(2000):
        sim.data.qpos[sim._qpos] = rng.uniform(limits.lower_rad, limits.upper_rad)
        mujoco.mj_kinematics(sim.model, sim.data)
        points.append(sim.grasp_position())
    return np.array(points)


def stay(sim: Simulation, periods: int):
    target = np.array(sim.record["arm_start_rad"])
    for _ in range(periods):
        report = sim.step(target)
    return report


def test_the_task_brings_its_second_arm(sim):
    assert sim.arms == 2
    assert sim.joint_names == SO101_BIMANUAL.joint_names
    assert {"front", "left_wrist", "right_wrist"} <= set(sim.cameras)


def test_one_arm_is_too_few():
    with pytest.raises(ConfigurationError, match="arms is 1; the task 'transfer_cube' takes 2"):
        Simulation("transfer_cube", arms=1)


def test_the_level_that_its_expert_does_not_master_is_told(sim):
    assert warning_of_expert(sim) is None
    beyond = "level 3: the scripted expert of transfer_cube masters levels 0 to 2"
    assert beyond in warning_of_expert(Simulation("transfer_cube", level=3))
    assert warning_of_expert(Simulation("reach", level=3)) is None


def test_cubes_start_where_the_left_arm_reaches_and_bowls_stand_where_it_does_not():
    task = find_task("transfer_cube")
    drawn = [task.draw_start(np.random.default_rng(seed)) for seed in range(500)]
    cubes, bowls = (np.array([start[name] for start in drawn]) for name in ("cube", "bowl"))
    for axis, (low, high) in enumerate((CUBE_X_M, CUBE_Y_M)):
        assert low <= cubes[:, axis].min() < low + 0.01
        assert high - 0.01 < cubes[:, axis].max() <= high
    assert not any(outside_reach(*cube, margin_m=0.0) for cube in cubes)
    assert np.ptp(bowls, axis=0) == pytest.approx([0.14, 0.07], abs=0.01)
    gaps = np.linalg.norm(reached_by_the_left_hand()[:, None, :2] - bowls[None, :50], axis=2)
    assert gaps.min() > BOWL_RIM_RADIUS_M


def test_a_cube_in_the_bowl_is_a_success_and_one_beside_it_a_failure(sim):
    sim.reset(0)
    bowl = sim.position(BOWL)
    put_cube(sim, bowl + np.array([0.01, 0.0, 0.06]))
    assert stay(sim, 40).outcome == "success"
    sim.reset(0)
    put_cube(sim, bowl + np.array([0.0, BOWL_RIM_RADIUS_M + 0.03, 0.015]))
    report = stay(sim, 1)
    assert report.outcome == "failure"
    assert report.reason == "the cube lies where the left arm cannot take it"


def test_a_cube_that_was_dropped_between_the_arms_is_a_failure(sim):
    sim.reset(0)
    put_cube(sim, BETWEEN_M)
    assert stay(sim, 1).outcome == "failure"


def test_the_cube_goes_from_hand_to_hand_in_the_air_and_a_new_expert_goes_on_with_it(sim):
    """One episode, with another expert from the middle of the handing over on."""
    sim.reset(3)
    expert = make_expert(sim)
    holders, heights, commands = [], [], []
    changed_at = None
    while not expert.done:
        commands.append(expert.act())
        sim.step(commands[-1])
        left, right = (all(touching) for touching in sim.touching_of_arms)
        holders.append((left, right))
        heights.append(sim.position(CUBE)[2])
        if (left, right) == (True, True) and changed_at is None:
            changed_at = len(commands)
            expert = make_expert(sim)
    assert sim.report.outcome == "success"
    assert sim.report.grasps_tried == 1
    both = [step for step, held in enumerate(holders) if held == (True, True)]
    assert both, "there is a moment in which both hold it"
    assert min(np.array(heights)[both]) > 0.15
    taken = max(step for step, held in enumerate(holders) if held[0])
    given = min(step for step, held in enumerate(holders) if held[1])
    assert min(heights[given : taken + 1]) > 0.15, "it never falls in between"
    velocity = np.diff(commands, axis=0) * sim.control_hz
    assert (np.abs(velocity) <= SO101_BIMANUAL.limits.max_velocity_rad_s + 1e-6).all()
    lower, upper = sim.limits.lower_rad, sim.limits.upper_rad
    assert ((np.array(commands) >= lower) & (np.array(commands) <= upper)).all()
