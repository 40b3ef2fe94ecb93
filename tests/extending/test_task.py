"""A task from outside the tree is added by one file and runs wherever the shipped ones do."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest
from act_core.errors import ConfigurationError
from act_sim.expert_success import run_episode
from act_sim.sim_bridge import SimBridge
from act_sim.simulation import Simulation
from act_sim.task import Progress, Task
from act_sim.task_registry import find_task, register_task, task_names
from act_training.environments import open_environment

from tests.ros_rig import PATIENCE_S

FILE = Path(__file__).parents[2] / "examples" / "own_task.py"
PLACE = f"{FILE}:PointAtBall"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package as pip leaves it: a module, and an entry point in its metadata."""
    info = tmp_path / "pointing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pointing\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[act_sim.tasks]\npoint = pointing:PointAtIt\n")
    source = FILE.read_text().replace('@register_task("point_at_ball")\n', "")
    (tmp_path / "pointing.py").write_text(source.replace("PointAtBall", "PointAtIt"))
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.parametrize("level", [0, 2])
def test_its_expert_succeeds(level):
    sim = Simulation(PLACE, level=level)
    reports = [run_episode(sim, seed) for seed in range(3)]
    assert [(report.task, report.reason) for report in reports] == [
        ("point_at_ball", "success")
    ] * 3
    assert ("ball_green" in sim.record["randomization"]) == (level > 0)


def test_it_is_an_environment_of_gymnasium():
    find_task(PLACE)
    env = gymnasium.make("act_sim/PointAtBall-v0", cameras=("front",), image_size=(32, 48))
    _, info = env.reset(seed=1, options={"objects": {"ball": (0.3, 0.05)}})
    assert info["record"]["objects"] == {"ball": [0.3, 0.05]}
    assert env.step(env.action_space.sample())[0]["images"]["front"].shape == (32, 48, 3)
    assert pickle.loads(pickle.dumps(env)).unwrapped.sim.task.name == "point_at_ball"
    env.close()


def test_training_opens_it():
    environment = open_environment(f"so101/{PLACE}", height=24, width=32)
    environment.reset(2)
    assert environment.placement_names == ("ball_0", "ball_1")
    finished = False
    while not finished:
        outcome = environment.step(environment.expert_action())
        finished = outcome.finished
    assert outcome.success
    environment.close()


def test_the_bridge_of_the_sim_node_runs_it():
    bridge = SimBridge(Simulation(PLACE, control_hz=100), episodes=1)
    for period in range(700):
        now_ns = (1 + period) * 10_000_000
        target = bridge.expert_target()
        bridge.command(bridge.sim.joint_names, target, now_ns)
        bridge.tick(now_ns)
    assert [report.success for report in bridge.reports] == [True]


def test_an_installed_package_offers_it_by_name(installed):
    assert "point" in task_names()
    assert run_episode(Simulation("point"), 0).success
    code = "import act_sim, gymnasium; print('act_sim/Point-v0' in gymnasium.registry)"
    printed = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert printed.stdout == "True\n", printed.stderr


class Whole(Task):
    time_limit_s, hold_s = 1.0, 0.1

    def add_objects(self, spec): ...

    def draw_start(self, rng):
        return {}

    def apply_start(self, sim, start): ...

    def progress(self, sim):
        return Progress(False, 1.0)


class NoProgress(Whole):
    progress = Task.progress
    hold_s = Task.__dict__.get("hold_s")


class WrongProgress(Whole):
    def progress(self, sim):
        return True


class WrongStart(Whole):
    def draw_start(self, rng):
        return {"where": rng.uniform(0, 1, 2)}


class WrongGrasped(Whole):
    grasped = "cub"


class NeedsArguments(Whole):
    def __init__(self, size):
        self.size = size


class NoTask:
    pass


HERE = Path(__file__)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pik_place", "unknown task 'pik_place'; did you mean 'pick_place'\\? known: .*lift_cube, "
                      ".*transfer_cube.*; one of your own: package.module:Name or file.py:Name"),
        ("", "unknown task ''"),
        ("..pick_place", "unknown task"),
        ("nowhere.at_all:Task", "cannot import 'nowhere.at_all': .*No module named 'nowhere'"),
        ("/nowhere/task.py:Task", "cannot import '/nowhere/task.py': .*No such file"),
        (":Task", "cannot import ''"),
        (f"{FILE}:PointAtBal", "unknown name 'PointAtBal'; did you mean 'PointAtBall'"),
        (f"{FILE}:RADIUS_M", "builtins:float is no subclass of act_sim.task.Task"),
        (f"{HERE}:NoTask", "NoTask is no subclass of act_sim.task.Task"),
        (f"{HERE}:NoProgress", r"NoProgress lacks hold_s, a number .*; progress, a method \(sim\)"),
        (f"{HERE}:WrongProgress", r"progress returned True, expected a Progress\(achieved, "),
        (f"{HERE}:WrongStart", "what it draws has to be a dict of plain numbers"),
        (f"{HERE}:WrongGrasped", "its `grasped` is no body that it adds: unknown body 'cub'"),
        (f"{HERE}:NeedsArguments", "NeedsArguments is made without arguments: .*'size'"),
    ],
)  # fmt: skip
def test_what_is_no_task_is_named_with_what_is_missing(name, said):
    with pytest.raises(ConfigurationError, match=said):
        Simulation(name)


def test_an_object_that_is_no_task_is_refused_too():
    with pytest.raises(ConfigurationError, match="is no subclass of act_sim.task.Task"):
        Simulation(NoTask())


def test_two_tasks_of_one_name_are_refused():
    find_task("reach")
    with pytest.raises(ConfigurationError, match="two tasks are called 'reach': .*Reach and .*"):
        register_task("reach")(Whole)


def test_a_file_that_is_broken_is_named(tmp_path):
    (tmp_path / "broken.py").write_text("import nothing_of_the_kind\n")
    with pytest.raises(ConfigurationError, match="No module named 'nothing_of_the_kind'"):
        Simulation(f"{tmp_path / 'broken.py'}:Task")
