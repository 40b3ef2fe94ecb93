"""What tests of several files of the driver have in common."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def lerobot_home(tmp_path, monkeypatch) -> Path:
    """The folder of LeRobot's calibrations, which nothing is in yet."""
    for name in ("HF_LEROBOT_CALIBRATION", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_LEROBOT_HOME", str(tmp_path))
    return tmp_path / "calibration"
