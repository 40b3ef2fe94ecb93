"""The SO-101 arm on the topics of the runtime: joint states out, limited joint commands in."""

from __future__ import annotations

import re
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from typing import Any

from act_core import ros, topics
from act_core.arm_node import ArmNode, ArmSample
from act_core.control_loop import ControlLoop
from act_core.incidents import Incidents
from act_core.realtime import fifo_is_granted, prepare_process, request_fifo
from act_core.report import Report

from so101_driver import driver_report
from so101_driver.arm import So101Arm
from so101_driver.arm_driver import ArmDriver, Cycle
from so101_driver.bus import Bus
from so101_driver.calibration import find, load
from so101_driver.calibration_checks import doubts
from so101_driver.driver_parameters import DriverParameters
from so101_driver.exit_policy import HOLD
from so101_driver.request_queue import RefusedError
from so101_driver.so_arm import find_arm
from so101_driver.torque_guard import TorqueGuard
from so101_driver.transport import SerialTransport

_DIGITS = re.compile(r"[0-9.]+")  # what differs between lines about one thing
ANSWER_S = 3.0  # that a service waits for the control thread
# Torque of a standing motor at full duty and 7.4 V, as identified (act_sim uses the same figure).
STALL_TORQUE_NM = 3.35


class DriverNode(ArmNode):
    """Owns the arm: an `ArmDriver` behind an `ArmNode`. Parameters: `DriverParameters`.

    Threads: the executor's (services, diagnostics, the log), ``listener`` (commands), and
    ``control``, which alone talks to the bus. ``effort`` in joint states is the duty of the motors
    as torque [N m] of a standing joint: right for holding, too high in motion.
    """

    def __init__(self, **overrides: Any) -> None:
        super().__init__("so101_driver", **overrides)
        p = self.parameters = ros.declare_parameters(self, DriverParameters)
        own = find_arm(p.robot)
        arm = own.prefixed(p.joint_prefix)
        path = find(p.calibration, robot=own)
        calibration = load(path, own)  # wrong ones end the node here, with their reason
        for text in doubts(calibration, own):
            self.get_logger().warning(f"{path}: {text}")

        def open_arm() -> So101Arm:
            bus = Bus(SerialTransport(p.port, p.baud), reply_slack_s=p.reply_slack_s())
            return So101Arm(bus, calibration, p.servo_settings())

        limits = p.limits()
        settings = p.driver_settings(ros.has_simulated_time(self))
        self.driver = ArmDriver(open_arm, settings, limits)
        self._cycle: Cycle | None = None
        self._said = {level: Incidents() for level in ("error", "warning", "info")}
        self._guard: TorqueGuard | None = None
        if p.guard and p.exit_policy != HOLD:
            self._guard = TorqueGuard(p.port, p.baud, path, limits, robot=p.robot)
        granted = fifo_is_granted(p.realtime_priority)
        self.loop = ControlLoop(self._tick, p.rate_hz, self._on_error, p.realtime_priority)
        priority = p.realtime_priority // 2  # of the other Python threads; see act_core.realtime
        self.serve(
            self.driver, limits, 1 / p.rate_hz, p, self.loop.stats, p.port, arm.grippers,
            listener_priority=priority,
        )  # fmt: skip
        self.describe(arm)
        ros.service(self, topics.DRIVER_TORQUE, self._on_torque)
        ros.service(self, topics.DRIVER_RECOVER, self._on_recover)
        if p.realtime_priority:
            prepare_process()
        self.get_logger().info(
            f"{own.name} at {p.port}, calibration {path}, {p.rate_hz:g} Hz, "
            f"{'SCHED_FIFO' if granted else 'no SCHED_FIFO'}, on exit: {p.exit_policy}"
        )
        self.loop.start()
        request_fifo(priority)

    def close(self) -> None:
        """Ends the control thread and carries out the exit policy."""
        self.stop_listening()
        self.loop.close()
        ending = self.driver.shut_down(self.parameters.exit_policy)
        if ending.done:
            self.get_logger().info(f"end: {ending.text}")
        else:
            self.get_logger().error(f"end: {ending.text}")
        if self._guard is not None:
            if ending.done:
                self._guard.dismiss()
            else:
                self._guard.leave()  # it tries for some seconds more

    # -- control thread ------------------------------------------------------------------------

    def _tick(self) -> None:
        start_ns = self.now_ns()
        cycle = self.driver.cycle(start_ns)
        self._cycle = cycle
        if self._guard is not None:
            self._guard.expect(self.driver.ending(self.parameters.exit_policy))
        sample = None
        if cycle.state is not None:
            # The servos answer one after the other: the stamp is the middle of it.
            stamp_ns = start_ns + round(self.driver.read_s * 5e8)
            state = cycle.state
            effort = state.load * STALL_TORQUE_NM
            sample = ArmSample(stamp_ns, state.position_rad, state.velocity_rad_s, effort)
        faults, age_s = self.driver.faults.faults, self.status.states.age_s
        hold, failing = cycle.hold, bool(faults) or sample is None
        patience_s = self.driver.settings.patience_s
        if not faults and sample is None and age_s is not None and age_s < patience_s:
            # A reply or two got lost: the next cycle is likely to get its own.
            hold, failing = self.status.hold, self.status.failing
        self.publish(sample, cycle.applied, self.now_ns(), hold, failing)

    def _on_error(self, error: Exception) -> None:
        self.get_logger().error(f"control: {error!r}", throttle_duration_sec=5.0)

    # -- executor ------------------------------------------------------------------------------

    def _on_torque(self, request: Any, response: Any) -> Any:
        return self._answer(self.driver.request_torque(request.data), response)

    def _on_recover(self, _request: Any, response: Any) -> Any:
        return self._answer(self.driver.request_recovery(), response)

    def _answer(self, future: Future[str], response: Any) -> Any:
        try:
            response.message, response.success = future.result(ANSWER_S), True
        except RefusedError as error:
            response.message, response.success = str(error), False
        except NoAnswer:
            response.message, response.success = f"no answer within {ANSWER_S:g} s", False
        self.get_logger().info(response.message)
        return response

    def _on_housekeeping(self) -> None:
        """Writes the driver's events to the log, too, which would hold up the control thread."""
        super()._on_housekeeping()
        logger, events = self.get_logger(), self.driver.events
        if self._guard is not None and (text := self._guard.tend()):
            logger.warning(text)
        while events:
            level, text = events.popleft()
            self._said[level].saw(_DIGITS.sub("", text), text)
        for text in self._said["error"].lines():
            logger.error(text)  # rclpy wants one severity for each line of code
        for text in self._said["warning"].lines():
            logger.warning(text)
        for text in self._said["info"].lines():
            logger.info(text)

    def _reports(self) -> list[Report]:
        control, progress = super()._reports()
        values = {**control.values, "torque": "on" if self.driver.torque else "off"}
        reports = [
            control._replace(values=values),
            progress,
            driver_report.bus_report(self.driver),
            *driver_report.servo_reports(self.driver),
        ]
        if self._guard is not None and not self._guard.is_alive:
            text = "has ended: after SIGKILL nobody would see to the torque"
            reports.append(Report("torque guard", "warn", text, {}))
        return reports


def main() -> int:
    """Console command ``driver_node``."""
    return ros.run_node(DriverNode)
