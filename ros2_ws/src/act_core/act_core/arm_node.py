"""What every node that owns an arm has in common: its topics, its e-stop, its diagnostics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from numpy.typing import ArrayLike
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from act_core import ros, topics
from act_core.arm_parameters import ArmParameters
from act_core.arm_status import ArmStatus
from act_core.clock_watch import ClockWatch
from act_core.command_gate import Applied, Refusal
from act_core.incidents import Incidents
from act_core.report import Report
from act_core.ros_diagnostics import Diagnostics
from act_core.ros_listener import Listener
from act_core.ros_publishers import PublisherWatch
from act_core.stamps import StampCheck
from act_core.timing import LoopStats

HOUSEKEEPING_S = 0.1
PUBLISHERS_EVERY = 5  # turns of the housekeeping between two looks at the graph


class Backend(Protocol):
    """What moves the arm: a simulation, or a bus of servos. Called from any thread."""

    def command(
        self, names: Sequence[str], position_rad: Sequence[float], stamp_ns: int, now_ns: int
    ) -> Refusal | None:
        """See `act_core.command_gate.CommandGate.command`."""
        ...

    def estop(self, engage: bool) -> None:
        """Engages or releases the e-stop."""
        ...

    def values(self) -> Mapping[str, str]:
        """Counts for a diagnostics message, as text."""
        ...


class ArmSample(NamedTuple):
    """The joints as they were measured: three times (J,), and when."""

    stamp_ns: int  # ROS time
    position_rad: ArrayLike
    velocity_rad_s: ArrayLike
    effort_nm: ArrayLike


class ArmNode(Node):
    """The side of an arm that everybody sees, over a `Backend`; a base of `SimNode` and of the
    driver's node.

    Hears ``joint_commands`` and tells ``joint_states``, ``joint_commands/applied``,
    ``estop/state`` and the status ``control`` in the diagnostics; answers ``estop``. It holds, by
    refusing them all, while more than one node sends commands. Whoever derives from it calls
    `serve` when the backend is there, and then `publish` in every control period.
    """

    backend: Backend

    def serve(
        self,
        backend: Backend,
        joint_names: Sequence[str],
        parameters: ArmParameters,
        loop_stats: LoopStats,
        hardware_id: str,
        listener_priority: int | None = None,
    ) -> None:
        """Opens the topics.

        loop_stats: of the control loop, for the diagnostics.
        hardware_id: see `Diagnostics`.
        listener_priority: commands are heard in a thread of their own with this SCHED_FIFO
            priority; None: by the executor.
        """
        self.backend = backend
        self.status = ArmStatus()
        self._joint_names = tuple(joint_names)
        self._arm_parameters = parameters
        self._loop_stats = loop_stats
        self._clock_watch = ClockWatch()
        self._commanders = PublisherWatch(self, topics.JOINT_COMMANDS)
        self._incidents = Incidents()
        self._hold: str | None = ""  # of what was applied last
        self._logged_hold: str | None = ""
        self._turns = 0
        self._listener: Listener | None = None
        self._joint_states = ros.publisher(self, topics.JOINT_STATES)
        self._applied = ros.publisher(self, topics.JOINT_COMMANDS_APPLIED)
        self._estop_state = ros.publisher(self, topics.ESTOP_STATE)
        self._estop_state.publish(Bool(data=False))
        ros.service(self, topics.ESTOP, self._on_estop)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(HOUSEKEEPING_S, self._on_housekeeping, clock=steady)
        Diagnostics(self, self._reports, hardware_id)
        if listener_priority is None:
            ros.subscription(self, topics.JOINT_COMMANDS, self._on_command)
        else:
            self._listener = Listener(
                self, topics.JOINT_COMMANDS, self._on_command, self._on_error, listener_priority
            )

    def stop_listening(self) -> None:
        """No command is heard afterwards."""
        if self._listener is not None:
            self._listener.close()

    # -- for whoever derives from it -----------------------------------------------------------

    @property
    def owns_clock(self) -> bool:
        """Whether `now_ns` is told by this node and not by a clock of the machine or of others."""
        return False

    def now_ns(self) -> int:
        """ROS time [ns]."""
        return self.get_clock().now().nanoseconds

    def stamp_check(self, parameters: ArmParameters) -> StampCheck:
        """What judges the stamps of commands, for the backend's gate."""
        waits_for_clock = not self.owns_clock and ros.has_simulated_time(self)
        return StampCheck(
            parameters.clock_tolerance_s,
            simulated=self.owns_clock or waits_for_clock,
            zero_passes=not waits_for_clock,
        )

    def publish(
        self,
        sample: ArmSample | None,
        applied: Applied | None,
        applied_ns: int,
        hold: str | None,
        failing: bool = False,
    ) -> None:
        """Tells what happened in a control period, by the thread of the control loop.

        sample: None where the joints could not be read.
        applied: what was sent at ``applied_ns`` of ROS time; None where nothing was.
        hold: why commands are not followed; None while they are.
        failing: the arm cannot follow until somebody sees to it.
        """
        status, names, frame = self.status, self._joint_names, self._arm_parameters.frame_id
        status.hold, status.failing = hold, failing
        if sample is not None:
            message = ros.joint_state(
                names, sample.position_rad, sample.stamp_ns, sample.velocity_rad_s, sample.effort_nm
            )
            message.header.frame_id = frame
            self._joint_states.publish(message)
            status.states.count()
        if applied is not None:
            message = ros.joint_state(names, applied.position_rad, applied_ns)
            message.header.frame_id = frame
            self._applied.publish(message)
            status.applied.count()
            self._hold = applied.hold
            for limited in applied.limited:
                if limited.rule == "position":  # the others are counted in the diagnostics
                    self._incidents.saw(limited.joint, limited)

    def accepted(self) -> None:
        """A command was accepted; called by the thread that heard it."""

    def _reports(self) -> list[Report]:
        loop = self._loop_stats.snapshot()
        values = {**(loop.as_values() if loop is not None else {}), **self.backend.values()}
        warnings = [self._clock_warning(), self._commanders_warning()]
        return [self.status.report(values, [text for text in warnings if text is not None])]

    # -- commands ------------------------------------------------------------------------------

    def _on_command(self, message: JointState, info: Mapping[str, Any]) -> None:
        self._commanders.saw(info)
        several = None if self._arm_parameters.several_commanders else self._commanders.at_once()
        if several is not None:
            refusal: Refusal | None = Refusal("senders", f"{several}: all but one must stop")
        else:
            refusal = self.backend.command(
                message.name, message.position, ros.stamp_ns(message.header.stamp), self.now_ns()
            )
        self.status.heard(refusal)
        if refusal is None:
            self.accepted()
        else:
            self._incidents.saw(refusal.kind, refusal)

    def _commanders_warning(self) -> str | None:
        several = self._commanders.at_once()
        if several is None:
            return self._commanders.warning()
        done = "followed in turn" if self._arm_parameters.several_commanders else "refused"
        return f"{several}: {done}"

    def _clock_warning(self) -> str | None:
        if self.owns_clock or not ros.has_simulated_time(self):
            return None
        return self._clock_watch.look(self.now_ns())

    # -- executor ------------------------------------------------------------------------------

    def _on_estop(self, request: Any, response: Any) -> Any:
        self.backend.estop(request.data)
        self._estop_state.publish(Bool(data=request.data))
        response.success = True
        response.message = "e-stop engaged" if request.data else "e-stop released"
        self.get_logger().warning(response.message)
        return response

    def _on_housekeeping(self) -> None:
        """Writes the log for all threads (it would hold up the others), and looks who commands."""
        logger = self.get_logger()
        if self._turns % PUBLISHERS_EVERY == 0:
            self._commanders.look()
        self._turns += 1
        for line in self._incidents.lines():
            logger.warning(line)
        hold = self._hold
        if hold != self._logged_hold:
            self._logged_hold = hold
            logger.info(f"holding: {hold}" if hold is not None else "following")

    def _on_error(self, error: Exception) -> None:
        self.get_logger().error(f"commands: {error!r}", throttle_duration_sec=5.0)
