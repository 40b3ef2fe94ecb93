"""The node around `PolicyRunner`: images and joint states in, joint commands out.

A plain node and not a lifecycle node: it opens no device, so there is nothing to configure or to
activate but one switch, and ``policy/enable`` (std_srvs/SetBool) is a switch that every operator
knows. While it holds, for whatever reason, it publishes no command; whoever owns the arm keeps the
last one.

Threads: the executor's (messages, services, diagnostics), ``inference``, and ``control``, which
does nothing but ask the runner for the command of now and publish it.
"""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import replace
from typing import Any

import numpy as np
from act_core import topics
from act_core.arbiter import NOBODY, PERSON
from act_core.clock_watch import ClockWatch
from act_core.control_loop import ControlLoop
from act_core.foreign_text import clean
from act_core.policy_spec import PolicySpec
from act_core.realtime import (
    as_ordinary_thread,
    fifo_is_granted,
    prepare_process,
    request_fifo,
)
from act_core.report import Report
from act_core.ros import (
    diagnostic_values,
    has_simulated_time,
    joint_state,
    override_of,
    publisher,
    run_node,
    service,
    steady_timer,
    subscription,
)
from act_core.ros_diagnostics import Diagnostics
from act_core.ros_publishers import rivals, several
from act_core.stamps import TOLERANCE_S, StampCheck, duration
from act_core.timing import NS_PER_S, to_ns
from act_core.traffic import Traffic
from diagnostic_msgs.msg import DiagnosticStatus
from numpy.typing import NDArray
from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory

from act_policy.chunk import Chunk
from act_policy.chunk_wire import ChunkGate, Refusal, Tag, bundle_mark
from act_policy.command_stats import CommandStats
from act_policy.cores import inference_cores, run_apart
from act_policy.graph_policy import GraphPolicy
from act_policy.inference_node import InferenceNode
from act_policy.inference_worker import Failure, InferenceWorker, ThreadWorker
from act_policy.modes import make_mode, text_of
from act_policy.observation import Observation
from act_policy.observing_node import ObservingNode, chunk_arrival, chunk_message
from act_policy.policy import Policy
from act_policy.policy_parameters import BOTH, CONTROL, INFERENCE, STOP
from act_policy.policy_report import PolicyState, control_report, inference_report, true_result
from act_policy.policy_runner import Action, Hold, PolicyRunner
from act_policy.remote_worker import RemoteWorker
from act_policy.start_gate import StartGate
from act_policy.state_log import StateLog

HOUSEKEEPING_S = 0.05
START_S = 10.0  # others may take so long to come up; until then, the log does not warn of it
SETTLE_S = 0.8  # so long after a reset, to wait for the first chunk is no fault
REMIND_S = 5.0  # at least so long between two warnings about the same thing


class PolicyNode(ObservingNode):
    """Runs one policy bundle, or with ``role:=control`` the chunks that an `InferenceNode` sends.

    Parameters: `PolicyParameters`; topics: `act_core.topics`.

    Args:
        policy: in place of the bundle's graph, for tests.
        overrides: of rclpy.node.Node.
    """

    def __init__(self, policy: Policy | None = None, **overrides: Any) -> None:
        super().__init__("act_policy", **overrides)
        self._realtime = fifo_is_granted(self.parameters.realtime_priority)
        self._cores = inference_cores(self._realtime)
        self._chunk_gate: ChunkGate | None = None
        self._worker: InferenceWorker
        if self.parameters.role == CONTROL:
            spec = self._follow_others()
            self.watch(replace(spec, image_inputs=()))  # the other side sees
        else:
            spec = self._infer_here(policy)
            self.watch(spec)
        self._joints = spec.output.joints
        self.runner = PolicyRunner(
            spec, self._worker, self.parameters.execution(spec), self.parameters.runner_limits(spec)
        )
        self.stats = CommandStats()
        self._enabled = False
        self._estopped = False
        self._owner: str | None = None  # who has the arm, while that is not this policy
        self._result: Action | Hold | None = None  # of the last control tick
        self._loop_problem: str | None = None
        self._driver = f"policy '{spec.name}' ({self.get_fully_qualified_name()})"
        self._log = StateLog(REMIND_S, self._driver)
        self._last_now_ns = 0
        self._last_steady_ns = time.monotonic_ns()
        self._started_ns = self._settled_ns = self._last_steady_ns
        self._clock_watch = ClockWatch()
        self._clock_problem: str | None = None
        self._sent = Traffic()
        self._others: list[str] = []  # who else commands the arm, or sends what the policy sees
        self._chunks: deque[Chunk] = deque(maxlen=8)  # not published yet
        self._gate = StartGate(spec, self.parameters.start_within, self.parameters.start_pose)
        self._joints_heard: tuple[int, NDArray[np.float64]] | None = None  # when, and the positions
        # With a gate, where the joints are decides; see heard_joints.
        self._enable_when_heard = self.parameters.enabled and self.parameters.start_within > 0
        self._set_enabled(self.parameters.enabled and not self._enable_when_heard)

        self._commands = publisher(self, topics.JOINT_COMMANDS)
        if self._chunk_gate is None:
            self._chunk_topic = publisher(self, topics.POLICY_CHUNK)
        else:
            # What is lost on the way is not waited for: the next one is newer.
            subscription(self, replace(topics.POLICY_CHUNK, qos=topics.SENSOR), self._on_chunk)
        self.listen()
        subscription(self, topics.ESTOP_STATE, self._on_estop)
        subscription(self, topics.CONTROL_OWNER, self._on_owner)
        service(self, topics.POLICY_ENABLE, self._on_enable)
        service(self, topics.POLICY_RESET, self._on_reset)
        # Silence must be noticed also when nothing comes and simulated time stands still.
        steady_timer(self, HOUSEKEEPING_S, self._on_housekeeping)
        steady_timer(self, 1.0, self._look_around)
        Diagnostics(self, self._reports, f"policy {spec.name}")

        rate_hz = self.parameters.control_rate_hz
        priority = self.parameters.realtime_priority
        self._memory_locked = prepare_process() if priority else False
        self._loop = ControlLoop(self._tick, rate_hz, self._on_tick_error, priority)
        self.get_logger().info(
            f"{self._policy_text}; control at {rate_hz:g} Hz, "
            f"{text_of(self.runner.execution)}, {self._inference_text}; {self._grants()}"
        )
        self._loop.start()
        request_fifo(priority // 2)  # this thread, which will spin; see act_core.realtime

    def close(self) -> None:
        """Ends the threads; nothing is commanded afterwards."""
        self._loop.close()
        self._worker.close()

    def _infer_here(self, policy: Policy | None) -> PolicySpec:
        """Loads the network and prepares the thread that it runs in."""
        cores = self._cores
        if policy is None:
            policy = run_apart(lambda: self.load(len(cores)), cores)
        if self._realtime and isinstance(policy, GraphPolicy):
            policy.engine_scope = as_ordinary_thread

        def prepare_worker_thread() -> None:
            os.sched_setaffinity(0, cores)
            if self._realtime:
                request_fifo(1)

        self._worker = ThreadWorker(policy, prepare_worker_thread)
        self._policy_text = getattr(policy, "description", policy.spec.name)
        self._inference_text = f"inference on cores {', '.join(map(str, cores))}"
        self._mark = bundle_mark(self.parameters.bundle) if self.parameters.bundle else ""
        return policy.spec

    def _follow_others(self) -> PolicySpec:
        """Prepares to follow chunks that are inferred on another computer."""
        spec = self.checked_spec()
        execution = self.parameters.execution(spec)
        plays_s = make_mode(execution, spec).plays_s
        self._worker = RemoteWorker(on_demand=plays_s > 0)
        self._mark = bundle_mark(self.parameters.bundle)
        self._chunk_gate = ChunkGate(
            spec,
            self._mark,
            self.parameters.max_plan_age_s + plays_s,
            StampCheck(TOLERANCE_S, has_simulated_time(self), zero_passes=False),
        )
        self._policy_text = f"policy '{spec.name}', inferred elsewhere"
        self._inference_text = f"chunks of bundle {self._mark} by {topics.POLICY_CHUNK.name}"
        return spec

    # -- control thread -------------------------------------------------------------------------

    def _tick(self) -> None:
        now_ns, steady_ns = self.get_clock().now().nanoseconds, time.monotonic_ns()
        moved_ns, passed_ns = now_ns - self._last_now_ns, steady_ns - self._last_steady_ns
        began = self._last_now_ns == 0
        self._last_now_ns, self._last_steady_ns = now_ns, steady_ns
        if moved_ns == 0:
            return  # simulated time stands still, or has not begun
        # Back: a bag that starts again, a simulation that restarts. Simulated time may run at any
        # speed; a real clock that ran ahead of the steady one was set.
        ahead = not self._simulated and moved_ns - passed_ns > to_ns(TOLERANCE_S)
        if not began and (moved_ns < 0 or ahead):
            way = "back" if moved_ns < 0 else "forward"
            size_s = abs(moved_ns if self._simulated else moved_ns - passed_ns) / NS_PER_S
            self.runner.reset(now_ns)
            self.runner.unobserved(f"the clock of this node stepped {way} by {duration(size_s)}")
        result = self.runner.act(now_ns)
        if isinstance(result, Action):
            self._commands.publish(joint_state(self._joints, result.position, result.stamp_ns))
            self._sent.count()
            if result.new_chunk is not None:
                self._chunks.append(result.new_chunk)
        self.stats.record(result)
        self._result = result

    def _on_tick_error(self, error: Exception) -> None:
        self._loop_problem = repr(error)
        self.get_logger().error(f"control: {error!r}", throttle_duration_sec=REMIND_S)

    # -- executor: observations -----------------------------------------------------------------

    def heard_joints(self, position: NDArray[np.float64]) -> None:
        self._joints_heard = time.monotonic_ns(), position
        if self._enable_when_heard:
            self._enable_when_heard = False
            self.get_logger().info(f"enabled at the start: {self._enable()}")

    def knows_where_joints_are(self) -> bool:
        return self._fresh_position() is not None

    def observed(self, observation: Observation, now_ns: int) -> None:
        self.runner.observe(observation, now_ns)

    def unobserved(self, why: str) -> None:
        self.runner.unobserved(why)

    def _on_chunk(self, message: JointTrajectory) -> None:
        """Of the inference side, which infers on another computer."""
        assert self._chunk_gate is not None
        assert isinstance(self._worker, RemoteWorker)
        now_ns = self.get_clock().now().nanoseconds
        found = self._chunk_gate.take(chunk_arrival(message), now_ns)
        if isinstance(found, Refusal):
            self._worker.receive(Failure(f"its chunk was refused: {found.text}"))
            self.get_logger().warning(
                f"chunk refused ({found.kind}): {found.text}", throttle_duration_sec=REMIND_S
            )
        else:
            self._worker.receive(found)

    def begin_afresh(self) -> None:
        """Forgets every plan; to hold until there is a new one is no fault."""
        now_ns = self.get_clock().now().nanoseconds
        self.runner.reset(now_ns)
        if self._chunk_gate is not None:
            self._chunk_gate.begin(now_ns)
        self._settle()

    def _settle(self) -> None:
        self._settled_ns = time.monotonic_ns() + to_ns(SETTLE_S)

    # -- executor: operators --------------------------------------------------------------------

    def _set_enabled(self, enabled: bool) -> None:
        self._enabled = enabled and not self._estopped
        if self._enabled:
            self._settle()
            now_ns = self.get_clock().now().nanoseconds
            self.runner.start(now_ns)
            if self._chunk_gate is not None:
                self._chunk_gate.begin(now_ns)
        elif self._estopped:
            self.runner.stop("the e-stop is engaged")
        else:
            self.runner.stop("not enabled; call policy/enable")

    def _enable(self) -> str:
        """Begins to act, unless something speaks against it; returns what was done."""
        refusal = None if self._enabled else self._gate.refusal(self._fresh_position())
        if self._estopped:
            refusal = "the e-stop is engaged; release it first"
        if refusal is not None:
            return f"refused: {refusal}"
        self._set_enabled(True)
        return "acting"

    def _fresh_position(self) -> NDArray[np.float64] | None:
        """(J,) [rad] where the joints are; None where that was not heard of late."""
        if self._joints_heard is None:
            return None
        age_ns = time.monotonic_ns() - self._joints_heard[0]
        return self._joints_heard[1] if age_ns <= to_ns(self.parameters.max_joint_age_s) else None

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._enable_when_heard = False
        if request.data:
            response.message = self._enable()
        else:
            self._set_enabled(False)
            response.message = "stopped"
        response.success = self._enabled == request.data
        self.get_logger().info(f"policy/enable {request.data}: {response.message}")
        return response

    def _on_reset(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.reset("policy/reset")
        response.success = True
        response.message = "plans and observations forgotten"
        return response

    def _on_estop(self, message: Bool) -> None:
        if message.data == self._estopped:
            return
        self._estopped = message.data
        # Releasing the stop does not start the arm: that takes a call of policy/enable.
        self._set_enabled(False)
        self.get_logger().warning(f"e-stop {'engaged' if message.data else 'released'}: stopped")

    def _on_owner(self, message: DiagnosticStatus) -> None:
        owner = diagnostic_values(message).get("owner")
        self._owner = f"{owner}: {clean(message.message)}" if owner in (PERSON, NOBODY) else None
        self.runner.stand_by(self._owner is not None)

    # -- executor: reports ----------------------------------------------------------------------

    def _on_housekeeping(self) -> None:
        self.observe()
        while self._chunks:
            chunk = self._chunks.popleft()
            # Converting a chunk holds the GIL for up to half a millisecond: only for a listener.
            if self._chunk_gate is None and self._chunk_topic.get_subscription_count():
                status = self.runner.status(self.get_clock().now().nanoseconds)
                tag = Tag(self._mark, status.latency_s[-1] if status.latency_s else 0.0)
                self._chunk_topic.publish(chunk_message(chunk, self._joints, tag))
        if self._simulated:
            self._clock_problem = self._clock_watch.look(self.get_clock().now().nanoseconds)
        state = self._state()
        if state.result is None:
            return
        now_ns = time.monotonic_ns()
        starting = not self._sent.total and now_ns < self._started_ns + to_ns(START_S)
        line = self._log.update(
            state.result, self._enabled, now_ns, settling=starting or state.settling
        )
        if line is not None and line.level == "warning":
            self.get_logger().warning(line.text)  # rclpy wants one severity for each line of code
        elif line is not None:
            self.get_logger().info(line.text)

    def _look_around(self) -> None:
        """Asks the graph who else sends what the policy hears or says."""
        self._joint_senders.look()
        found = [self._joint_senders.warning()]
        found += [several(self, self.image_topic(camera)) for camera in self._images]
        if self._chunk_gate is not None:
            found.append(several(self, topics.POLICY_CHUNK))
        if self._enabled:
            found.append(rivals(self, topics.JOINT_COMMANDS))
        if self._owner is not None:
            found.append(f"standing by: the arm is in other hands, {self._owner}")
        found.append(self._disagreement())
        self._others = [text for text in found if text is not None]

    def _disagreement(self) -> str | None:
        """Why the policy does not know what it wants; see the parameter ``disagreement``."""
        text = self.runner.status(self.get_clock().now().nanoseconds).disagreement
        if text is not None and self._enabled and self.parameters.disagreement == STOP:
            self._set_enabled(False)
            self.runner.stop(f"{text}; call policy/enable to go on")
            self.get_logger().warning(f"stopped: {text}")
        return text

    def _state(self) -> PolicyState:
        result = true_result(self._result, self._clock_problem, self._sent, self._loop_problem)
        settling = time.monotonic_ns() < self._settled_ns
        return PolicyState(result, self._enabled, settling)

    def _reports(self) -> list[Report]:
        status = self.runner.status(self.get_clock().now().nanoseconds)
        settings = {
            "control_rate_hz": f"{self.parameters.control_rate_hz:g}",
            "realtime": self._grants(),
        }
        inputs = self.input_values()
        if self._chunk_gate is not None:
            inputs |= self._chunk_gate.values()
        state, loop = self._state(), self._loop.stats.snapshot()
        return [
            control_report(
                state, self._driver, loop, self.stats, self._sent, self._others, settings
            ),
            inference_report(self._policy_text, state.result, status, self._received, inputs),
        ]

    def _grants(self) -> str:
        fifo = (
            f"SCHED_FIFO {self.parameters.realtime_priority}" if self._realtime else "no SCHED_FIFO"
        )
        memory = "memory locked" if self._memory_locked else "memory not locked"
        return f"{fifo}, {memory}"


def node_of_role() -> Node:
    """The node that the parameter ``role`` asks for."""
    probe = Node("act_policy", start_parameter_services=False, enable_rosout=False)
    role = override_of(probe, "role", BOTH)
    probe.destroy_node()
    return InferenceNode() if role == INFERENCE else PolicyNode()


def main() -> int:
    return run_node(node_of_role)


if __name__ == "__main__":
    raise SystemExit(main())
