"""What the launch of pip_ros2 does with processes when it is told to end, or is killed.

The launcher is a process of its own. Every process that it starts, and what these start, holds
a named pipe open for writing and writes there what happens to it. So the test waits for lines,
not for time, and the end of the pipe proves that nothing is left running.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import launch
import pytest

pytestmark = pytest.mark.skipif(
    not hasattr(launch, "refusal"),
    reason="a ROS 2 distribution provides launch: that of pip_ros2 is not in use",
)

# `tell` writes a line to the pipe; the handlers tell of signals and go on or end the process.
CHILD = """
import os, signal, sys
pipe = os.open(sys.argv[1], os.O_WRONLY)
def tell(text):
    os.write(pipe, (text + chr(10)).encode())
def on(name, end):
    def handler(signum, frame):
        tell(name)
        if end:
            os._exit(0)
    signal.signal(getattr(signal, name), handler)
"""
LIVE = "tell('ready')\nwhile True: signal.pause()\n"
LAUNCHER = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests run under nohup
from launch import LaunchDescription, LaunchService
from launch.actions import ExecuteProcess, SetLaunchConfiguration
pipe, sigterm_timeout, sigkill_timeout, *scripts = sys.argv[1:]
service = LaunchService()
service.include_launch_description(LaunchDescription([
    SetLaunchConfiguration("sigterm_timeout", sigterm_timeout),
    SetLaunchConfiguration("sigkill_timeout", sigkill_timeout),
    *(ExecuteProcess(cmd=[sys.executable, "-c", script, pipe], name="child", output="screen")
      for script in scripts),
]))
sys.exit(service.run())
"""


class Launcher:
    """A launcher with child processes, and the pipe on which these tell what happens."""

    def __init__(self, folder: Path) -> None:
        self._pipe = folder / "pipe"
        os.mkfifo(self._pipe)
        self.process: subprocess.Popen[str] | None = None

    def start(self, *scripts: str, timeouts_s: tuple[float, float] = (60.0, 60.0)) -> None:
        """Start the launcher and wait until every child is ready."""
        children = [CHILD + script + LIVE for script in scripts]
        package = str(Path(launch.__file__).parents[1])
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(self._pipe), *map(str, timeouts_s), *children],
            env={**os.environ, "PYTHONPATH": package},
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = self._pipe.open()
        for _ in scripts:
            assert self.line() == "ready"

    def line(self) -> str:
        """Wait for the next line of the children; '' once none of them is left."""
        return self._reader.readline().rstrip("\n")

    def rest(self) -> list[str]:
        """Wait until none of the children is left; return what they told until then."""
        return self._reader.read().splitlines()

    def send(self, signum: signal.Signals) -> None:
        """Send a signal to the launcher alone."""
        assert self.process is not None
        self.process.send_signal(signum)

    def end(self) -> tuple[int, str]:
        """Wait for the launcher; return its exit code and what it printed."""
        assert self.process is not None
        printed, _ = self.process.communicate()
        return self.process.returncode, printed

    def close(self) -> None:
        """End whatever a failed test has left."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    launcher = Launcher(tmp_path)
    yield launcher
    launcher.close()


@pytest.mark.parametrize(
    ("signum", "return_code"),
    [(signal.SIGINT, 0), (signal.SIGTERM, 1), (signal.SIGQUIT, 1), (signal.SIGHUP, 1)],
)
def test_a_signal_to_the_launcher_ends_every_process_in_order(
    launcher, signum, return_code
) -> None:
    launcher.start("on('SIGINT', True)\n", "on('SIGINT', True)\n")
    launcher.send(signum)
    assert launcher.rest() == ["SIGINT", "SIGINT"]
    code, printed = launcher.end()
    assert code == return_code
    assert printed.count("process has finished cleanly") == 2


def test_ctrl_c_in_a_terminal_reaches_each_process_once(launcher) -> None:
    """A terminal signals the whole foreground group; the children are not in it."""
    launcher.start("on('SIGINT', False)\non('SIGTERM', True)\n", timeouts_s=(0.3, 60.0))
    os.killpg(launcher.process.pid, signal.SIGINT)
    assert launcher.rest() == ["SIGINT", "SIGTERM"]
    assert launcher.end()[0] == 0


def test_a_killed_launcher_leaves_nothing_behind(launcher) -> None:
    launcher.start("on('SIGINT', True)\n", "os.fork()\non('SIGINT', True)\n")
    assert launcher.line() == "ready"  # the third, which the second has started
    launcher.send(signal.SIGKILL)
    assert launcher.rest() == ["SIGINT", "SIGINT", "SIGINT"]
    assert launcher.end()[0] == -signal.SIGKILL


def test_impatience_escalates(launcher) -> None:
    """Each further Ctrl-C takes the next step at once instead of after a minute."""
    launcher.start("on('SIGINT', False)\non('SIGTERM', False)\n")
    launcher.send(signal.SIGINT)
    assert launcher.line() == "SIGINT"
    launcher.send(signal.SIGINT)
    assert launcher.line() == "SIGTERM"
    launcher.send(signal.SIGINT)
    assert launcher.rest() == []
    code, printed = launcher.end()
    assert code == 0
    assert "again, sending 'SIGTERM' now" in printed
    assert "exit code -9" in printed


def test_what_a_process_has_started_ends_with_it(launcher) -> None:
    """The child obeys SIGINT, its own child only SIGTERM."""
    launcher.start(
        "if os.fork(): on('SIGINT', True)\nelse: on('SIGINT', False); on('SIGTERM', True)\n",
        timeouts_s=(0.3, 60.0),
    )
    assert launcher.line() == "ready"
    launcher.send(signal.SIGINT)
    assert sorted(launcher.rest()) == ["SIGINT", "SIGINT", "SIGTERM"]
    code, printed = launcher.end()
    assert code == 0
    assert "failed to terminate '0.3' seconds after receiving 'SIGINT'" in printed


def test_the_screen(launcher) -> None:
    launcher.start("on('SIGINT', True)\nprint('hello', flush=True)\n")
    launcher.send(signal.SIGINT)
    _, printed = launcher.end()
    lines = printed.splitlines()
    assert lines[0].startswith("[INFO] [launch]: All log files can be found below ")
    assert lines[1] == "[INFO] [launch]: Default logging verbosity is set to INFO"
    assert lines[2].startswith("[INFO] [child-1]: process started with pid [")
    assert lines[3:5] == [
        "[child-1] hello",
        "[WARNING] [launch]: user interrupted with ctrl-c (SIGINT)",
    ]
    assert lines[5] == "[INFO] [child-1]: sending signal 'SIGINT' to process[child-1]"
    assert lines[6].startswith("[INFO] [child-1]: process has finished cleanly [pid ")
    assert len(lines) == 7


@pytest.mark.parametrize(("entity", "return_code"), [("LogInfo(msg='fine')", 0), ("1", 1)])
def test_exit_code(entity, return_code) -> None:
    script = f"""
        import sys
        from launch import LaunchDescription, LaunchService
        from launch.actions import LogInfo
        service = LaunchService()
        service.include_launch_description(LaunchDescription([{entity}]))
        sys.exit(service.run())
    """
    package = str(Path(launch.__file__).parents[1])
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": package},
        check=False,
    )
    assert result.returncode == return_code


def test_what_a_killed_launcher_and_its_killed_guard_left_is_ended_by_the_next(tmp_path) -> None:
    """As after the system has run out of memory."""
    from launch.process_guard import group_is_alive
    from launch.process_record import end_left_over, started

    file = tmp_path / "sleep.launch.py"
    file.write_text(
        "from launch import LaunchDescription\n"
        "from launch.actions import ExecuteProcess\n"
        "def generate_launch_description():\n"
        "    return LaunchDescription([ExecuteProcess(cmd=['sleep', '1000'])])\n"
    )
    logs = tmp_path / "logs"
    launcher = subprocess.Popen(
        [sys.executable, "-m", "ros2cli", "launch", str(file)],
        env={**os.environ, "ROS_LOG_DIR": str(logs)}, start_new_session=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip

    def recorded() -> list[str]:
        return [line for path in logs.glob("*/processes") for line in path.read_text().split("\n")]

    while not any(recorded()):  # the guard is there by then, too
        assert launcher.poll() is None
        time.sleep(0.02)
    pid = int(recorded()[0].split()[0])
    assert end_left_over(logs) == [], "the launcher lives"
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
    (guard,) = (int(child) for child in children if int(child) != pid)
    launcher.send_signal(signal.SIGSTOP)  # it shall not start another guard
    os.kill(guard, signal.SIGKILL)
    launcher.kill()
    launcher.wait()
    assert started(pid), "it still runs"
    assert end_left_over(logs) == [pid]
    assert end_left_over(logs) == []
    assert not group_is_alive(pid)


def test_a_process_that_only_has_the_same_id_is_left_alone(tmp_path) -> None:
    from launch.process_record import NAME, end_left_over

    (tmp_path / "old").mkdir()
    for content in (f"{os.getpid()} 1\n", "garbage\n", "99999999 \n", ""):
        (tmp_path / "old" / NAME).write_text(content)
        assert end_left_over(tmp_path) == []
