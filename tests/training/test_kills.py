"""A few of the kills and full disks of `bench.kills`, whose docstring says what must hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.training.commands import ROOT


@pytest.mark.parametrize(("commands", "kills"), [(["calibrate", "import", "resume"], 5)])
def test_what_stood_before_stands(commands, kills):
    arguments = ["--kills", str(kills), "--full-disks", str(len(commands)), "--only", *commands]
    ended = subprocess.run(
        [sys.executable, "-m", "bench.kills", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout.splitlines()[-1])
    assert result["problems"] == 0
    assert sum(command["kills"] for command in result["commands"].values()) == kills
    assert sum(command["full_disks"] for command in result["commands"].values()) == len(commands)
