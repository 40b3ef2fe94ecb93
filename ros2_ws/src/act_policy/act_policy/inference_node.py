"""The half of a policy that sees and infers, for a computer of its own; see docs/two_machines.md.

It commands nothing and has no say about time: observations are put together by their own stamps, so
its clock may differ from the robot's, and every chunk carries the stamp of what it was made of.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from act_core import topics
from act_core.errors import ConfigurationError
from act_core.policy_json import read_spec
from act_core.policy_spec import PolicySpec
from act_core.realtime import as_ordinary_thread, fifo_is_granted, request_fifo
from act_core.report import Report
from act_core.ros import publisher, run_node, steady_timer
from act_core.ros_diagnostics import Diagnostics
from act_core.timing import NS_PER_S
from numpy.typing import ArrayLike, NDArray

from act_policy.chunk import Chunk
from act_policy.chunk_wire import Tag, bundle_mark
from act_policy.cores import run_apart
from act_policy.graph_policy import GraphPolicy
from act_policy.history import History, stacked
from act_policy.inference_worker import Failure, Outcome, ThreadWorker
from act_policy.observation import Observation
from act_policy.observing_node import ObservingNode, chunk_message
from act_policy.policy import Inference, Policy, PolicyError

HOUSEKEEPING_S = 0.25
REMIND_S = 5.0
SILENT_S = 1.0


class InferenceNode(ObservingNode):
    """Infers the newest observation, again and again, and publishes ``act_policy/chunk``.

    Parameters: `PolicyParameters`, of which those of control have no effect here.

    Args:
        policy: in place of the bundle's graph: a policy of any kind for the bundle's policy.json.
        overrides: of rclpy.node.Node.
    """

    # What is lost on the way is not waited for: the next one is newer.
    joint_topic = replace(topics.JOINT_STATES, qos=topics.SENSOR)

    def __init__(self, policy: Policy | None = None, **overrides: Any) -> None:
        super().__init__("act_inference", **overrides)
        cores = tuple(sorted(os.sched_getaffinity(0)))
        if policy is None:
            policy = run_apart(lambda: self.load(len(cores)), cores, niceness=0)
        self._mark = bundle_mark(self.parameters.bundle)
        spec = policy.spec
        self._joints = spec.output.joints
        self._text = getattr(policy, "description", f"policy '{spec.name}'")
        self._history = History(spec)
        self._newest_ns: dict[str, int] = {}  # stream -> its newest stamp
        self._offset_s: deque[float] = deque(maxlen=256)  # of this clock to the stamps that come
        self._latency_s: deque[float] = deque(maxlen=256)
        self._lacks = "nothing has come yet"
        self._sent_at_ns: int | None = None
        self._failures = 0
        self._failure: str | None = None
        self.inferences = 0
        self.watch(spec)
        self._chunks = publisher(self, topics.POLICY_CHUNK)
        priority = self.parameters.realtime_priority
        realtime = fifo_is_granted(priority)
        if realtime and isinstance(policy, GraphPolicy):
            policy.engine_scope = as_ordinary_thread  # the network itself may wait for others
        begin = partial(request_fifo, 1) if realtime else None
        self._worker = ThreadWorker(policy, begin, on_done=self._done)
        self.listen()
        steady_timer(self, HOUSEKEEPING_S, self.observe)
        Diagnostics(self, self._reports, f"policy {spec.name}")
        self.get_logger().info(
            f"{self._text}; sends chunks of bundle {self._mark} on {topics.POLICY_CHUNK.name}"
        )
        request_fifo(priority // 2)  # this thread, which will spin; see act_core.realtime

    def close(self) -> None:
        """Ends the thread."""
        self._worker.close()

    def observing_time_ns(self) -> int:
        """The newest stamp of all: this computer's clock may be another."""
        return max(self._newest_ns.values(), default=0)

    def wrong_stamp(self, stream: str, found_ns: int) -> str | None:
        self._newest_ns[stream] = found_ns
        self._offset_s.append((self.get_clock().now().nanoseconds - found_ns) / NS_PER_S)
        return None if found_ns > 0 else "it has no stamp"

    def observed(self, observation: Observation, now_ns: int) -> None:
        self._lacks = ""
        self._worker.submit(stacked(self._history.add(observation)), now_ns)

    def unobserved(self, why: str) -> None:
        self._lacks = why

    def begin_afresh(self) -> None:
        self._newest_ns.clear()
        self._history.clear()
        self._worker.reset()

    def _done(self, outcome: Outcome) -> None:
        """Called by the worker's thread."""
        if isinstance(outcome, Failure):
            self._failures += 1
            self._failure = outcome.reason
            self.get_logger().error(
                f"inference failed: {outcome.reason}", throttle_duration_sec=REMIND_S
            )
            return
        self._failure = None
        self._latency_s.append(outcome.latency_s)
        tag = Tag(self._mark, outcome.latency_s)
        self._chunks.publish(chunk_message(outcome.chunk, self._joints, tag))
        self.inferences += 1
        self._sent_at_ns = time.monotonic_ns()

    def _reports(self) -> list[Report]:
        """``clock_offset_ms``: this clock minus the stamps of what comes, the way here included."""
        values = {"bundle": self._mark, "inferences": str(self.inferences)}
        values |= {"failures": str(self._failures), **self.input_values()}
        for name, seconds in (("clock_offset", self._offset_s), ("inference", self._latency_s)):
            if seconds:
                least, middle, most = 1e3 * np.percentile(list(seconds), [0, 50, 99])
                values[f"{name}_min_ms"] = f"{least:.1f}"
                values[f"{name}_p50_ms"] = f"{middle:.1f}"
                values[f"{name}_p99_ms"] = f"{most:.1f}"
        for stream, traffic in self._received.items():
            values |= traffic.as_values(stream)
        sent_ns = self._sent_at_ns
        silent = sent_ns is None or (time.monotonic_ns() - sent_ns) / NS_PER_S > SILENT_S
        level, text = "ok", f"{self._text}: sending chunks"
        if silent:
            level, text = "warn", f"{self._text}: no chunk goes out: {self._lacks or 'it computes'}"
        if self._failure is not None:
            level, text = "error", f"{self._text}: failing: {self._failure}"
        return [Report("inference", level, text, values)]


Answer = Callable[[NDArray[np.float32], Mapping[str, NDArray[np.uint8]]], ArrayLike]


class FunctionPolicy:
    """A Python function as a policy.

    Args:
        spec: of what it takes and gives.
        answer: called with joints (J,) and an image (H, W, 3) for each camera by name (of several
            steps: with a leading axis); returns the chunk (K, A).
    """

    def __init__(self, spec: PolicySpec, answer: Answer) -> None:
        if spec.velocity_input is not None:
            raise ConfigurationError(
                f"policy '{spec.name}' takes joint velocities ('{spec.velocity_input.name}'); a "
                "function gets positions and images"
            )
        self._spec = spec
        self._answer = answer
        self.description = f"'{getattr(answer, '__name__', 'a function')}' as '{spec.name}'"

    @property
    def spec(self) -> PolicySpec:
        return self._spec

    def infer(self, observation: Observation) -> Inference:
        """PolicyError for an answer of another shape, or with values that are not finite."""
        began_ns = time.perf_counter_ns()
        answer = self._answer(observation.joint_position, observation.images)
        rows = np.asarray(answer, dtype=np.float64)
        if rows.shape != self._spec.chunk_shape:
            raise PolicyError(f"it answered {rows.shape}, expected {self._spec.chunk_shape}")
        if not np.isfinite(rows).all():
            raise PolicyError("it answered values that are not finite")
        seconds = (time.perf_counter_ns() - began_ns) / NS_PER_S
        return Inference(Chunk(observation.stamp_ns, self._spec.rate_hz, rows), seconds)


def serve(answer: Answer, bundle: str | Path, args: list[str] | None = None) -> int:
    """Serves a function as the policy of a bundle, of which only policy.json is needed, until the
    process is asked to end. See `FunctionPolicy`; ``args``: of ROS."""
    given = [*(args or []), "--ros-args", "-p", f"bundle:={bundle}", "-p", "role:=inference"]
    return run_node(lambda: InferenceNode(FunctionPolicy(read_spec(bundle), answer)), given)
