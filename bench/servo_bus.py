"""The servo bus against the emulator, with the wire's own time: how long, how punctual, how costly.

    python -m bench.servo_bus --seconds 300

Three parts, one JSON line:

- ``cycle``: read 6 joints with one sync read and write 6 goals with one sync write, at --rate.
- ``node``: the driver node at --rate, commanded at 100 Hz: lateness, overruns, CPU time.
- ``node_at_100_hz``: the same at 100 Hz; ``cores_at_100_hz`` is its CPU time.

Beside each of them a loop that only waits runs at the same rate and priority: ``host`` is how late
that was. What is late in both is the machine's doing.

A cycle cannot be shorter than its bytes on the wire, at 10 us each: 14 of the request, and six
replies of 12 to 15 (6 overhead; position, velocity and load; sync reads take turns in four
lengths) with 3 between them, are 1.01 to 1.19 ms. The 26 of the sync write (6 servos x (id + goal))
go out while the processor does something else: 0.26 ms that end before the next period begins.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress

import numpy as np
import rclpy
from act_core import ros, topics
from act_core.realtime import prepare_process, request_fifo
from act_core.robots.so101 import JOINT_NAMES, SO101_LIMITS
from act_core.timing import LoopStats, MonotonicClock, PeriodicSchedule, to_ns
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from so101_driver.arm import So101Arm
from so101_driver.arm_driver import BUS_SHARE
from so101_driver.bus import Bus
from so101_driver.bus_errors import NoReplyError
from so101_driver.calibration import load
from so101_driver.transport import SerialTransport

from bench._host_jitter import host_jitter
from bench._machine import cpu_name, cpu_seconds, percentiles_to_max_ms
from bench._servo_emulator import Emulator, running_emulator

NODE = "import sys; from so101_driver.driver_node import main; sys.exit(main())"
PRIORITY = 50
EMULATOR_PRIORITY = 60  # it stands in for hardware
WARM_UP_S = 3.0


def bare_cycles(emulator: Emulator, rate_hz: float, seconds: float) -> dict[str, object]:
    """The bus alone, in this process."""
    arm = So101Arm(Bus(SerialTransport(str(emulator.port))), load(emulator.calibration))
    arm.configure()
    arm.enable_torque()
    start, _ = arm.read_goals()
    prepare_process()
    granted = request_fifo(PRIORITY)
    clock, schedule, stats = MonotonicClock(), PeriodicSchedule(1 / rate_hz), LoopStats(10**6)
    budget_ns = to_ns(BUS_SHARE / rate_hz)  # as the driver has it: it asks again in that time
    lasted_s: list[float] = []
    for tick in range(round(seconds * rate_hz)):
        stats.record(schedule.wait())
        before_ns = clock.now_ns()
        with suppress(NoReplyError):  # counted in failures
            arm.read_state(before_ns + budget_ns)
        arm.write_goals(start + 0.1 * np.sin(tick / rate_hz))
        lasted_s.append((clock.now_ns() - before_ns) / 1e9)
    loop = stats.snapshot()
    assert loop is not None  # it has run
    counters = arm.bus.counters
    arm.release()
    arm.bus.close()
    return {
        "cycle_ms": percentiles_to_max_ms(lasted_s),
        "lateness_p99.9_ms": round(1e3 * loop.p999_s, 3),
        "cycles": len(lasted_s),
        "overruns": loop.overruns + sum(value > 1 / rate_hz for value in lasted_s),
        "retries": counters.retries,
        "failures": counters.failures,
        "fifo": granted,
    }


class Commander(Node):
    """Moves the joints gently and listens to the driver's diagnostics."""

    def __init__(self) -> None:
        super().__init__("bench_commander")
        self.values: dict[str, str] = {}
        self.start: np.ndarray | None = None
        self.ticks = 0
        self._commands = ros.publisher(self, topics.JOINT_COMMANDS)
        ros.subscription(self, topics.DIAGNOSTICS, self._on_diagnostics)
        ros.subscription(self, topics.JOINT_COMMANDS_APPLIED, self._on_applied)
        self.create_timer(0.01, self._command)

    def _on_applied(self, message: object) -> None:
        if self.start is None:
            self.start = ros.read_joints(message, JOINT_NAMES).position

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == "/so101_driver: control":
                self.values = ros.diagnostic_values(status)

    def _command(self) -> None:
        if self.start is not None:
            self.ticks += 1
            target = self.start + 0.1 * np.sin(self.ticks / 100)
            target = np.clip(target, SO101_LIMITS.lower_rad, SO101_LIMITS.upper_rad)
            self._commands.publish(ros.joint_state(JOINT_NAMES, target, 0))


def driver_node(emulator: Emulator, rate_hz: float, seconds: float) -> dict[str, object]:
    """The node, in a process of its own; what it says of its loop, and what it costs."""
    parameters = {
        "port": emulator.port,
        "calibration": emulator.calibration,
        "rate_hz": rate_hz,
        "realtime_priority": PRIORITY,
        "exit_policy": "release",
    }
    pairs = (("-p", f"{name}:={value}") for name, value in parameters.items())
    command = [sys.executable, "-c", NODE, "--ros-args", *(part for p in pairs for part in p)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    commander, clock = Commander(), MonotonicClock()

    def spin(for_s: float) -> None:
        end_ns = clock.now_ns() + to_ns(for_s)
        while clock.now_ns() < end_ns:
            rclpy.spin_once(commander, timeout_sec=0.1)
            if process.poll() is not None:
                raise SystemExit(f"the driver node ended with code {process.returncode}")

    try:
        while "ticks" not in commander.values or commander.start is None:
            spin(0.1)
        spin(WARM_UP_S)
        before, cpu_s, start_ns = commander.values, cpu_seconds(process.pid), clock.now_ns()
        with host_jitter(rate_hz, PRIORITY) as host:
            spin(seconds)
        cores = (cpu_seconds(process.pid) - cpu_s) / ((clock.now_ns() - start_ns) / 1e9)
        after = commander.values
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
        commander.destroy_node()
    return {
        "ticks": int(after["ticks"]) - int(before["ticks"]),
        "overruns": int(after["overruns"]) - int(before["overruns"]),
        "lateness_p99.9_ms": float(after["lateness_p99.9_ms"]),
        "without_state": int(after.get("cycles_without_state", 0)),
        "cores": round(cores, 3),
        "cpu_ms_per_cycle": round(1e3 * cores / rate_hz, 3),
        "host": host,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="of each of the first two parts"
    )
    parser.add_argument("--rate", type=float, default=200.0, help="[Hz]")
    arguments = parser.parse_args()
    rclpy.init()
    # The node parts first: this process becomes a real-time one for the other.
    with running_emulator("--priority", str(EMULATOR_PRIORITY)) as emulator:
        node = driver_node(emulator, arguments.rate, arguments.seconds)
        at_100_hz = driver_node(emulator, 100.0, min(30.0, arguments.seconds))
    rclpy.try_shutdown()
    with (
        running_emulator("--priority", str(EMULATOR_PRIORITY)) as emulator,
        host_jitter(arguments.rate, PRIORITY) as host,
    ):
        cycle = bare_cycles(emulator, arguments.rate, arguments.seconds)
    result = {
        "bench": "servo_bus",
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "seconds": arguments.seconds,
        "rate_hz": arguments.rate,
        **cycle,
        "host": host,
        "node": node,
        "node_at_100_hz": at_100_hz,
        "cores_at_100_hz": at_100_hz["cores"],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
