"""What a killed process leaves: segments of shared memory; and where logs can go."""

from __future__ import annotations

import glob
import os
import subprocess
import sys

import pytest
from ros2cli import leftovers, log_folder

from pip_ros2.tests.conftest import ros2_environment

TALKER = "import rclpy; rclpy.init(); n = rclpy.create_node('a'); print('up', flush=True); input()"


def segments_of(process: subprocess.Popen) -> set[str]:
    """The segments whose locks a process holds: it has made them."""
    links = [os.readlink(link) for link in glob.glob(f"/proc/{process.pid}/fd/*")]
    locks = [os.path.basename(link) for link in links if link.startswith("/dev/shm/fastdds_")]
    return {name.removesuffix("_el") for name in locks if "port" not in name}


def test_segments_of_the_killed_go_and_those_of_the_living_stay():
    pytest.importorskip("rclpy", reason="run `make setup`: rclpy is not installed")
    talkers = [
        subprocess.Popen(
            [sys.executable, "-c", TALKER], env=ros2_environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    for talker in talkers:
        talker.stdout.readline()
    killed, living = map(segments_of, talkers)
    assert killed
    assert living
    talkers[0].kill()
    talkers[0].wait()
    leftovers.clean()
    there = {path.name for path in leftovers.SHARED_MEMORY.iterdir()}
    assert not there & killed
    assert there >= living
    talkers[1].communicate(b"\n")


def test_what_is_no_segment_stays(tmp_path):
    for name in ("fastdds_port7411_el", "fastdds_0123_el", "other"):
        (tmp_path / name).touch()
    assert leftovers.clean(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 3
    assert leftovers.clean(tmp_path / "none") == 0


@pytest.fixture
def environment(monkeypatch, tmp_path):
    for name in ("ROS_LOG_DIR", "ROS_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(log_folder.tempfile, "tempdir", None)
    (tmp_path / "tmp").mkdir()
    return monkeypatch


def test_a_folder_that_can_be_used_is_left_alone(environment, tmp_path, capsys):
    log_folder.ensure()
    assert "ROS_LOG_DIR" not in os.environ
    assert (tmp_path / ".ros/log").is_dir()
    environment.setenv("ROS_LOG_DIR", str(tmp_path / "logs"))
    log_folder.ensure()
    assert os.environ["ROS_LOG_DIR"] == str(tmp_path / "logs")
    assert capsys.readouterr().err == ""


def test_home_unset_is_the_users_home(environment, tmp_path):
    environment.delenv("HOME")
    environment.setenv("ROS_LOG_DIR", str(tmp_path))
    log_folder.ensure()
    assert os.path.isdir(os.environ["HOME"])


@pytest.mark.parametrize(
    ("wanted", "why"),
    [("file", "File exists"), ("file/below", "Not a directory"), ("/proc/none", "No such file")],
)
def test_a_folder_that_cannot_be_used_is_replaced_with_a_line(
    environment, tmp_path, capsys, wanted, why
):
    (tmp_path / "file").touch()
    environment.setenv("ROS_LOG_DIR", str(tmp_path / wanted))
    log_folder.ensure()
    instead = tmp_path / "tmp" / f"ros_log_{os.getuid()}"
    assert os.environ["ROS_LOG_DIR"] == str(instead)
    line = f"ros2: logs go to {instead}, for {tmp_path / wanted} cannot be used: {why}"
    assert capsys.readouterr().err.startswith(line)
