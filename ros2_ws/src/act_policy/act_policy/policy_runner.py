"""From observations and chunks to commands: everything the node does, without ROS and its clock."""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from act_core.policy_spec import ExecutionSpec, PolicySpec
from act_core.policy_units import Reach, check_units
from act_core.timing import NS_PER_S, to_ns
from numpy.typing import NDArray

from act_policy.chunk import Chunk
from act_policy.history import History, stacked
from act_policy.inference_worker import Failure, InferenceWorker
from act_policy.modes import make_mode
from act_policy.observation import Observation
from act_policy.plan_follower import PlanFollower
from act_policy.plan_spread import PlanSpread


class Hold(NamedTuple):
    """No command now; whoever moves the arm keeps its last target."""

    reason: str  # one of HOLD_REASONS
    detail: str  # for people


HOLD_REASONS = {
    "stopped": "nobody has enabled the policy, or somebody stopped it",
    "no_observation": "no usable observation has come, or none for too long",
    "inference_failed": "the last inference raised or gave non-finite values",
    "inference_late": "the newest chunk is too old: inference is slow or hangs",
    "no_plan": "the first inference has not finished yet",
}


class Action(NamedTuple):
    """The command for one instant."""

    position: NDArray[np.float64]  # (A,)
    stamp_ns: int  # the time it is for
    observation_ns: int  # stamp of the newest observation behind it
    live: int  # chunks that took part
    new_chunk: Chunk | None  # the newest one, when this is the first command that used it


class RunnerStatus(NamedTuple):
    """What inference has been doing; None where there is nothing to tell."""

    live: int  # chunks in the plan
    observation_age_s: float | None
    plan_age_s: float | None  # of the observation behind the newest chunk
    inferences: int
    failures: int
    last_failure: str | None
    busy_s: float | None  # how long the inference in work has been running
    latency_s: tuple[float, ...]  # of the last inferences
    spread: float | None  # of the plans of the last second, see `PlanSpread`
    disagreement: str | None  # what is wrong with it


@dataclass(frozen=True)
class RunnerLimits:
    """When to stop trusting what is there."""

    max_observation_age_s: float = 0.5
    """Without a new observation for so long, hold: the arm would move blindly."""
    max_plan_age_s: float = 1.0
    """Without a new chunk for so long (after the rows of an open loop), hold."""
    resume_s: float = 0.2
    """After a hold of up to so long the arm still stands at the last command, and commands go on
    from there; later from where the arm is measured. No more than the watchdog of whoever owns the
    arm, which then stops it where it is."""
    fade_s: float = 0.15
    """See `PlanFollower`."""
    spread: float | None = None
    """See `PlanSpread`."""


class PolicyRunner:
    """Turns observations into one command per call of `act`, however long inference takes.

    ``execution.mode`` is a name of `act_policy.modes`. Commands are free of jumps (`PlanFollower`)
    with one exception. A chunk whose observation is of the very instant that is commanded is not
    late, so there is nothing to smooth: the plan is followed as it is. That makes this the paper's
    algorithm exactly when inference takes no time and control runs at the policy's rate; on a
    robot, stamps always precede commands.

    All times are ROS time [ns]. `act` and the rest may be called from two threads.

    A chunk with a row that is far beyond where its joints can be is not followed but counted as a
    failed inference: it is in another unit, or the policy is lost.

    Args:
        spec: of the policy.
        worker: infers; owned by the caller.
        execution: in place of the bundle's.
        limits: ages.

    Raises BundleError for a policy in other units than the topics', see `check_units`, and
    ConfigurationError for a mode that is not there.
    """

    def __init__(
        self,
        spec: PolicySpec,
        worker: InferenceWorker,
        execution: ExecutionSpec | None = None,
        limits: RunnerLimits | None = None,
    ) -> None:
        if execution is not None:
            spec = dataclasses.replace(spec, execution=execution)  # checks that they fit
        check_units(spec)
        self.spec = spec
        self.execution = spec.execution
        self.limits = limits if limits is not None else RunnerLimits()
        self._worker = worker
        self._plan = make_mode(self.execution, spec)
        self._follower = PlanFollower(self.execution.max_jump, self.limits.fade_s)
        self._measured = _measured_index(spec)
        self._reach = Reach(spec.output.joints)
        self._lock = threading.Lock()
        self._stopped: str | None = None
        self._epoch_ns: int | None = None
        self._observation: Observation | None = None
        self._history = History(spec)
        self._spread = PlanSpread(self.limits.spread)
        self._requested = False
        self._standing_by = False
        self._held_since_ns: int | None = None
        self._unobserved = ""
        self._failure: str | None = None
        self._inferences = 0
        self._failures = 0
        self._last_failure: str | None = None
        self._latency_s: deque[float] = deque(maxlen=256)

    def start(self, now_ns: int) -> None:
        """Acts from now on, on observations from now on."""
        with self._lock:
            self._stopped = None
            self._forget()
            self._epoch_ns = now_ns

    def stop(self, detail: str) -> None:
        """Holds until `start`, with ``detail`` as the reason."""
        with self._lock:
            self._stopped = detail
            self._forget()

    def reset(self, now_ns: int) -> None:
        """A new episode: forgets plan, last command and every observation from before now."""
        with self._lock:
            self._forget()
            self._epoch_ns = now_ns

    def stand_by(self, standing_by: bool) -> None:
        """Somebody else drives the arm, or drives it no more. Meanwhile every observation that
        there is time for is inferred, and the newest chunk alone is the plan: so there is one, of
        where the arm is, at the moment when it comes back. Commands follow the plan as it is; they
        go nowhere, and whoever owns the arm leads from where it is to the first that counts."""
        with self._lock:
            self._standing_by = standing_by
            self._follower.reset()
            self._spread.clear()

    def observe(self, observation: Observation, now_ns: int) -> None:
        """Takes in an observation; it is inferred when the mode wants one and it is the newest."""
        with self._lock:
            if self._stopped is not None or not self._is_current(observation):
                return
            self._observation, self._unobserved = observation, ""
            steps = self._history.add(observation)
            if not (self._standing_by or self._plan.wants_inference(now_ns)):
                return
            if self._plan.plays_s and self._requested:
                return  # the answer to the last request will do
            self._requested = True
        # Outside the lock, which `act` needs too: the worker's thread has a low priority.
        self._worker.submit(stacked(steps), now_ns)

    def unobserved(self, detail: str) -> None:
        """Says why there is no observation now, for the text of a hold."""
        self._unobserved = detail

    def act(self, now_ns: int) -> Action | Hold:
        """The command for ``now_ns``, or why there is none. Time goes back only with `reset`."""
        with self._lock:
            new_chunk = self._collect(now_ns)
            self._plan.expire(now_ns)
            hold = self._reason_to_hold(now_ns)
            newest = self._plan.newest
            if hold is not None or newest is None:
                self._hold(now_ns)
                return hold or self._no_plan(now_ns)
            self._held_since_ns = None
            if self._standing_by or (newest is new_chunk and newest.stamp_ns == now_ns):
                self._follower.reset()
            elif self._follower.last is None:
                self._follower.reset(self._measured_position(), now_ns)
            position = self._follower.follow(self._plan, now_ns)
            return Action(position, now_ns, newest.stamp_ns, self._plan.live, new_chunk)

    def status(self, now_ns: int) -> RunnerStatus:
        """What inference has been doing."""
        with self._lock:
            observation, newest = self._observation, self._plan.newest
            return RunnerStatus(
                live=self._plan.live,
                observation_age_s=_age_s(observation, now_ns),
                plan_age_s=_age_s(newest, now_ns),
                inferences=self._inferences,
                failures=self._failures,
                last_failure=self._last_failure,
                busy_s=self._worker.busy_s(now_ns),
                latency_s=tuple(self._latency_s),
                spread=self._spread.value,
                disagreement=self._spread.problem,
            )

    def _forget(self) -> None:
        self._worker.reset()
        self._plan.clear()
        self._follower.reset()
        self._observation = None
        self._history.clear()
        self._spread.clear()
        self._failure = None
        self._requested = False
        self._held_since_ns = None

    def _is_current(self, stamped: Observation | Chunk) -> bool:
        return self._epoch_ns is None or stamped.stamp_ns >= self._epoch_ns

    def _hold(self, now_ns: int) -> None:
        # The arm leaves the old chunks' path while it holds: they must not come back.
        self._plan.clear()
        if self._held_since_ns is None:
            self._held_since_ns = now_ns
        if now_ns - self._held_since_ns < to_ns(self.limits.resume_s):
            self._follower.hold(now_ns)
        else:
            self._follower.reset()

    def _collect(self, now_ns: int) -> Chunk | None:
        """Adds what inference has finished to the plan; returns the newest chunk of it."""
        new_chunk = None
        for outcome in self._worker.collect(now_ns):
            self._requested = False
            if not isinstance(outcome, Failure):
                wrong = self._reach.beyond(outcome.chunk.rows)
                if wrong is not None:
                    outcome = Failure(f"the policy wants {wrong}")
            if isinstance(outcome, Failure):
                self._failures += 1
                self._failure = self._last_failure = outcome.reason
                continue
            self._inferences += 1
            self._latency_s.append(outcome.latency_s)
            self._failure = None
            if self._is_current(outcome.chunk):
                new_chunk = outcome.chunk
                if self._standing_by:
                    self._plan.clear()
                else:
                    self._spread.add(new_chunk)
                self._plan.add(new_chunk)
        return new_chunk

    def _reason_to_hold(self, now_ns: int) -> Hold | None:
        limits = self.limits
        if self._stopped is not None:
            return Hold("stopped", self._stopped)
        age_s = _age_s(self._observation, now_ns)
        if age_s is None:
            return Hold("no_observation", self._unobserved or "none has come yet")
        if age_s > limits.max_observation_age_s:
            why = f": {self._unobserved}" if self._unobserved else ""
            return Hold("no_observation", f"the newest is {age_s:.2f} s old "
                        f"(limit {limits.max_observation_age_s} s){why}")  # fmt: skip
        plan_age_s = _age_s(self._plan.newest, now_ns)
        if plan_age_s is not None and plan_age_s > limits.max_plan_age_s + self._plan.plays_s:
            if self._failure is not None:
                return Hold("inference_failed", self._failure)
            return Hold("inference_late", f"the newest chunk is from {plan_age_s:.2f} s ago "
                        f"(limit {limits.max_plan_age_s + self._plan.plays_s:.2f} s)")  # fmt: skip
        return None

    def _no_plan(self, now_ns: int) -> Hold:
        if self._failure is not None:
            return Hold("inference_failed", self._failure)
        busy_s = self._worker.busy_s(now_ns)
        if busy_s is not None and busy_s > self.limits.max_plan_age_s:
            return Hold("inference_late", f"{self._worker.waits} {busy_s:.1f} s")
        return Hold("no_plan", "waiting for the first chunk")

    def _measured_position(self) -> NDArray[np.float64] | None:
        """(A,) where the joints that the actions move were last seen, if they were among them."""
        if self._measured is None or self._observation is None:
            return None
        return self._observation.joint_position[self._measured].astype(np.float64)


def _age_s(stamped: Observation | Chunk | None, now_ns: int) -> float | None:
    return None if stamped is None else (now_ns - stamped.stamp_ns) / NS_PER_S


def _measured_index(spec: PolicySpec) -> list[int] | None:
    """Where the output's joints are in the input; None if some are not there, or in other units."""
    joints, output = spec.joint_input, spec.output
    if joints.unit != output.unit or not set(output.joints) <= set(joints.joints):
        return None
    return [joints.joints.index(name) for name in output.joints]
