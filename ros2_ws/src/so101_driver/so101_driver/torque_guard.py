"""A second process that carries out the exit policy when the driver cannot: SIGKILL, a crash of
the interpreter.

The driver holds the writing end of a pipe and writes into it what is to be done should it die now,
a line for every change. When the pipe closes, the last line counts; without one, and after
``hold``, there is nothing to do. The driver's port is free then, and the guard opens it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from act_core.limits import JointLimits
from act_core.robot import Robot
from act_core.robots.so101 import JOINT_NAMES, SO101
from act_core.timing import Clock, MonotonicClock, to_ns

from so101_driver.arm import So101Arm
from so101_driver.backoff import Backoff
from so101_driver.bus import Bus
from so101_driver.bus_errors import BusError, PortError
from so101_driver.calibration import load
from so101_driver.exit_policy import HOLD, RELEASE, UNCONFIRMED, carry_out
from so101_driver.so_arm import find_arm
from so101_driver.transport import SerialTransport

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0  # between guards that do not live long
PATIENCE_S = 5.0  # for the port to become free, and for servos that do not answer


class TorqueGuard:
    """Starts the guard process, which does nothing until it was told what to do by `expect`.

    A guard that is killed is replaced by `tend`: at once, and with growing pauses when the next one
    does not live long either. The methods may be called from any thread.

    Args:
        port, baud: of the bus.
        calibration: file; says which servos there are and where they may go.
        limits: that the driver keeps; the guard keeps their speeds and accelerations.
        clock: monotonic.
        robot: name or file of the arm.
    """

    def __init__(
        self,
        port: str,
        baud: int,
        calibration: Path,
        limits: JointLimits,
        clock: Clock | None = None,
        robot: str = SO101.name,
    ) -> None:
        self._arguments = ["--port", port, "--baud", str(baud), "--calibration", str(calibration)]
        self._arguments += ["--robot", robot]
        self._arguments += ["--velocity", *map(str, limits.max_velocity_rad_s)]
        self._arguments += ["--acceleration", *map(str, limits.max_acceleration_rad_s2)]
        self._clock = clock if clock is not None else MonotonicClock()
        self._lock = threading.Lock()
        self._expected = HOLD
        self._wanted = True
        self._pauses = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._due_ns: int | None = None  # when the next one is to start; None: there is one
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self._started_ns = self._clock.now_ns()
        return subprocess.Popen(
            [sys.executable, "-m", "so101_driver.torque_guard", *self._arguments],
            stdin=subprocess.PIPE,
            # Not in the driver's process group: Ctrl-C and `kill -- -group` are not for it.
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    @property
    def is_alive(self) -> bool:
        """Whether it stands by."""
        return self._process.poll() is None

    def expect(self, policy: str) -> None:
        """What to do from now on, should the driver die."""
        if policy == self._expected:
            return
        with self._lock:
            self._expected = policy
            self._tell()

    def tend(self) -> str | None:
        """Called now and then: starts another guard when this one has ended; says so, once each."""
        with self._lock:
            if not self._wanted or self.is_alive:
                return None
            now_ns = self._clock.now_ns()
            if self._due_ns is None:
                if now_ns - self._started_ns > to_ns(LONGEST_PAUSE_S):
                    self._pauses.reset()
                pause_s = self._pauses.next()
                self._due_ns = now_ns + to_ns(pause_s)
                if pause_s:
                    return f"{self._how_it_ended()}: another one starts in {pause_s:g} s"
            if now_ns < self._due_ns:
                return None
            how = self._how_it_ended()
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process, self._due_ns = self._start(), None
            self._tell()
            return f"{how}: another one stands by"

    def _how_it_ended(self) -> str:
        code = self._process.returncode
        how = f"was killed (signal {-code})" if code < 0 else f"has ended (exit code {code})"
        return f"the torque guard {how}"

    def _tell(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it has ended already; `tend` sees to that
            self._process.stdin.write(self._expected.encode() + b"\n")
            self._process.stdin.flush()

    def dismiss(self) -> None:
        """The driver has seen to the torque itself."""
        self.expect(HOLD)
        self.leave()
        with contextlib.suppress(subprocess.TimeoutExpired):  # still starting: it will read that
            self._process.wait(timeout=PATIENCE_S)

    def leave(self) -> None:
        """The driver ends and leaves the torque to the guard."""
        with self._lock:
            self._wanted = False
            assert self._process.stdin is not None
            with contextlib.suppress(OSError):
                self._process.stdin.close()


def guard(
    port: str, baud: int, calibration: Path, policy: str, robot: Robot, limits: JointLimits
) -> str:
    """Carries out the policy, again and again until it succeeds or `PATIENCE_S` is over."""
    clock = MonotonicClock()
    deadline_ns = clock.now_ns() + to_ns(PATIENCE_S)
    while True:
        try:
            bus = Bus(SerialTransport(port, baud))
            try:
                done = carry_out(policy, So101Arm(bus, load(calibration, robot)), limits)
            finally:
                bus.close()
            if UNCONFIRMED not in done or clock.now_ns() >= deadline_ns:
                return done
            policy = RELEASE  # once more: a bus that is behind has not heard of it yet
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
    parser.add_argument("--robot", default=SO101.name)
    parser.add_argument("--velocity", type=float, nargs=len(JOINT_NAMES), required=True)
    parser.add_argument("--acceleration", type=float, nargs=len(JOINT_NAMES), required=True)
    arguments = parser.parse_args(argv)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    policy = (sys.stdin.buffer.read().decode().split() or [HOLD])[-1]
    if policy == HOLD:
        return 0
    robot = find_arm(arguments.robot)
    limits = replace(
        robot.limits,
        max_velocity_rad_s=np.array(arguments.velocity),
        max_acceleration_rad_s2=np.array(arguments.acceleration),
    )
    done = guard(arguments.port, arguments.baud, arguments.calibration, policy, robot, limits)
    print(f"torque guard: the driver has died; {done}", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
