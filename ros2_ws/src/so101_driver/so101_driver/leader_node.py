"""A leader arm, moved by hand, moves whatever arm listens on ``joint_commands/person``."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from act_core import ros, topics
from act_core.arbiter import EXPERT, POLICY
from act_core.arm_status import SILENT_S
from act_core.clock_watch import ClockWatch
from act_core.control_loop import ControlLoop
from act_core.foreign_text import clean
from act_core.parameters import parameter
from act_core.realtime import prepare_process, request_fifo
from act_core.report import Report
from act_core.ros_diagnostics import Diagnostics
from act_core.ros_guard import LONGEST_REASON
from act_core.timing import MonotonicClock, to_ns
from act_core.traffic import Traffic
from diagnostic_msgs.msg import DiagnosticStatus
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from so101_driver import calibration
from so101_driver.arm import ArmState, So101Arm
from so101_driver.bus import Bus
from so101_driver.exit_policy import HOLD, RELEASE
from so101_driver.leader_arm import LeaderArm
from so101_driver.leader_follow import LeaderFollow
from so101_driver.leader_hand import FOLLOWING, HOW, LeaderHand, Squeeze
from so101_driver.so_arm import ARM, find_arm
from so101_driver.torque_guard import TorqueGuard
from so101_driver.transport import DEFAULT_BAUD, SerialTransport

NEW_S = 0.03  # a reading that is no older tells where the leader is
FOLLOWER_AGE_S = 0.2  # where the arm was longer ago is not where it is


@dataclass(frozen=True)
class LeaderParameters:
    """Parameters of the leader node."""

    port: str = parameter("/dev/so101_leader", "of the leader arm; so101-setup find-port finds it")
    baud: int = parameter(DEFAULT_BAUD, "of its servos", low=1)
    robot: str = parameter("so101", f"the leader: {ARM}")
    calibration: str = parameter("", "id of the leader's calibration, or a file")
    joint_prefix: str = parameter("", "before the name of each joint, e.g. left_")
    rate_hz: float = parameter(100.0, "commands a second", low=1.0, high=200.0)
    realtime_priority: int = parameter(50, "SCHED_FIFO; 0: none", low=0, high=99)
    follow: bool = parameter(
        False,
        "while the policy drives, a leader whose servos have power goes where the arm goes",
    )
    follow_torque: float = parameter(0.15, "share of the servos' force for it", low=0.02, high=0.5)
    enabled: bool = parameter(
        True, "take the arm at the start, without a squeeze of the gripper or leader/enable"
    )


class LeaderNode(Node):
    """Reads the leader and publishes it on ``leader/joint_states``, and on
    ``joint_commands/person`` while its person wants the arm (see `LeaderHand`).

    Threads: the executor's (the arm's owner, services, diagnostics) and ``control``.
    """

    def __init__(self) -> None:
        super().__init__("leader")
        p = self.params = ros.declare_parameters(self, LeaderParameters)
        arm = find_arm(p.robot)
        path = calibration.find(p.calibration, "leader", arm)
        stored = calibration.load(path, arm)

        def open_arm() -> So101Arm:
            return So101Arm(Bus(SerialTransport(p.port, p.baud)), stored)

        self._arm = LeaderArm(open_arm)
        self._follow = LeaderFollow(1 / p.rate_hz)
        self._guard: TorqueGuard | None = None
        if p.follow:
            self._guard = TorqueGuard(p.port, p.baud, path, arm.limits, robot=p.robot)
        self._owner = ""  # of the arm
        self._follower_rad: NDArray[np.float64] | None = None  # (6,)
        self._joints = arm.prefixed(p.joint_prefix).joint_names
        gripper = arm.index(arm.grippers[0])
        lower, upper = arm.limits.lower_rad[gripper], arm.limits.upper_rad[gripper]
        waits = None if p.enabled else f"not enabled; {HOW}"
        self._hand = LeaderHand(Squeeze(lower, upper), waits)
        self._gripper = gripper
        self._monotonic = MonotonicClock()
        self._lock = threading.Lock()  # the hand is told things from two threads
        self._logged_state = ""
        self._newest: tuple[JointState, int] | None = None  # what was read, and when
        # What really went and came; see `_reports`.
        self._turns, self._sent = Traffic(), Traffic()
        self._follower, self._others = Traffic(), Traffic()  # joint states
        self._clock_watch = ClockWatch()
        self._commands = ros.publisher(self, topics.JOINT_COMMANDS_PERSON)
        self._states = ros.publisher(self, topics.LEADER_JOINT_STATES)
        ros.subscription(self, topics.JOINT_STATES, self._on_follower)
        ros.subscription(self, topics.ESTOP_STATE, self._on_estop)
        ros.subscription(self, topics.CONTROL_OWNER, self._on_owner)
        ros.service(self, topics.LEADER_ENABLE, self._on_enable)
        Diagnostics(self, self._reports, p.port)
        self._loop = ControlLoop(self._tick, p.rate_hz, self._on_tick_error, p.realtime_priority)
        if p.realtime_priority:
            prepare_process()
        self._loop.start()
        request_fifo(p.realtime_priority // 2)  # this thread; see act_core.realtime

    @property
    def takes_arm(self) -> bool:
        """Whether its person wants the arm."""
        return self._hand.wants_arm

    def close(self) -> None:
        """Ends the commands and closes the port."""
        self._loop.close()
        had_force = self._arm.has_force
        self._arm.close()
        if self._guard is not None:
            if had_force:
                self._guard.leave()  # it makes sure of what was just done
            else:
                self._guard.dismiss()

    # -- control thread ------------------------------------------------------------------------

    def _tick(self) -> None:
        self._turns.count()
        state = self._arm.read()
        stamp_ns = self.get_clock().now().nanoseconds
        with self._lock:
            if state is not None:
                self._hand.see(float(state.position_rad[self._gripper]), self._monotonic.now_ns())
            wants_arm, now = self._hand.wants_arm, self._hand.state
        if state is not None:
            if self._guard is not None:
                self._move(state, self._guard)
            message = ros.joint_state(
                self._joints, state.position_rad, stamp_ns, state.velocity_rad_s
            )
            self._states.publish(message)
            self._newest = message, self._monotonic.now_ns()
            if wants_arm:
                self._send(message)
        if now != self._logged_state:
            self._logged_state = now
            self.get_logger().info(now)

    def _move(self, state: ArmState, guard: TorqueGuard) -> None:
        """A leader that has power follows the arm, or has no force."""
        with self._lock:
            free = not (self._hand.wants_arm or self._hand.is_blocked)
            may_follow = free and self._owner in (POLICY, EXPERT)
        age_s = self._follower.age_s
        is_told = age_s is not None and age_s < FOLLOWER_AGE_S
        arm_rad = self._follower_rad if is_told else None
        goals_rad = self._follow.next(state.position_rad, arm_rad, may_follow)
        if goals_rad is not None:
            guard.expect(RELEASE)
        self._arm.drive(goals_rad, self.params.follow_torque)
        if not self._arm.has_force:
            guard.expect(HOLD)

    def _send(self, message: JointState) -> None:
        self._commands.publish(message)
        self._sent.count()

    def _on_tick_error(self, error: Exception) -> None:
        self.get_logger().error(f"control: {error!r}", throttle_duration_sec=5.0)

    # -- executor ------------------------------------------------------------------------------

    def _on_follower(self, message: JointState) -> None:
        known = set(self._joints) & set(message.name)
        (self._follower if known else self._others).count()
        if self._guard is not None and len(known) == len(self._joints):
            with suppress(ValueError):  # not finite
                self._follower_rad = ros.read_joints(message, self._joints).position

    def _on_estop(self, message: Bool) -> None:
        with self._lock:
            self._hand.block(message.data)

    def _on_owner(self, message: DiagnosticStatus) -> None:
        values = ros.diagnostic_values(message)
        owner, since = values.get("owner", ""), values.get("since_ns", "")
        with self._lock:
            self._owner = owner
            self._hand.owner(clean(owner), clean(message.message, LONGEST_REASON), clean(since))

    def _on_enable(self, request: Any, response: Any) -> Any:
        with self._lock:
            if request.data and self._hand.is_blocked:
                response.message = "refused: the e-stop is engaged; release it first"
            elif request.data:
                self._hand.start()
                self._send_newest()
                response.success, response.message = True, "the arm follows from where both are"
            else:
                self._hand.stop(f"not enabled; {HOW}")
                response.success, response.message = True, "stopped: the arm holds"
        return response

    def _send_newest(self) -> None:
        """The arm is taken at once: the next reading may be a period away."""
        if self._newest is None:
            return
        message, read_ns = self._newest
        if self._monotonic.now_ns() - read_ns < to_ns(NEW_S):
            self._send(message)

    def _reports(self) -> list[Report]:
        state, problem, arm = self._hand.state, self._arm.problem, self._arm.arm
        statistics = self._loop.stats.snapshot()
        values = dict(statistics.as_values()) if statistics is not None else {}
        values |= arm.bus.counters.as_values() if arm is not None else {}
        values |= self._sent.as_values("commands")
        if self._guard is not None:
            following = "gave way to a hand" if self._follow.gave_way else "no"
            values["follows_arm"] = "yes" if self._arm.has_force else following
            if text := self._guard.tend():
                self.get_logger().warning(text)
        errors = [] if problem is None else [problem]
        age_s = self._turns.age_s
        if age_s is not None and age_s > SILENT_S:
            errors.append(f"the control loop has stood still for {age_s:.1f} s")
        warnings: list[str] = []
        silent_s = self._follower.age_s
        if silent_s is None:
            warnings.append("nothing has come from the follower yet")
        elif silent_s > SILENT_S:
            warnings.append(f"the follower has been silent for {silent_s:.1f} s")
        if (silent_s is None or silent_s > SILENT_S) and self._others.rate_hz:
            warnings.append("the joint_states that come are not this arm's")
        if ros.has_simulated_time(self):
            warnings += filter(None, [self._clock_watch.look(self.get_clock().now().nanoseconds)])
        if state != FOLLOWING:
            warnings.append(state)
        level = "error" if errors else "warn" if warnings else "ok"
        text = "; ".join([*errors, *warnings]) or state
        return [Report("teleoperation", level, text, values)]


def main() -> int:
    """Console command ``leader_node``."""
    return ros.run_node(LeaderNode)
