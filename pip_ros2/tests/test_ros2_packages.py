"""pkg, run and launch with a package of a made-up workspace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ros2cli import launch, packages, run
from ros2cli.errors import CliError

MOVE = """\
#!/usr/bin/env python3
import sys, time
if "stay" not in sys.argv:
    print("moving", *sys.argv[1:], flush=True)
if "fail" in sys.argv:
    sys.exit(3)
if "stay" in sys.argv:
    try:
        print("moving", *sys.argv[1:], flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print("tidy end", flush=True)
        sys.exit(0)
"""

LAUNCH = """\
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess
from launch.substitutions import LaunchConfiguration


def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument("task", default_value="reach", description="What to do",
                              choices=["reach", "pick_place"]),
        DeclareLaunchArgument("seed", description="Random seed"),
        ExecuteProcess(cmd=["echo", "task is", LaunchConfiguration("task")], output="screen"),
    ])
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package `demo_arm` with two executables and a launch file."""
    prefix = tmp_path / "install"
    index = prefix / packages.INDEX / "packages"
    index.mkdir(parents=True)
    (index / "demo_arm").touch()
    programs = prefix / "lib" / "demo_arm"
    programs.mkdir(parents=True)
    for name in ("move", "calibrate"):
        (programs / name).write_text(MOVE)
        (programs / name).chmod(0o755)
    (programs / "notes.txt").touch()
    (programs / ".hidden").mkdir()
    folder = prefix / "share" / "demo_arm" / "launch"
    folder.mkdir(parents=True)
    (folder / "sim.launch.py").write_text(LAUNCH)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(prefix))
    return prefix


def test_pkg(workspace, ros2):
    listed = ros2("pkg", "list").out.splitlines()
    assert "demo_arm" in listed
    assert "std_msgs" in listed  # the environment of the wheels is added
    assert ros2("pkg", "prefix", "demo_arm").out == f"{workspace}\n"
    share = ros2("pkg", "prefix", "--share", "demo_arm").out
    assert share == f"{workspace / 'share' / 'demo_arm'}\n"
    names = ros2("pkg", "executables", "demo_arm").out
    assert names == "demo_arm calibrate\ndemo_arm move\n"
    paths = ros2("pkg", "executables", "demo_arm", "--full-path").out.split()
    assert paths == [str(workspace / "lib" / "demo_arm" / name) for name in ("calibrate", "move")]


def test_the_first_prefix_wins(workspace, tmp_path, monkeypatch):
    overlay = tmp_path / "overlay"
    (overlay / packages.INDEX / "packages").mkdir(parents=True)
    (overlay / packages.INDEX / "packages" / "demo_arm").touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{overlay}{os.pathsep}/gone{os.pathsep}{workspace}")
    assert packages.package_prefix("demo_arm") == overlay


def test_run(workspace, ros2):
    done = ros2("run", "demo_arm", "move", "--speed", "2")
    assert (done.code, done.out) == (0, "moving --speed 2\n")
    failed = ros2("run", "demo_arm", "move", "fail")
    assert failed.code == 3
    assert "[ros2run]: Process exited with failure 3" in failed.out
    prefixed = ros2("run", "--prefix", "env GREETING='good day'", "demo_arm", "move")
    assert prefixed.out == "moving\n"
    typo = ros2("run", "demo_arm", "mvoe")
    assert typo.code == 1
    assert "unknown executable 'mvoe' of package 'demo_arm'; did you mean 'move'?" in typo.err
    assert "did you mean 'demo_arm'" in ros2("run", "demo_arn", "move").err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 128 + 15)])
def test_run_hands_signals_on_and_waits_for_the_end(workspace, start, number, code):
    """The terminal sends SIGINT to both; SIGTERM comes to the command alone."""
    process = start("-m", "ros2cli", "run", "demo_arm", "move", "stay")
    process.wait_for("moving stay")
    children = Path(f"/proc/{process.popen.pid}/task/{process.popen.pid}/children")
    child = int(children.read_text())
    process.popen.send_signal(number)
    if number == signal.SIGINT:
        time.sleep(0.2)  # it was alone in getting it, and has not ended
        assert process.popen.poll() is None
        os.kill(child, number)
    assert process.wait() == code
    assert ("tidy end" in process.lines) == (number == signal.SIGINT)
    assert "Traceback" not in process.output


def test_launch_by_package_and_by_path(workspace, ros2):
    done = ros2("launch", "demo_arm", "sim.launch.py", "seed:=1", "task:=pick_place")
    assert done.code == 0
    assert "task is pick_place" in done.out + done.err
    path = str(workspace / "share" / "demo_arm" / "launch" / "sim.launch.py")
    by_path = ros2("launch", path, "seed:=1")
    assert "task is reach" in by_path.out + by_path.err


def test_launch_show_args(workspace, ros2):
    done = ros2("launch", "demo_arm", "sim.launch.py", "--show-args")
    assert done.code == 0
    assert done.out.startswith("Arguments (pass arguments as '<name>:=<value>'):\n\n    'task':\n")
    assert "What to do" in done.out
    assert "pick_place" in done.out
    assert "(default: 'reach')" in done.out
    seed = done.out.split("'seed':")[1]
    assert "Random seed" in seed
    assert "default" not in seed


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["demo_arm", "sim.launch.py", "seed:=1", "taks:=reach"],
         "unknown launch argument 'taks' of sim.launch.py (--allow-undeclared passes it);"
         " did you mean 'task'? known: seed, task"),
        (["demo_arm", "sim.launch.py", "seed=1"], "malformed launch argument 'seed=1', expected"),
        (["demo_arm", "sim.launch.py", "seed:="], "malformed launch argument 'seed:='"),
        (["demo_arm", "sin.launch.py"], "unknown launch file 'sin.launch.py' of package 'demo_arm';"
         " did you mean 'sim.launch.py'?"),
        (["demo_arm"], "name a launch file of package 'demo_arm': sim.launch.py"),
        (["demo_arms", "sim.launch.py"], "unknown package 'demo_arms'"),
        (["./gone.launch.py"], "unknown launch file './gone.launch.py'; there is none"),
    ],
)  # fmt: skip
def test_launch_mistakes(workspace, ros2, words, text):
    done = ros2("launch", *words)
    assert done.code == 1
    assert text in done.err


def test_a_broken_launch_file_is_an_error_with_its_line(tmp_path, ros2):
    file = tmp_path / "broken.launch.py"
    file.write_text("def generate_launch_description():\n    raise ValueError('no camera')\n")
    done = ros2("launch", str(file))
    assert done.code == 1
    assert f"cannot load {file}, line 2: ValueError: no camera" in done.err
    assert "Traceback" not in done.err
    assert "Traceback" in ros2("launch", "--debug", str(file)).err


def test_an_undeclared_argument_can_be_passed_on(workspace, ros2):
    words = ("demo_arm", "sim.launch.py", "--allow-undeclared", "seed:=1", "other:=2")
    done = ros2("launch", *words)
    assert done.code == 0
    assert "task is reach" in done.out + done.err


def test_of_equal_names_the_last_wins_and_values_may_hold_the_separator():
    assert launch.parse_arguments(["a:=1", "b:=x:=y", "a:=2"]) == {"a": "2", "b": "x:=y"}


def test_a_launch_file_that_is_there_twice_is_refused(workspace):
    other = workspace / "share" / "demo_arm" / "config" / "sim.launch.py"
    other.parent.mkdir()
    other.touch()
    with pytest.raises(CliError, match="is there more than once"):
        launch.locate("demo_arm", "sim.launch.py", [])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 128 + 15)])
def test_signals_while_the_executable_starts(workspace, monkeypatch, number, code):
    """A slow machine: the child is at work before its starter is back from starting it."""

    class Slow(subprocess.Popen):
        def __init__(self, command: list[str]) -> None:
            super().__init__(command, stdout=subprocess.PIPE)
            assert b"moving stay" in self.stdout.readline()
            signal.raise_signal(number)
            if number == signal.SIGINT:
                self.send_signal(number)  # as the terminal does

    monkeypatch.setattr(run.subprocess, "Popen", Slow)
    before = signal.getsignal(number)
    path = workspace / "lib" / "demo_arm" / "move"
    assert run.run_executable([sys.executable, str(path), "stay"]) == code
    assert signal.getsignal(number) == before
