"""The commands of an evening as a person types them."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from pathlib import Path

from tests.fastdds import PROFILE_VARIABLE
from tests.launches import ament, finish, started

PROFILE = f"{ament.get_package_share_directory('act_bringup')}/config/fastdds.xml"
PATIENCE_S = 900.0  # of a busy machine


def run(home: Path, command: str) -> subprocess.Popen:
    """Starts a command, with the set-ups of that folder."""
    process = subprocess.Popen(
        shlex.split(command),
        env={**os.environ, "ACT_HOME": str(home), PROFILE_VARIABLE: PROFILE},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    started(process)
    return process


def lines_until(process: subprocess.Popen, *words: str) -> str:
    """What it has said when a line holds all these words, or at its end."""
    seen = ""
    for line in process.stdout:
        seen += line
        if all(word in line for word in words):
            break
    return seen


def interrupt(process: subprocess.Popen) -> None:
    """Ctrl-C."""
    os.killpg(process.pid, signal.SIGINT)


def ended(process: subprocess.Popen) -> tuple[int, str]:
    """Its exit code, and the rest of what it said."""
    said = finish(process, PATIENCE_S)
    return process.returncode, said
