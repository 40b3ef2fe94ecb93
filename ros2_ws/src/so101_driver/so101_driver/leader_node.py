"""A leader arm, moved by hand, commands whatever arm listens on ``joint_commands``."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from act_core import ros, topics
from act_core.arm_status import SILENT_S
from act_core.clock_watch import ClockWatch
from act_core.control_loop import ControlLoop
from act_core.incidents import Incidents
from act_core.parameters import parameter
from act_core.report import Report
from act_core.robots.so101 import JOINT_NAMES, SO101_LIMITS
from act_core.ros_diagnostics import Diagnostics
from act_core.ros_publishers import PublisherWatch
from act_core.timing import MonotonicClock
from act_core.traffic import Traffic
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from so101_driver import calibration
from so101_driver.arm import So101Arm
from so101_driver.bus import Bus
from so101_driver.leader_arm import LeaderArm
from so101_driver.teleoperation import FOLLOWING, Guidance, Teleoperation
from so101_driver.transport import DEFAULT_BAUD, SerialTransport

HOUSEKEEPING_S = 0.5


@dataclass(frozen=True)
class LeaderParameters:
    """Parameters of the leader node."""

    port: str = parameter("/dev/so101_leader", "of the leader arm; so101-setup find-port finds it")
    baud: int = parameter(DEFAULT_BAUD, "of its servos", low=1)
    calibration: str = parameter("", "id of the leader's calibration, or a file")
    rate_hz: float = parameter(100.0, "commands a second", low=1.0, high=200.0)
    enabled: bool = parameter(True, "command from the start, without a call of leader/enable")
    approach_rad_s: float = parameter(0.5, "speed of the approach", low=0.01, high=3.0)
    arrived_rad: float = parameter(0.05, "so close, the approach ends", low=0.001, high=0.5)
    max_age_s: float = parameter(0.2, "stop when an arm is silent for longer", low=0.02, high=2.0)


class LeaderNode(Node):
    """Reads the leader, publishes it on ``leader/joint_states`` and its commands on
    ``joint_commands``. While it has no reason to command it says nothing, and the follower holds.

    Threads: the executor's (follower's states, services, diagnostics) and ``control``.
    """

    def __init__(self) -> None:
        super().__init__("leader")
        p = self.params = ros.declare_parameters(self, LeaderParameters)
        stored = calibration.load(calibration.find(p.calibration, "leader"))

        def open_arm() -> So101Arm:
            return So101Arm(Bus(SerialTransport(p.port, p.baud)), stored)

        self._arm = LeaderArm(open_arm)
        self._teleoperation = Teleoperation(
            SO101_LIMITS, 1.0 / p.rate_hz, p.approach_rad_s, p.arrived_rad, p.max_age_s
        )
        if not p.enabled:
            self._teleoperation.stop("not enabled; call leader/enable")
        self._monotonic = MonotonicClock()
        self._lock = threading.Lock()  # the teleoperation is told things from two threads
        self._estopped = False
        self._guidance = Guidance(None, "")
        # What really went and came; see `_reports`.
        self._turns, self._sent, self._heard = Traffic(), Traffic(), Traffic()
        self._refused, self._refusal = Traffic(), ""
        self._incidents = Incidents()
        self._clock_watch = ClockWatch()
        self._followers = PublisherWatch(self, topics.JOINT_STATES)
        self._commands = ros.publisher(self, topics.JOINT_COMMANDS)
        self._states = ros.publisher(self, topics.LEADER_JOINT_STATES)
        ros.subscription(self, topics.JOINT_STATES, self._on_follower)
        ros.subscription(self, topics.ESTOP_STATE, self._on_estop)
        ros.service(self, topics.LEADER_ENABLE, self._on_enable)
        Diagnostics(self, self._reports, p.port)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(HOUSEKEEPING_S, self._on_housekeeping, clock=steady)
        self._loop = ControlLoop(self._tick, p.rate_hz, self._on_tick_error)
        self._loop.start()

    def close(self) -> None:
        """Ends the commands and closes the port."""
        self._loop.close()
        self._arm.close()

    # -- control thread ------------------------------------------------------------------------

    def _tick(self) -> None:
        self._turns.count()
        state = self._arm.read()
        stamp_ns = self.get_clock().now().nanoseconds
        with self._lock:
            now_ns = self._monotonic.now_ns()
            if state is not None:
                self._teleoperation.leader(state.position_rad, now_ns)
            guidance = self._teleoperation.next(now_ns)
        if state is not None:
            self._states.publish(
                ros.joint_state(JOINT_NAMES, state.position_rad, stamp_ns, state.velocity_rad_s)
            )
        if guidance.position_rad is not None:
            command = ros.joint_state(JOINT_NAMES, guidance.position_rad, stamp_ns)
            self._commands.publish(command)
            self._sent.count()
        if guidance.state != self._guidance.state:
            why = self._arm.problem
            self.get_logger().info(f"{guidance.state}{f' ({why})' if why else ''}")
        self._guidance = guidance

    def _on_tick_error(self, error: Exception) -> None:
        self.get_logger().error(f"control: {error!r}", throttle_duration_sec=5.0)

    # -- executor ------------------------------------------------------------------------------

    def _on_follower(self, message: JointState, info: Mapping[str, Any]) -> None:
        self._followers.saw(info)
        try:
            reading = ros.read_joints(message, JOINT_NAMES)
        except ValueError as error:
            self._refusal = f"joint_states refused: {error}"
            self._refused.count()
            self._incidents.saw("joint_states", self._refusal)
            return
        self._heard.count()
        with self._lock:
            self._teleoperation.follower(reading.position, self._monotonic.now_ns())

    def _on_estop(self, message: Bool) -> None:
        if message.data != self._estopped:
            self._estopped = message.data
            # Releasing the stop starts nothing: that takes a call of leader/enable.
            self._stop("the e-stop is engaged" if message.data else "stopped by the e-stop")

    def _on_enable(self, request: Any, response: Any) -> Any:
        if request.data and self._estopped:
            response.message = "refused: the e-stop is engaged; release it first"
        elif request.data:
            with self._lock:
                self._teleoperation.start()
            response.success, response.message = True, "approaching, then following"
        else:
            self._stop("not enabled; call leader/enable")
            response.success, response.message = True, "stopped"
        return response

    def _stop(self, reason: str) -> None:
        with self._lock:
            self._teleoperation.stop(reason)

    def _on_housekeeping(self) -> None:
        self._followers.look()
        for line in self._incidents.lines():
            self.get_logger().warning(line)

    def _reports(self) -> list[Report]:
        state, problem, arm = self._guidance.state, self._arm.problem, self._arm.arm
        statistics = self._loop.stats.snapshot()
        values = dict(statistics.as_values()) if statistics is not None else {}
        values |= arm.bus.counters.as_values() if arm is not None else {}
        values |= self._sent.as_values("commands") | self._heard.as_values("joint_states")
        errors = [] if problem is None else [problem]
        age_s = self._turns.age_s
        if age_s is not None and age_s > SILENT_S:
            errors.append(f"the control loop has stood still for {age_s:.1f} s")
        warnings = list(filter(None, [self._followers.warning()]))
        if ros.has_simulated_time(self):
            warnings += filter(None, [self._clock_watch.look(self.get_clock().now().nanoseconds)])
        if self._refused.rate_hz > 0:
            warnings.append(self._refusal)
        if state != FOLLOWING:
            warnings.append(state)
        level = "error" if errors else "warn" if warnings else "ok"
        text = "; ".join([*errors, *warnings]) or state
        return [Report("teleoperation", level, text, values)]


def main() -> int:
    """Console command ``leader_node``."""
    return ros.run_node(LeaderNode)
