"""The bus emulator in a process of its own, for benchmarks."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from so101_driver.emulator.pty_port import wait_for_port

EMULATOR = "import sys; from so101_driver.emulator.cli import main; sys.exit(main())"


class Emulator(NamedTuple):
    """Where it is."""

    port: Path
    calibration: Path
    pid: int


@contextmanager
def running_emulator(*arguments: str) -> Iterator[Emulator]:
    """Serves until the end of the `with`."""
    with tempfile.TemporaryDirectory() as folder:
        port, calibration = Path(folder) / "arm", Path(folder) / "calibration.json"
        process = subprocess.Popen(
            [sys.executable, "-c", EMULATOR, "--pty", str(port),
             "--save-calibration", str(calibration), *arguments],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            if not wait_for_port(port, 30.0):
                raise SystemExit("the emulator did not start")
            yield Emulator(port, calibration, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
