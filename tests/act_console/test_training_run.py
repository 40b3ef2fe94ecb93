"""A training that is started, watched and stopped from the page; what reaches the command line."""

from __future__ import annotations

import json
import sys

import pytest
from act_console.training_run import POINTS, Training, curves
from act_console.work import Robot
from act_core.errors import ConfigurationError
from act_core.setup_file import EMULATED, FILE, Setup

from tests.ros_rig import wait_until

PATIENCE_S = 60.0
LOG = "training.log"
# In place of the command `act`: tells what it was given, and waits for Ctrl-C as act-train does.
PROGRAM = """
import sys, time
try:
    print("given:", sys.argv[1:], flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    print("kept, go on with: act train", flush=True)
    sys.exit(130)
"""


@pytest.fixture
def setup(tmp_path, monkeypatch):
    monkeypatch.setenv("ACT_HOME", str(tmp_path))
    setup = Setup(tmp_path / "kitchen" / FILE, EMULATED)
    setup.save()
    return setup


@pytest.fixture
def training(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    one = Training([sys.executable, str(program)])
    yield one
    one.close()


def test_start_stop_and_go_on(training, setup):
    for _ in range(2):
        training.start("kitchen", "debug")
        wait_until(lambda: "given:" in training.tail(setup), PATIENCE_S)
        assert training.running == "kitchen"
        wait_until(lambda: training.tail(setup).endswith("]"), PATIENCE_S)
        assert training.tail(setup) == "given: ['train', 'kitchen', '--preset', 'debug']"
        with pytest.raises(ConfigurationError, match="still running"):
            training.start("kitchen")
        training.stop()
        wait_until(lambda: not training.running, PATIENCE_S)
        assert "kept" in training.tail(setup)
        assert training.ended() == "ended with code 130"
    with pytest.raises(ConfigurationError, match="no training runs"):
        training.stop()


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        ("kitchen", "debug; rm -rf ~"),
        ("kitchen", "--out=/tmp/x"),
        ("--help", ""),
        ("kitchen --out /tmp", ""),
        ("../kitchen", ""),
        ("/etc/passwd", ""),
        ("kitchen.yaml", ""),
        ("$(touch /tmp/x)", ""),
        ("", ""),
        (None, ""),
        ("bedroom", ""),
    ],
)
def test_only_a_known_set_up_and_preset_reach_the_command_line(training, setup, name, preset):
    with pytest.raises(ConfigurationError):
        training.start(name, preset)
    assert not training.running
    assert not (setup.folder / LOG).exists()


def test_a_dataset_is_made_without_a_training(training, setup):
    training.convert("kitchen")
    wait_until(lambda: training.tail(setup).endswith("]"), PATIENCE_S)
    assert training.tail(setup) == "given: ['convert', 'kitchen']"
    assert training.doing == "act convert kitchen"


@pytest.fixture
def robot(tmp_path):
    program = tmp_path / "robot.py"
    program.write_text(PROGRAM)
    one = Robot([sys.executable, str(program)])
    yield one
    one.close()


def test_one_robot_at_a_time_and_what_it_is_told(robot, setup):
    for begin, words in (
        (lambda: robot.start("kitchen"), ["up", "kitchen"]),
        (lambda: robot.act("kitchen"), ["run", "kitchen"]),
        (lambda: robot.show("kitchen", 3), ["teach", "kitchen", "--episodes", "3"]),
    ):
        begin()
        wait_until(lambda: robot.tail(setup).endswith("]"), PATIENCE_S)
        assert robot.tail(setup) == f"given: {words}"
        with pytest.raises(ConfigurationError, match="the robot of kitchen is still running"):
            robot.start("kitchen")
        robot.stop()
        wait_until(lambda: not robot.running, PATIENCE_S)


@pytest.mark.parametrize("episodes", [0, -1, 201, 2.5, True, "3", None, "3; reboot"])
def test_an_expert_shows_a_number_of_episodes(robot, setup, episodes):
    with pytest.raises(ConfigurationError, match="expected 1 to 200"):
        robot.show("kitchen", episodes)
    assert not robot.running


def test_no_expert_drives_a_real_arm(robot, setup):
    Setup(setup.folder.parent / "bench" / FILE, arm={"port": "/dev/ttyACM0"}).save()
    with pytest.raises(ConfigurationError, match="bench is a real arm"):
        robot.show("bench", 3)


@pytest.mark.parametrize("name", ["../kitchen", "kitchen/setup.yaml", "--help", "$(reboot)", None])
def test_only_a_known_set_up_starts_a_robot(robot, setup, name):
    for begin in (robot.start, robot.act, lambda name: robot.show(name, 1)):
        with pytest.raises(ConfigurationError):
            begin(name)
    assert not robot.running


def test_a_command_that_is_not_there_is_said(setup):
    with pytest.raises(ConfigurationError, match="cannot be started"):
        Training(["no-such-command"]).start("kitchen")


def test_the_curve_is_that_of_the_newest_run_as_far_as_it_is_written(setup):
    assert curves(setup) == {"loss": [], "validation_l1": []}
    for run, loss in (("001", 9.0), ("002", 1.0)):
        folder = setup.folder / "runs" / run
        folder.mkdir(parents=True)
        rows = [json.dumps({"step": step, "loss": loss / step}) for step in range(1, 1001)]
        rows += [json.dumps({"step": 1000, "validation_l1": 0.5}), "[]", '{"step": 1001, "lo']
        (folder / "log.jsonl").write_text("\n".join(rows))
    found = curves(setup)
    assert found["loss"][0] == (1, 1.0)
    assert 100 < len(found["loss"]) <= POINTS
    assert found["validation_l1"] == [(1000, 0.5)]


def test_a_progress_bar_is_one_line(training, setup):
    (setup.folder / LOG).write_bytes(b"begin\n" + b"".join(b"\r%d %%" % i for i in range(101)))
    assert training.tail(setup) == "begin\n100 %"
