"""What the parts of `bench.takeover` have in common: sources, what is counted, who watches."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from act_core import ros, topics
from act_core.arbiter import PERSON
from act_core.realtime import request_fifo
from act_core.robots.so101 import JOINT_NAMES, SO101
from act_sim.mock_arm_node import MockArmNode
from numpy.typing import NDArray
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger

Vector = NDArray[np.float64]

PERIOD_S = 0.01
APART_RAD = 1.0  # of device and arm, at most, in each joint
WATCHED_S = 0.5  # after each switch
AMPLITUDE_RAD, SPEED_RAD_S = 0.15, 0.2  # of the policy and the person on real topics
HOME = SO101.pose("home")
PRIORITY = 20  # SCHED_FIFO, of the threads that stand for nodes; see act_core.realtime


def wave(t_s: float) -> Vector:
    """(6,) where the policy wants the arm to be."""
    return HOME + AMPLITUDE_RAD * np.sin(SPEED_RAD_S / AMPLITUDE_RAD * t_s + np.arange(6))


def inside(position: Vector) -> Vector:
    """The same, 0.1 rad inside the limits."""
    return np.clip(position, SO101.limits.lower_rad + 0.1, SO101.limits.upper_rad - 0.1)


class Result:
    """What is counted."""

    def __init__(self) -> None:
        self.switches = 0
        self.beyond_rad: list[float] = []
        self.without_command = 0
        self.first_s: list[float] = []
        self.held: Counter[str] = Counter()  # why

    def as_values(self) -> dict[str, Any]:
        beyond, first = np.array(self.beyond_rad), np.array(self.first_s)
        return {
            "switches": self.switches,
            "beyond_mrad": round(1e3 * float(beyond.max()), 2),
            "beyond_5_mrad": int((beyond > 0.005).sum()),
            "without_command": self.without_command,
            "held_because": dict(self.held),
            "first_p50_ms": round(1e3 * float(np.median(first)), 2),
            "first_max_ms": round(1e3 * float(first.max()), 2),
            "first_over_15_ms": int((first > 0.015).sum()),
        }


class Watch:
    """What an arm's node applies, and whose commands it takes."""

    def __init__(self) -> None:
        # When, target, where the source is that it follows, and why it holds.
        self.periods: list[tuple[float, Vector, Vector, str | None]] = []
        self.taken: list[tuple[float, str]] = []  # when, whose command
        self._source = np.zeros(6)

    def listen(self, helm: Any) -> None:
        """To what the helm takes, as it is sent."""
        command, person = helm.command, helm.person

        def of_policy(names: Any, position: Any, *more: Any) -> Any:
            return self._heard(command(names, position, *more), position, "policy")

        def of_person(sender: Any, name: Any, names: Any, position: Any, *more: Any) -> Any:
            return self._heard(person(sender, name, names, position, *more), position, PERSON)

        helm.command, helm.person = of_policy, of_person

    def _heard(self, refusal: Any, position: Any, whose: str) -> Any:
        if refusal is None:
            self._source = np.array(position)
            self.taken.append((time.monotonic(), whose))
        return refusal

    def period(self, applied: Any, hold: str | None) -> None:
        if applied is not None:
            self.periods.append((time.monotonic(), applied.position_rad, self._source, hold))

    def first(self, owner: str, since_s: float) -> float | None:
        """When a command of that owner was first taken after a time."""
        found = [at for at, whose in self.taken[-400:] if whose == owner and at >= since_s]
        return found[0] if found else None


def watched(kind: type[Any], watch: Watch) -> Any:
    """The node with a watch on it."""

    class Watched(kind):
        def serve(self, *arguments: Any, **more: Any) -> None:
            super().serve(*arguments, **more)
            watch.listen(self.helm)

        def publish(self, sample: Any, applied: Any, at: int, hold: Any, *more: Any) -> None:
            watch.period(applied, hold)
            super().publish(sample, applied, at, hold, *more)

    return Watched()


class Sender(Node):
    """Sends positions on a topic at 100 Hz while it is on."""

    def __init__(self, name: str, topic: topics.Topic, position: Callable[[], Vector]) -> None:
        super().__init__(name, use_global_arguments=False)
        self.on, self.first_s = False, 0.0
        self._position = position
        self._topic = ros.publisher(self, topic)
        self.create_timer(PERIOD_S, self._send)
        self.hand_back: Client = self.create_client(Trigger, topics.CONTROL_RETURN.name)
        self.enable: Client = self.create_client(SetBool, topics.LEADER_ENABLE.name)
        self._leader_rad = np.zeros(6)
        ros.subscription(self, topics.LEADER_JOINT_STATES, self._on_leader)

    def _send(self) -> None:
        if not self.on:
            self.first_s = 0.0
            return
        if not self.first_s:
            self.first_s = time.monotonic()
        now_ns = self.get_clock().now().nanoseconds
        self._topic.publish(ros.joint_state(JOINT_NAMES, self._position(), now_ns))

    def _on_leader(self, message: JointState) -> None:
        self._leader_rad = np.array(message.position)

    def wait_for_leader(self, position_rad: Vector) -> None:
        """Until a leader is read there: no hand moves it as fast as a benchmark does."""
        while np.abs(self._leader_rad - position_rad).max() > 0.01:
            time.sleep(0.002)


@contextmanager
def spinning(*nodes: Node) -> Iterator[None]:
    """Each in a thread of its own, with the priority that a node's own process gives it."""
    ending = threading.Event()

    def spin(node: Node) -> None:
        request_fifo(PRIORITY)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not ending.is_set():
            executor.spin_once(timeout_sec=0.1)

    threads = [threading.Thread(target=spin, args=(node,)) for node in nodes]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join()


def call(client: Any, request: Any) -> None:
    """Asks and waits; RuntimeError where there is no answer or a refusal."""
    if not client.wait_for_service(timeout_sec=10.0):
        raise RuntimeError(f"nobody answers {client.srv_name}")
    answer = client.call_async(request)
    deadline_s = time.monotonic() + 120.0  # a recording is judged before its stop is answered
    while not answer.done() and time.monotonic() < deadline_s:
        time.sleep(0.001)
    if not answer.done() or not answer.result().success:
        raise RuntimeError(f"{client.srv_name}: {answer.result() if answer.done() else 'silence'}")


def look(result: Result, watch: Watch, since_s: float, owner: str) -> None:
    """Counts a switch that was asked for at ``since_s``, half a second later."""
    result.switches += 1
    first = watch.first(owner, since_s)
    result.first_s.append(WATCHED_S if first is None else first - since_s)
    after = [p for p in watch.periods[-200:] if since_s - PERIOD_S <= p[0] <= since_s + WATCHED_S]
    if len(after) < 3:  # the bus was silent all the time
        result.beyond_rad.append(0.0)
        result.without_command += round(WATCHED_S / PERIOD_S)
        result.held["nothing was applied"] += round(WATCHED_S / PERIOD_S)
        return
    steps = np.diff(np.array([target for _, target, *_ in after]), axis=0)
    sources = np.diff(np.array([source for *_, source, _ in after]), axis=0)
    changed = np.abs(sources).max(axis=1) > 10 * SPEED_RAD_S * PERIOD_S  # another source begins
    sources[changed] = 0.0
    low, high = np.minimum(steps[:-1], sources[1:]), np.maximum(steps[:-1], sources[1:])
    result.beyond_rad.append(float(np.maximum(low - steps[1:], steps[1:] - high).max()))
    held = [hold for *_, hold in after if hold is not None]
    result.without_command += len(held)
    result.held.update(held)


class MockBench:
    """The mock arm's node, a policy and a person's device on real topics; see `mock_arm`."""

    def __init__(self, seed: int) -> None:
        self._rng, self._watch = np.random.default_rng(seed), Watch()
        self._start_s = time.monotonic()
        self._offset = np.zeros(6)
        self.arm = watched(MockArmNode, self._watch)
        self.policy = Sender("policy", topics.JOINT_COMMANDS, lambda: wave(self._time_s))
        self.person = Sender("leader", topics.JOINT_COMMANDS_PERSON, self._device)
        self.nodes = (self.arm, self.policy, self.person)

    @property
    def _time_s(self) -> float:
        return time.monotonic() - self._start_s

    def _device(self) -> Vector:
        return inside(self._offset + wave(1.0 - 0.7 * self._time_s))

    def switch(self, result: Result) -> None:
        """The arm goes to whoever has not got it; half a second later that is counted."""
        person = self.person
        if not person.on:
            self._offset = self._rng.uniform(-APART_RAD, APART_RAD, 6)
            person.on = True
            while not person.first_s:
                time.sleep(0.0005)
            since_s, owner = person.first_s, PERSON
        else:
            since_s, owner = time.monotonic(), "policy"
            call(person.hand_back, Trigger.Request())
            person.on = False
        end_s = since_s + WATCHED_S + self._rng.uniform(0, 0.1)
        time.sleep(max(0.0, end_s - time.monotonic()))
        look(result, self._watch, since_s, owner)


@contextmanager
def mock_arm(seed: int) -> Iterator[MockBench]:
    """With the policy driving."""
    bench = MockBench(seed)
    try:
        with spinning(*bench.nodes):
            bench.policy.on = True
            time.sleep(2.0)
            yield bench
    finally:
        bench.arm.close()
        for node in bench.nodes:
            node.destroy_node()
