"""A process that forgets to close its renderer ends without a complaint."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.ros_rig import PATIENCE_S

FORGETFUL = """
import weakref
class Thing: pass
thing = Thing()
{early}weakref.finalize(thing, print, "finalizers of others")
from act_sim.simulation import Simulation
sim = Simulation("reach")
sim.reset(0)
print(sim.render("front", 48, 64).shape)
"""


@pytest.mark.parametrize("early", ["", "# "], ids=["finalizers first", "renderer first"])
def test_exit_without_close(early):
    path = os.pathsep.join(sys.path)
    ended = subprocess.run(
        [sys.executable, "-c", FORGETFUL.format(early=early)],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert ended.returncode == 0
    assert "(48, 64, 3)" in ended.stdout
    assert "Error" not in ended.stderr
