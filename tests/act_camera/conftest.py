"""A folder for what ROS keeps of its user, so that no calibration of this machine is found."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def ros_home(tmp_path, monkeypatch):
    monkeypatch.setenv("ROS_HOME", str(tmp_path / "ros_home"))
    return tmp_path / "ros_home"
