"""The beginning of an evening, the calibration, of an emulated arm whose hand does as told."""

from __future__ import annotations

import os
import re
import subprocess
import threading

import pytest

from tests.evening.evening import PATIENCE_S
from tests.launches import started
from tests.ros_rig import wait_until


class Spoken:
    """A command that asks, and all that it has said."""

    def __init__(self, command: str, **environment: str) -> None:
        self.popen = subprocess.Popen(
            command.split(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={**os.environ, **environment}, start_new_session=True,
        )  # fmt: skip
        started(self.popen)
        self.said = ""
        self._answers = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while data := os.read(self.popen.stdout.fileno(), 4096):
            self.said += data.decode(errors="replace")

    def asks_again(self) -> bool:
        """Waits until it waits for Enter, which is to be hit, or has ended: false."""

        def has_asked() -> bool:
            questions = re.findall(r"then Enter:|press Enter\.|take it as it is:", self.said)
            return len(questions) > self._answers

        wait_until(lambda: has_asked() or self.popen.poll() is not None, PATIENCE_S)
        return self.popen.poll() is None

    def wait_for(self, words: str) -> None:
        wait_until(lambda: words in self.said or self.popen.poll() is not None, PATIENCE_S)
        assert words in self.said, self.said

    def enter(self) -> None:
        self._answers += 1
        self.popen.stdin.write(b"\n")
        self.popen.stdin.flush()


@pytest.fixture
def arm(tmp_path):
    emulator = Spoken(f"so101-emulator --pty {tmp_path}/arm --hand sweep --priority 60")
    emulator.wait_for("6 servos on")
    yield emulator
    emulator.popen.terminate()
    emulator.popen.wait(PATIENCE_S)


@pytest.mark.timeout(3600)
def test_it_is_calibrated_and_then_as_its_calibration_says(arm, tmp_path):
    where = {"HF_LEROBOT_CALIBRATION": str(tmp_path / "calibrations")}
    setup = Spoken(f"so101-setup calibrate --port {tmp_path}/arm --name rehearsal", **where)
    setup.wait_for("goes limp")
    setup.enter()
    setup.wait_for("MIDDLE")
    arm.wait_for("to the middle: there")
    setup.enter()
    arm.wait_for("from end to end")
    while setup.asks_again():  # until every joint has been at both ends
        setup.enter()
    assert setup.popen.returncode == 0, setup.said
    setup.wait_for("Calibrated: ")
    arm.wait_for("back and forth")

    check = Spoken(f"so101-setup check --port {tmp_path}/arm --name rehearsal", **where)
    assert check.popen.wait(PATIENCE_S) == 0, check.said
