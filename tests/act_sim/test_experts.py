"""The demonstrators: they succeed, calmly, from any start, and answer disturbances."""

from __future__ import annotations

import json

import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.robots.so101 import SO101_LIMITS
from act_sim import expert_success
from act_sim.expert_success import run_episode
from act_sim.experts import make_expert
from act_sim.objects import CUBE
from act_sim.simulation import Simulation
from act_sim.task import Task
from act_sim.task_registry import task_names
from act_sim.tasks.reach import Reach


def demonstrate(sim: Simulation, seed: int) -> np.ndarray:
    """(steps, J): the labels of one episode."""
    sim.reset(seed)
    expert = make_expert(sim)
    labels = []
    while not expert.done:
        labels.append(expert.act())
        sim.step(labels[-1])
    return np.array(labels)


@pytest.mark.parametrize("task", task_names())
@pytest.mark.parametrize("level", [0, 2])
def test_succeeds(task, level):
    """How many of hundreds: docs/results.md, docs/simulation.md (act_sim.expert_success)."""
    sim = Simulation(task, level=level)
    seeds = range(4 if sim.task.time_limit_s < 20.0 else 1)
    reports = [run_episode(sim, seed) for seed in seeds]
    assert [report.reason for report in reports] == ["success"] * len(seeds)


def test_demonstrations_are_short_and_win_their_grasp():
    sim = Simulation("pick_place")
    report = run_episode(sim, 11)
    assert (report.grasps_tried, report.grasps_won) == (1, 1)
    assert 60 < report.steps < 200


def test_the_same_episode_gives_the_same_labels():
    sim = Simulation("pick_place", level=1)
    assert np.array_equal(demonstrate(sim, 4), demonstrate(sim, 4))


@pytest.mark.parametrize("control_hz", [30, 100])
def test_commands_keep_the_arms_limits(control_hz):
    sim = Simulation("pick_place", level=2, control_hz=control_hz)
    labels = demonstrate(sim, 2)
    assert sim.report.success
    limits = SO101_LIMITS
    assert (labels >= limits.lower_rad).all()
    assert (labels <= limits.upper_rad).all()
    velocity = np.diff(labels, axis=0) * control_hz
    assert (np.abs(velocity) <= limits.max_velocity_rad_s + 1e-6).all()
    acceleration = np.diff(velocity, axis=0) * control_hz
    assert (np.abs(acceleration) <= limits.max_acceleration_rad_s2 + 1e-6).all()


def test_noise_on_the_commands_is_corrected():
    sim = Simulation("pick_place", level=1)
    reports = [run_episode(sim, seed, noise_rad=0.02) for seed in range(3)]
    assert [report.reason for report in reports] == ["success"] * 3


def test_a_cube_taken_out_of_the_gripper_is_fetched_again():
    sim = Simulation("pick_place")
    sim.reset(0)
    expert = make_expert(sim)
    while sim.position(CUBE)[2] < 0.07:
        sim.step(expert.act())
    x, y = sim.record["objects"]["cube"]
    sim.put(CUBE, (x, y, 0.016))
    sim.data.joint(CUBE).qvel[:] = 0.0
    while not expert.done:
        sim.step(expert.act())
    assert sim.report.success
    assert sim.report.grasps_tried == 2


@pytest.mark.parametrize("steps", [15, 30, 45, 60, 75])
def test_a_new_expert_goes_on_with_what_another_has_begun(steps):
    """In every phase: it neither lets go of the cube nor goes up again to begin anew."""
    sim = Simulation("pick_place", control_hz=30)
    sim.reset(2)
    expert = make_expert(sim)
    for _ in range(steps):
        sim.step(expert.act())
    begun = sim.report
    assert not begun.finished
    expert = make_expert(sim)
    before = sim.command.copy()
    first = expert.act()
    change = SO101_LIMITS.max_acceleration_rad_s2 / 30**2
    assert (np.abs(first - before) <= change + 1e-6).all(), "starts where the last command was"
    sim.step(first)
    while not expert.done:
        sim.step(expert.act())
    assert sim.report.success
    assert sim.report.grasps_tried == 1
    assert sim.report.steps < 1.25 * len(demonstrate(Simulation("pick_place", control_hz=30), 2))


def test_the_left_of_two_arms_works_and_the_right_one_waits():
    sim = Simulation("pick_place", arms=2)
    labels = demonstrate(sim, 0)
    assert sim.report.success
    assert labels.shape[1] == 12
    assert (labels[:, 6:] == labels[0, 6:]).all()


def test_a_task_without_expert_is_refused():
    class Inexpert(Reach):
        make_expert = Task.make_expert

    with pytest.raises(ConfigurationError, match="task 'reach' has no scripted expert") as refused:
        make_expert(Simulation(Inexpert()))
    assert "tasks that have one, nearest first: reach, " in str(refused.value)


def test_success_is_counted_with_an_interval(capsys):
    expert_success.main(["--task", "reach", "--episodes", "12", "--workers", "1"])
    result = json.loads(capsys.readouterr().out)
    assert (result["episodes"], result["successes"], result["failed"]) == (12, 12, [])
    # Wilson, 12 of 12 at 95 %.
    assert result["rate_95"] == pytest.approx([0.7575, 1.0], abs=1e-3)
