"""What every node that owns an arm has in common: its topics, its e-stop, its diagnostics."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from numpy.typing import ArrayLike
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from act_core import ros, ros_publishers, topics
from act_core.arbiter import NOBODY, PERSON, POLICY, Ownership
from act_core.arm_parameters import BELL, HOLD, NONE, ArmParameters, OneOfSeveralParameters
from act_core.arm_status import ArmStatus
from act_core.clock_watch import ClockWatch
from act_core.command_gate import Applied, Motion, Refusal
from act_core.errors import ConfigurationError
from act_core.helm import Helm
from act_core.incidents import Incidents
from act_core.limits import JointLimits
from act_core.report import Report
from act_core.robot import Robot
from act_core.ros_diagnostics import Diagnostics
from act_core.ros_listener import Listener
from act_core.ros_outputs import ForeignOutput, publish_description
from act_core.ros_partner import PartnerLink
from act_core.ros_publishers import PublisherWatch
from act_core.stamps import StampCheck
from act_core.stuck_watch import StuckWatch
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

    def hold(self, reason: str) -> None:
        """Drops the command in force; see `act_core.command_gate.CommandGate.hold`."""
        ...

    @property
    def motion(self) -> Motion:
        """See `act_core.command_gate.CommandGate.motion`."""
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

    Hears ``joint_commands`` and ``joint_commands/person`` and tells ``joint_states``,
    ``joint_commands/applied``, ``estop/state``, ``control/owner`` and the status ``control`` in the
    diagnostics; answers ``estop``, ``control/take`` and ``control/return``. Whose commands are
    followed is said by its `Helm`. It holds, by refusing them all, while more than one node sends
    ``joint_commands``. Whoever derives from it calls `serve` when the backend is there, and then
    `publish` in every control period.

    One arm of several (see `OneOfSeveralParameters`) takes its own joints out of the commands for
    all. One with a partner holds while that cannot move, and the e-stop of either stops both.
    """

    backend: Backend

    def serve(
        self,
        backend: Backend,
        limits: JointLimits,
        period_s: float,
        parameters: ArmParameters,
        loop_stats: LoopStats,
        hardware_id: str,
        grippers: Sequence[str] = (),
        itself: str = POLICY,
        listener_priority: int | None = None,
    ) -> None:
        """Opens the topics.

        limits: of the joints, which they name.
        period_s: of the control loop.
        loop_stats: of the control loop, for the diagnostics.
        grippers: names of the joints that open and close a hand.
        itself: whose commands ``joint_commands`` are; see `act_core.arbiter`.
        hardware_id: see `Diagnostics`.
        listener_priority: commands are heard in a thread of their own with this SCHED_FIFO
            priority; None: by the executor.
        """
        self.backend = backend
        self.status = ArmStatus()
        self._joint_names = limits.names
        self._arm_parameters = parameters
        timeout_s = parameters.command_timeout_s
        self.helm = Helm(backend, limits, grippers, period_s, timeout_s, itself)
        self._told_owner: Ownership | None = None
        self._owner_lock = threading.Lock()
        self._loop_stats = loop_stats
        self._clock_watch = ClockWatch()
        self._commanders = PublisherWatch(self, topics.JOINT_COMMANDS)
        self._persons = PublisherWatch(self, topics.JOINT_COMMANDS_PERSON)
        self._hardware_id = hardware_id
        self._incidents = Incidents()
        self._hold: str | None = ""  # of what was applied last
        self._logged_hold: str | None = ""
        self._logged_changes = 0
        self._stuck_watch = StuckWatch(limits, grippers)
        self._stuck: str | None = None
        self._seen: ArmSample | None = None  # the newest one
        self._turns = 0
        self._listeners: list[Listener] = []
        several = parameters if isinstance(parameters, OneOfSeveralParameters) else None
        self._prefix = several.joint_prefix if several is not None else ""
        self._link: PartnerLink | None = None
        self._estopped = False  # by its own service
        self._stopped = False  # by that or by the partner's
        self._waits_for_partner = True
        self._cannot: str | None = "starting"  # why it cannot follow commands
        self._joint_states = ros.publisher(self, topics.JOINT_STATES)
        self._applied = ros.publisher(self, topics.JOINT_COMMANDS_APPLIED)
        self._foreign: ForeignOutput | None = None
        if parameters.output != NONE:
            self._foreign = ForeignOutput(self, parameters, limits.names, period_s)
        self._estop_state = ros.publisher(self, topics.ESTOP_STATE)
        self._estop_state.publish(Bool(data=False))
        self._owner_topic = ros.publisher(self, topics.CONTROL_OWNER)
        self._tell_owner()
        ros.service(self, topics.ESTOP, self._on_estop)
        ros.service(self, topics.CONTROL_TAKE, self._on_take)
        ros.service(self, topics.CONTROL_RETURN, self._on_return)
        ros.steady_timer(self, HOUSEKEEPING_S, self._on_housekeeping)
        Diagnostics(self, self._reports, hardware_id)
        if several is not None and several.partner:
            self._link = PartnerLink(self, several.partner, self._follow_partner)
        heard: list[tuple[topics.Topic, Callable[..., None]]] = [
            (topics.JOINT_COMMANDS, self._on_command),
            (topics.JOINT_COMMANDS_PERSON, self._on_person),
        ]
        for topic, callback in heard:
            if listener_priority is None:
                ros.subscription(self, topic, callback)
            else:
                self._listeners.append(
                    Listener(self, topic, callback, self._on_error, listener_priority)
                )

    def describe(self, robot: Robot) -> None:
        """Publishes what the robot looks like, where somebody has described it."""
        try:
            publish_description(self, robot)
        except ConfigurationError as error:
            self.get_logger().warning(f"no robot_description: {error}")

    def stop_listening(self) -> None:
        """No command is heard afterwards."""
        for listener in self._listeners:
            listener.close()

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
        self.helm.applied(applied is not None, applied_ns)
        self._tell_owner()
        if failing or (applied is None and sample is not None):
            self._cannot = hold or "it cannot move"
        elif sample is not None:  # a reading that got lost says nothing
            self._cannot = None
        if self._link is not None and hold is not None and not failing:
            hold = self._link.problem or hold
        status, names, frame = self.status, self._joint_names, self._arm_parameters.frame_id
        status.hold, status.failing = hold, failing
        self._seen = sample if sample is not None else self._seen
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
            if self._foreign is not None:
                self._foreign.publish(applied.position_rad)
            status.applied.count()
            self._hold = applied.hold
            for limited in applied.limited:
                if limited.rule == "position":  # the others are counted in the diagnostics
                    self._incidents.saw(limited.joint, limited)

    def accepted(self) -> None:
        """A command was accepted; called by the thread that heard it."""

    def _reports(self) -> list[Report]:
        loop = self._loop_stats.snapshot()
        values = {
            **(loop.as_values() if loop is not None else {}),
            **self.backend.values(),
            **self.helm.values(),
        }
        warnings = [self._clock_warning(), self._commanders_warning()]
        control = self.status.report(values, [text for text in warnings if text is not None])
        return [control, self._progress_report()]

    def _progress_report(self) -> Report:
        watch, stuck = self._stuck_watch, self._stuck
        counts = {"stood_still": str(watch.stills), "closed_on_nothing": str(watch.misses)}
        return Report("progress", "warn" if stuck else "ok", stuck or "nothing is stuck", counts)

    def _look_for_progress(self) -> None:
        """Whether the policy gets anywhere; see the parameter ``stuck``."""
        sample, before = self._seen, self._stuck
        if self.helm.ownership.owner != self.helm.itself or self.status.hold is not None:
            self._stuck_watch.reset()
            self._stuck = None
        elif sample is not None:
            self._stuck = self._stuck_watch.see(sample.position_rad, sample.stamp_ns)
        if self._stuck is None or before is not None:
            return
        acting = self._arm_parameters.stuck
        bell = "\a" if acting == BELL else ""
        self.get_logger().warning(f"{bell}stuck: {self._stuck}")
        if acting == HOLD:
            self.helm.stuck(self._stuck, self.now_ns())
            self._tell_owner()

    # -- commands ------------------------------------------------------------------------------

    def _on_command(self, message: JointState, info: Mapping[str, Any]) -> None:
        self._commanders.saw(info, message.name)
        names, position = self._own(message)
        if not names and self._prefix:
            return  # of another arm
        several = None if self._arm_parameters.several_commanders else self._commanders.at_once()
        if several is not None:
            refusal: Refusal | None = Refusal("senders", f"{several}: all but one must stop")
        elif self._link is not None and (problem := self._link.problem) is not None:
            refusal = Refusal("partner", problem)
        else:
            refusal = self.helm.command(
                names, position, ros.stamp_ns(message.header.stamp), self.now_ns()
            )
        if refusal is None or refusal.kind != "owner":  # the policy stands by: no fault of anybody
            self._heard(refusal, POLICY)

    def _on_person(self, message: JointState, info: Mapping[str, Any]) -> None:
        self._persons.saw(info, message.name)
        names, position = self._own(message)
        if not names and self._prefix:
            return  # of another arm
        if self._link is not None and (problem := self._link.problem) is not None:
            refusal: Refusal | None = Refusal("partner", problem)
        else:
            sender, name = self._persons.sender(info)
            stamp_ns = ros.stamp_ns(message.header.stamp)
            refusal = self.helm.person(sender, name, names, position, stamp_ns, self.now_ns())
        self._tell_owner()
        self._heard(refusal, PERSON)

    def _heard(self, refusal: Refusal | None, source: str) -> None:
        self.status.heard(refusal, source)
        if refusal is None:
            self.accepted()
        else:
            self._incidents.saw(f"{source}: {refusal.kind}", refusal)

    def begin_anew(self) -> None:
        """The arm was put somewhere else: whoever had taken it over has it no more."""
        self.helm.begin_anew(self.now_ns())
        self._tell_owner()

    def _tell_owner(self) -> None:
        """Publishes who owns the arm where that has changed. By any thread."""
        if self.helm.ownership is self._told_owner:
            return
        with self._owner_lock:
            now, before = self.helm.ownership, self._told_owner
            if now is before:
                return
            self._told_owner = now
            level = "warn" if now.owner == NOBODY else "ok"
            values = {
                "owner": now.owner,
                "who": now.who,
                "since_ns": str(now.since_ns),
                "before": before.owner if before is not None else "",
                "changes": str(now.changes),
            }
            status = ros.diagnostic("control owner", level, now.reason, values)
            status.hardware_id = self._hardware_id
            self._owner_topic.publish(status)

    def _own(self, message: JointState) -> tuple[Sequence[str], Sequence[float]]:
        """Names and positions for the backend: of one arm of several, its own among all; none of
        a command that is for others only."""
        names, position = message.name, message.position
        if not self._prefix or len(names) != len(position):
            return names, position
        own = [i for i, name in enumerate(names) if name in self._joint_names]
        without_prefix = any(self._prefix + name in self._joint_names for name in names)
        if not own and without_prefix:  # meant for a single arm: the backend refuses it
            return names, position
        return [names[i] for i in own], [position[i] for i in own]

    def _commanders_warning(self) -> str | None:
        several = self._commanders.at_once()
        if several is None:
            return self._commanders.warning()
        done = "followed in turn" if self._arm_parameters.several_commanders else "refused"
        return f"{several}: {done}"

    def _clock_warning(self) -> str | None:
        simulated = ros.has_simulated_time(self)
        if not (simulated or self.owns_clock):
            return None
        wrong = ros_publishers.several(self, topics.CLOCK)
        if wrong is None and not self.owns_clock:
            wrong = self._clock_watch.look(self.now_ns())
        return wrong

    # -- executor ------------------------------------------------------------------------------

    def _on_take(self, _request: Any, response: Any) -> Any:
        response.success, response.message = self.helm.take("control/take", self.now_ns())
        self._tell_owner()
        return response

    def _on_return(self, _request: Any, response: Any) -> Any:
        response.success, response.message = self.helm.give_back("control/return", self.now_ns())
        self._tell_owner()
        return response

    def _on_estop(self, request: Any, response: Any) -> Any:
        self._estopped = request.data
        self._apply_estop()
        response.success = self._stopped == request.data
        response.message = "e-stop engaged" if request.data else "e-stop released"
        if self._link is not None:
            self._link.tell(self._cannot, self._estopped)
            if not response.success:
                response.message += f" here, but {self._link.problem}"
        self.get_logger().warning(response.message)
        return response

    def _apply_estop(self) -> None:
        self._stopped = self._estopped or (self._link is not None and self._link.is_stopped)
        self.backend.estop(self._stopped)
        self.helm.estop(self._stopped, self.now_ns())
        self._tell_owner()
        self._estop_state.publish(Bool(data=self._stopped))

    def _follow_partner(self) -> None:
        """Does what follows from how the other arm of two is."""
        if self._link is None:
            return
        if self._stopped != (self._estopped or self._link.is_stopped):
            self._apply_estop()
        problem, waited = self._link.problem, self._waits_for_partner
        self._waits_for_partner = problem is not None
        if problem is not None and not waited:
            self.backend.hold(problem)

    def _on_housekeeping(self) -> None:
        """Writes the log for all threads (it would hold up the others), and looks who commands."""
        logger = self.get_logger()
        if self._turns % PUBLISHERS_EVERY == 0:
            self._commanders.look()
            self._persons.look()
        self._turns += 1
        if self._link is not None:
            self._link.tell(self._cannot, self._estopped)
            self._link.look()
            self._follow_partner()
        for line in self._incidents.lines():
            logger.warning(line)
        self._look_for_progress()
        owner = self.helm.ownership
        if owner.changes != self._logged_changes:
            self._logged_changes = owner.changes
            logger.info(f"owner: {owner.text}: {owner.reason}")
        hold = self._hold
        if hold != self._logged_hold:
            self._logged_hold = hold
            logger.info(f"holding: {hold}" if hold is not None else "following")

    def _on_error(self, error: Exception) -> None:
        self.get_logger().error(f"commands: {error!r}", throttle_duration_sec=5.0)
