"""`ros2 launch` as a user types it: starting it, its output, its end. Skips without a workspace."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.fastdds import PROFILE_VARIABLE
from tests.ros_rig import PATIENCE_S

ament = pytest.importorskip("ament_index_python", reason="run `make setup`: ROS 2 is missing")
try:
    ament.get_package_prefix("act_bringup")
except ament.PackageNotFoundError:
    pytest.skip(
        "the workspace is not sourced; run `make test`, or `source env.sh` first",
        allow_module_level=True,
    )


_started: list[subprocess.Popen] = []


def launch(file: str, *arguments: str) -> subprocess.Popen:
    """A launch file of act_bringup, with the transports that it has for a user."""
    profile = f"{ament.get_package_share_directory('act_bringup')}/config/fastdds.xml"
    process = subprocess.Popen(
        ["ros2", "launch", "act_bringup", file, *arguments],
        env={**os.environ, PROFILE_VARIABLE: profile},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    started(process)
    return process


def started(process: subprocess.Popen) -> None:
    """Of a test: what it leaves is ended."""
    _started.append(process)


def end_left_over() -> None:
    """Ends what a test that failed has left, which would go on for ever beside the next ones."""
    while _started:
        process = _started.pop()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def finish(process: subprocess.Popen, timeout_s: float = 2 * PATIENCE_S) -> str:
    """The rest of its output, when it has ended; it may have much to do until then."""
    try:
        return process.communicate(timeout=timeout_s)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def pids_of(output: str) -> list[int]:
    return [int(pid) for pid in re.findall(r"process started with pid \[(\d+)\]", output)]


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
