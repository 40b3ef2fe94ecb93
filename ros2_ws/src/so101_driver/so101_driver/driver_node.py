"""The SO-101 arm on the topics of the runtime: joint states out, limited joint commands in."""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from typing import Any

from act_core import ros, topics
from act_core.control_loop import ControlLoop
from act_core.realtime import fifo_is_granted, prepare_process, request_fifo
from act_core.report import Report
from act_core.ros_diagnostics import Diagnostics
from act_core.ros_listener import Listener
from act_core.so101 import JOINT_NAMES
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from so101_driver import driver_report
from so101_driver.arm import So101Arm
from so101_driver.arm_driver import ArmDriver, Cycle
from so101_driver.bus import Bus
from so101_driver.calibration import find, load
from so101_driver.driver_parameters import DriverParameters
from so101_driver.exit_policy import HOLD
from so101_driver.request_queue import RefusedError
from so101_driver.torque_guard import TorqueGuard
from so101_driver.transport import SerialTransport

HOUSEKEEPING_S = 0.1
ANSWER_S = 3.0  # that a service waits for the control thread
# Torque of a standing motor at full duty and 7.4 V, as identified (act_sim uses the same figure).
STALL_TORQUE_NM = 3.35


class DriverNode(Node):
    """Owns the arm. Parameters: `DriverParameters`; behaviour: `ArmDriver`.

    Threads: the executor's (services, diagnostics, the log), ``listener`` (commands), and
    ``control``, which alone talks to the bus. ``effort`` in joint states is the duty of the motors
    as torque [N m] of a standing joint: right for holding, too high in motion.
    """

    def __init__(self, **overrides: Any) -> None:
        super().__init__("so101_driver", **overrides)
        p = self.parameters = ros.declare_parameters(self, DriverParameters)
        path = find(p.calibration)
        calibration = load(path)  # wrong ones end the node here, with their reason

        def open_arm() -> So101Arm:
            bus = Bus(SerialTransport(p.port, p.baud), reply_slack_s=p.reply_slack_s())
            return So101Arm(bus, calibration, p.servo_settings())

        limits = p.limits()
        settings = p.driver_settings(ros.has_simulated_time(self))
        self.driver = ArmDriver(open_arm, settings, limits)
        self._cycle: Cycle | None = None
        # What the log has said, or is to say; see `_on_housekeeping`.
        self._hold: str | None = ""
        self._at_limit: set[str] = set()
        self._refusal: str | None = None
        self._joint_states = ros.publisher(self, topics.JOINT_STATES.with_rate(p.rate_hz))
        self._applied = ros.publisher(self, topics.JOINT_COMMANDS_APPLIED.with_rate(p.rate_hz))
        self._estop_state = ros.publisher(self, topics.ESTOP_STATE)
        ros.service(self, topics.ESTOP, self._on_estop)
        ros.service(self, topics.DRIVER_TORQUE, self._on_torque)
        ros.service(self, topics.DRIVER_RECOVER, self._on_recover)
        self.create_timer(HOUSEKEEPING_S, self._on_housekeeping)
        Diagnostics(self, self._reports, p.port)
        self._estop_state.publish(Bool(data=False))

        self._guard: TorqueGuard | None = None
        if p.guard and p.exit_policy != HOLD:
            self._guard = TorqueGuard(p.port, p.baud, path, limits)
        granted = fifo_is_granted(p.realtime_priority)
        if p.realtime_priority:
            prepare_process()
        self.loop = ControlLoop(self._tick, p.rate_hz, self._on_error, p.realtime_priority)
        self.get_logger().info(
            f"{p.port}, calibration {path}, {p.rate_hz:g} Hz, "
            f"{'SCHED_FIFO' if granted else 'no SCHED_FIFO'}, on exit: {p.exit_policy}"
        )
        self.loop.start()
        priority = p.realtime_priority // 2  # of the other Python threads; see act_core.realtime
        self._listener = Listener(
            self, topics.JOINT_COMMANDS, self._on_command, self._on_error, priority
        )  # fmt: skip
        request_fifo(priority)

    def close(self) -> None:
        """Ends the control thread and carries out the exit policy."""
        self._listener.close()
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
        clock = self.get_clock()
        start_ns = clock.now().nanoseconds
        cycle = self.driver.cycle(start_ns)
        self._cycle = cycle
        if self._guard is not None:
            self._guard.expect(self.driver.ending(self.parameters.exit_policy))
        if cycle.state is not None:
            # The servos answer one after the other: the stamp is the middle of it.
            stamp_ns = start_ns + round(self.driver.read_s * 5e8)
            state = cycle.state
            effort = state.load * STALL_TORQUE_NM
            self._joint_states.publish(
                ros.joint_state(
                    JOINT_NAMES, state.position_rad, stamp_ns, state.velocity_rad_s, effort
                )
            )
        if cycle.applied is not None:
            target = cycle.applied.position_rad
            self._applied.publish(
                ros.joint_state(JOINT_NAMES, target, clock.now().nanoseconds)
            )  # fmt: skip

    def _on_error(self, error: Exception) -> None:
        self.get_logger().error(f"control: {error!r}", throttle_duration_sec=5.0)

    # -- listener ------------------------------------------------------------------------------

    def _on_command(self, message: JointState) -> None:
        stamp_ns = ros.stamp_ns(message.header.stamp)
        now_ns = self.get_clock().now().nanoseconds
        refusal = self.driver.command(message.name, message.position, stamp_ns, now_ns)
        if refusal is not None:
            self._refusal = refusal

    # -- executor ------------------------------------------------------------------------------

    def _on_estop(self, request: Any, response: Any) -> Any:
        self.driver.estop(request.data)
        self._estop_state.publish(Bool(data=request.data))
        response.success = True
        response.message = "e-stop engaged" if request.data else "e-stop released"
        self.get_logger().warning(response.message)
        return response

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
        """Writes the log for all threads: that would hold up the others.

        (A throttled line costs rclpy a millisecond even where it stays away.)
        """
        logger, events = self.get_logger(), self.driver.events
        while events:
            level, text = events.popleft()
            if level == "error":
                logger.error(text)  # rclpy wants one severity for each line of code
            elif level == "warning":
                logger.warning(text, throttle_duration_sec=1.0)
            else:
                logger.info(text)
        refusal, self._refusal = self._refusal, None
        if refusal is not None:
            logger.warning(refusal, throttle_duration_sec=1.0)
        cycle = self._cycle
        if cycle is not None and cycle.applied is not None:
            if cycle.applied.hold != self._hold:
                self._hold = cycle.applied.hold
                logger.info(f"holding: {self._hold}" if self._hold else "following")
            # The other rules are counted in the diagnostics.
            limited = [one for one in cycle.applied.limited if one.rule == "position"]
            for one in limited:
                if one.joint not in self._at_limit:
                    logger.warning(str(one), throttle_duration_sec=5.0)
            self._at_limit = {one.joint for one in limited}

    def _reports(self) -> list[Report]:
        reports = [
            driver_report.control_report(self._cycle, self.driver, self.loop.stats.snapshot()),
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
