"""Where tasks start and when they count as done."""

from __future__ import annotations

import numpy as np
import pytest
from act_sim.objects import BOWL_RIM_RADIUS_M, CUBE
from act_sim.simulation import Simulation
from act_sim.task import REGION_X_M, REGION_Y_M, outside_reach
from act_sim.task_registry import find_task
from act_sim.tasks.pick_place import MIN_DISTANCE_M


@pytest.fixture(scope="module")
def pick_place() -> Simulation:
    return Simulation("pick_place")


def starts(task: str, count: int = 500) -> list[dict]:
    return [find_task(task).draw_start(np.random.default_rng(seed)) for seed in range(count)]


def test_region_is_at_least_20_by_20_cm():
    for low, high in (REGION_X_M, REGION_Y_M):
        assert high - low >= 0.2 - 1e-9


@pytest.mark.parametrize("task", ["pick_place", "lift_cube", "reach"])
def test_starts_differ_and_fill_the_region(task):
    key = "marker" if task == "reach" else "cube"
    points = np.array([start[key][:2] for start in starts(task)])
    assert len(np.unique(points, axis=0)) == len(points)
    for axis, (low, high) in enumerate((REGION_X_M, REGION_Y_M)):
        assert low <= points[:, axis].min() < low + 0.01
        assert high - 0.01 < points[:, axis].max() <= high


def test_cube_takes_any_yaw_and_never_starts_in_or_under_the_bowl():
    drawn = starts("pick_place")
    yaws = np.array([start["cube_yaw"] for start in drawn])
    assert np.histogram(yaws, 8, (-np.pi, np.pi))[0].min() > 30
    gaps = [np.hypot(*np.subtract(start["cube"], start["bowl"])) for start in drawn]
    assert min(gaps) >= MIN_DISTANCE_M > BOWL_RIM_RADIUS_M + 0.03


def test_the_arm_starts_elsewhere_with_every_seed(pick_place):
    poses = []
    for seed in range(5):
        pick_place.reset(seed)
        poses.append(pick_place.joint_position)
    assert np.ptp(poses, axis=0).min() > 0.02


def test_everything_is_at_rest_when_the_episode_starts(pick_place):
    for seed in range(5):
        pick_place.reset(seed)
        assert np.abs(pick_place.data.qvel).max() < 0.05
        assert pick_place.position(CUBE)[2] == pytest.approx(0.015, abs=5e-4)


def hold_still(sim: Simulation, periods: int):
    target = np.array(sim.record["arm_start_rad"])
    for _ in range(periods):
        report = sim.step(target)
    return report


def put_cube(sim: Simulation, position) -> None:
    sim.data.joint(CUBE).qvel[:] = 0.0
    sim.put(CUBE, position)


def test_a_cube_that_comes_to_rest_in_the_bowl_is_a_success(pick_place):
    pick_place.reset(0)
    bowl = pick_place.position("bowl")
    put_cube(pick_place, bowl + np.array([0.01, 0.01, 0.06]))
    assert hold_still(pick_place, 3).outcome == "running", "it still falls"
    report = hold_still(pick_place, 40)
    assert report.outcome == "success"
    assert report.distance_m < 0.03
    assert (report.grasps_tried, report.grasps_won) == (0, 0)


def test_a_cube_beside_the_bowl_is_none(pick_place):
    pick_place.reset(0)
    bowl = pick_place.position("bowl")
    put_cube(pick_place, bowl + np.array([0.0, BOWL_RIM_RADIUS_M + 0.03, 0.015]))
    assert hold_still(pick_place, 30).outcome == "running"


def test_a_cube_out_of_reach_ends_the_episode(pick_place):
    pick_place.reset(0)
    put_cube(pick_place, (0.30, 0.25, 0.015))
    report = hold_still(pick_place, 1)
    assert (report.outcome, report.reason) == ("failure", "the cube is out of reach")
    assert outside_reach(0.30, 0.25)
    assert not outside_reach(0.25, 0.0)


def test_doing_nothing_runs_into_the_time_limit():
    sim = Simulation("reach")
    sim.reset(0)
    report = hold_still(sim, 150)
    assert (report.outcome, report.steps) == ("time_limit", 150)
    assert report.reason == "time limit of 5 s"
    assert report.distance_m > 0.02
    assert hold_still(sim, 1).outcome == "time_limit", "and stays finished"


def close_gripper(sim: Simulation, cube_below_m: float | None):
    """Opens and closes the gripper, with the cube held so far below it when given."""
    target = np.array(sim.record["arm_start_rad"])
    for opening in (0.8, 0.0):
        target[5] = opening
        for _ in range(20):
            if cube_below_m is not None:
                put_cube(sim, sim.grasp_position() - [0.0, 0.0, cube_below_m])
            report = sim.step(target)
    return report


def test_a_closing_gripper_is_a_try_only_near_the_cube(pick_place):
    pick_place.reset(0)
    assert close_gripper(pick_place, None).grasps_tried == 0
    report = close_gripper(pick_place, 0.035)
    assert (report.grasps_tried, report.grasps_won) == (1, 0)
