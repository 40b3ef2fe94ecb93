"""The evening in short, on an emulated arm, with the commands that a person types and no others."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.fastdds import PROFILE_VARIABLE
from tests.launches import ament, finish

PROFILE = f"{ament.get_package_share_directory('act_bringup')}/config/fastdds.xml"

PATIENCE_S = 900.0  # of a busy machine; an idle one needs 40 s for all of it
COMMANDS = (
    "so101-setup save kitchen --emulated --episodes 2",
    "act teach",
    "act train kitchen --preset debug",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("act")


def run(home: Path, command: str) -> subprocess.Popen:
    return subprocess.Popen(
        command.split(),
        env={**os.environ, "ACT_HOME": str(home), PROFILE_VARIABLE: PROFILE},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.timeout(3600)
def test_from_nothing_to_a_policy_that_acts(home):
    """Each command's last line is the next command to type."""
    said = finish(run(home, "act"), PATIENCE_S)
    assert "There is no set-up yet" in said
    for command, following in zip(COMMANDS, ("teach", "train", "run"), strict=True):
        process = run(home, command)
        said = finish(process, PATIENCE_S)
        assert process.returncode == 0, said
        assert said.splitlines()[-1] == f"next: act {following} kitchen", said

    said = finish(run(home, "act"), PATIENCE_S)
    assert "✓ demonstrations  2 of 2" in said
    assert "✓ policy          'kitchen', from 1 demonstration\n" in said  # one was held out

    process = run(home, "act run")
    seen = ""
    for line in process.stdout:
        seen += line
        if "drives" in line and "acting" in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    seen += finish(process, PATIENCE_S)
    assert process.returncode == 0, seen
    assert "acting: policy 'kitchen' (/act_policy) drives" in seen
