"""A second process that carries out the exit policy when the driver cannot: SIGKILL, a crash of
the interpreter.

The driver holds the writing end of a pipe. When that closes without a good-bye, the driver has
died: its port is free then, and the guard opens it.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from act_core.timing import MonotonicClock, to_ns

from so101_driver.arm import So101Arm
from so101_driver.bus import Bus
from so101_driver.bus_errors import BusError, PortError
from so101_driver.calibration import load
from so101_driver.exit_policy import EXIT_POLICIES, carry_out
from so101_driver.transport import SerialTransport

GOODBYE = b"done"
PATIENCE_S = 5.0  # for the port to become free, and for servos that do not answer


class TorqueGuard:
    """Starts the guard process; from then on, the policy is carried out unless `dismiss` is called.

    Args:
        port, baud: of the bus.
        calibration: file; says which servos there are and where they may go.
        policy: see `exit_policy`.
    """

    def __init__(self, port: str, baud: int, calibration: Path, policy: str) -> None:
        arguments = ["--port", port, "--baud", str(baud), "--calibration", str(calibration)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "so101_driver.torque_guard", *arguments, "--policy", policy],
            stdin=subprocess.PIPE,
            # Not in the driver's process group: Ctrl-C and `kill -- -group` are not for it.
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    @property
    def is_alive(self) -> bool:
        """Whether it stands by."""
        return self._process.poll() is None

    def dismiss(self) -> None:
        """The driver has seen to the torque itself."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(GOODBYE)
            self._process.stdin.close()
        except OSError:
            pass  # it has ended already
        self._process.wait(timeout=PATIENCE_S)


def guard(port: str, baud: int, calibration: Path, policy: str) -> str:
    """Carries out the policy, again and again until it succeeds or `PATIENCE_S` is over."""
    clock = MonotonicClock()
    deadline_ns = clock.now_ns() + to_ns(PATIENCE_S)
    while True:
        try:
            bus = Bus(SerialTransport(port, baud))
            try:
                return carry_out(policy, So101Arm(bus, load(calibration)))
            finally:
                bus.close()
        except BusError as error:
            if clock.now_ns() >= deadline_ns:
                return f"exit policy '{policy}' failed: {error}"
            pause_s = 0.05 if isinstance(error, PortError) else 0.0
            clock.sleep_until_ns(clock.now_ns() + to_ns(pause_s))


def main(argv: Sequence[str] | None = None) -> int:
    """Waits for the end of the driver."""
    parser = argparse.ArgumentParser(prog="torque_guard", description=__doc__)
    parser.add_argument("--port", required=True)
    parser.add_argument("--baud", type=int, required=True)
    parser.add_argument("--calibration", type=Path, required=True)
    parser.add_argument("--policy", choices=EXIT_POLICIES, required=True)
    arguments = parser.parse_args(argv)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.read() == GOODBYE:
        return 0
    done = guard(arguments.port, arguments.baud, arguments.calibration, arguments.policy)
    print(f"torque guard: the driver died; {done}", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
