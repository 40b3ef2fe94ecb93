"""Who drives changes at random instants: does the arm jump, is a period lost, how long is it?

    python -m bench.takeover                        # 1,000 switches in simulation, 200 on the bus
    python -m bench.takeover --parts simulation     # or topics, bus

Three parts, one JSON line. A person's device is up to 1 rad from the arm in each joint whenever it
takes over, and moves on at random; control/return hands the arm back.

- ``simulation``: MuJoCo, the arm's gate and helm and the policy's own runner, whose plans begin
  where the arm was seen, 50 ms late, in all of its modes; in virtual time at 100 Hz. The same for
  every run with the same --seed.
- ``topics``: the mock arm's node, a policy and a person's device on real topics.
- ``bus``: the driver's node on the emulated servo bus, and the leader's node with an emulated
  leader arm, which a hand moves; taken over by ``leader/enable``.

``beyond_mrad`` is the largest step of `joint_commands/applied` in the half second after a switch,
beyond the arm's own motion: beyond what lies between its step before and the step of whoever
commands now.
``without_command`` counts control periods in that time in which the arm held. ``first_ms`` is the
time from the request (the device's first message, or the call of control/return) to the first
command of the new owner that the arm took.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))

import rclpy
from act_core import ros, topics
from act_core.arbiter import PERSON
from act_core.realtime import request_fifo
from act_core.helm import Helm
from act_core.policy_spec import ActionOutput, ExecutionSpec, JointInput, PolicySpec
from act_core.robots.so101 import JOINT_NAMES, SO101
from act_policy.chunk import Chunk
from act_policy.inference_worker import VirtualWorker
from act_policy.observation import Observation
from act_policy.policy import Inference
from act_policy.policy_runner import Action, PolicyRunner
from act_sim.mock_arm_node import MockArmNode
from act_sim.sim_bridge import SimBridge
from act_sim.simulation import Simulation
from numpy.typing import NDArray
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from so101_driver.driver_node import DriverNode
from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.pty_port import PtyPort
from so101_driver.leader_node import LeaderNode
from std_srvs.srv import SetBool, Trigger
from tqdm import tqdm

from bench._machine import cpu_name
from bench._servo_emulator import running_emulator

Vector = NDArray[np.float64]

PERIOD_S = 0.01
APART_RAD = 1.0  # of device and arm, at most, in each joint
WATCHED_S = 0.5  # after each switch
MODES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ensemble", {}),
    ("newest", {}),
    ("open_loop", {"open_loop_rows": 15}),
)
AMPLITUDE_RAD, SPEED_RAD_S = 0.15, 0.2  # of the policy and the person on real topics
HOME = SO101.pose("home")


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

    def as_values(self) -> dict[str, Any]:
        beyond, first = np.array(self.beyond_rad), np.array(self.first_s)
        return {
            "switches": self.switches,
            "beyond_mrad": round(1e3 * float(beyond.max()), 2),
            "beyond_5_mrad": int((beyond > 0.005).sum()),
            "without_command": self.without_command,
            "first_p50_ms": round(1e3 * float(np.median(first)), 2),
            "first_max_ms": round(1e3 * float(first.max()), 2),
            "first_over_15_ms": int((first > 0.015).sum()),
        }


# -- simulation ------------------------------------------------------------------------------------


class Homing:
    """A policy whose plan leads from where the arm was seen to the wave, within half a second."""

    def __init__(self, spec: PolicySpec) -> None:
        self.spec = spec

    def infer(self, observation: Observation) -> Inference:
        t_s = observation.stamp_ns * 1e-9
        rows = np.arange(self.spec.chunk_size) / self.spec.rate_hz
        plan = np.array([wave(t_s + row) for row in rows])
        apart = observation.joint_position.astype(np.float64) - plan[0]
        plan = plan + apart * np.exp(-rows / 0.5)[:, None]
        return Inference(Chunk(observation.stamp_ns, self.spec.rate_hz, plan), 0.0)


def policy_spec() -> PolicySpec:
    """Without cameras: 30 rows of 6 joints at 30 Hz."""
    output = ActionOutput("action", JOINT_NAMES)
    return PolicySpec("homing", 30.0, 30, JointInput("joints", JOINT_NAMES), (), output)


def simulated(switches: int, seed: int) -> Result:
    """The part ``simulation``."""
    result, rng = Result(), np.random.default_rng(seed)
    progress = tqdm(total=switches, desc="simulation", unit="switch")
    for number, (mode, options) in enumerate(MODES):
        share = switches * (number + 1) // len(MODES) - switches * number // len(MODES)
        _simulate(result, rng, ExecutionSpec(mode=mode, **options), share, progress)
    progress.close()
    return result


def _simulate(
    result: Result, rng: np.random.Generator, execution: ExecutionSpec, switches: int, progress: Any
) -> None:
    bridge = SimBridge(Simulation("reach"))
    bridge.sim.reset(0)
    helm = Helm(bridge, bridge.sim.limits, SO101.grippers, PERIOD_S, 0.2)
    spec = policy_spec()
    runner = PolicyRunner(spec, VirtualWorker(Homing(spec), 0.05), execution)
    period_ns, now_ns = round(1e9 * PERIOD_S), 10**9
    runner.start(now_ns)
    device = hand = np.zeros(6)
    before = last = bridge.gate.next().position_rad
    plan = last_plan = last
    by_person, stands_by = False, False
    next_switch, since, wanted_at = 100, 10**6, 0.0
    waiting = False
    k = 0
    while switches:
        k += 1
        now_ns += period_ns
        if bridge.sim.report.finished:  # the task's clock; the arm goes on from there
            bridge.sim.reset(0)
            helm.begin_anew(now_ns)
            bridge.gate.reset(last, 0)
            runner.reset(now_ns)
            by_person, next_switch, since = False, k + 100, 10**6
        if k == next_switch:
            by_person = not by_person
            switches, next_switch, since = switches - 1, k + int(rng.integers(30, 90)), 0
            result.switches += 1
            progress.update()
            wanted_at, waiting = rng.uniform(0, PERIOD_S), True
            if by_person:
                device, hand = inside(last + rng.uniform(-APART_RAD, APART_RAD, 6)), np.zeros(6)
            else:
                helm.give_back("control/return", now_ns)
        if k % 3 == 0:
            where = bridge.sim.joint_position.astype(np.float32)
            runner.observe(Observation(now_ns, where, {}), now_ns)
        if stands_by == helm.ownership.owner.startswith("policy"):
            stands_by = not stands_by
            runner.stand_by(stands_by)
        action = runner.act(now_ns)
        source_step = np.zeros(6)
        if isinstance(action, Action):
            last_plan, plan = plan, action.position
            refusal = helm.command(JOINT_NAMES, plan.tolist(), now_ns, now_ns)
            if refusal is None:
                source_step = plan - last_plan
                if waiting:  # control is free of the arm's periods: any phase is as likely
                    result.first_s.append(PERIOD_S - wanted_at)
                    waiting = False
        if by_person:
            hand = np.clip(hand + rng.normal(0, 0.001, 6), -0.01, 0.01)
            device, before_it = inside(device + hand), device
            if (
                helm.person(b"leader", "/leader", JOINT_NAMES, device.tolist(), now_ns, now_ns)
                is None
            ):
                source_step = device - before_it
                if waiting:
                    result.first_s.append(0.0)
                    waiting = False
        sample = bridge.tick(now_ns)
        applied = sample.applied.position_rad
        helm.applied(applied, now_ns)
        step, own = applied - last, last - before
        if since < WATCHED_S / PERIOD_S:
            low, high = np.minimum(own, source_step), np.maximum(own, source_step)
            result.beyond_rad.append(float(np.maximum(low - step, step - high).max()))
            result.without_command += sample.applied.hold is not None
        since += 1
        before, last = last, applied


# -- real topics -----------------------------------------------------------------------------------


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


class Driver(Node):
    """Sends positions on a topic at 100 Hz while it is on."""

    def __init__(self, name: str, topic: topics.Topic, position: Callable[[], Vector]) -> None:
        super().__init__(name, use_global_arguments=False)
        self.on, self.first_s = False, 0.0
        self._position = position
        self._topic = ros.publisher(self, topic)
        self.create_timer(PERIOD_S, self._send)
        self.hand_back: Client = self.create_client(Trigger, topics.CONTROL_RETURN.name)
        self.enable: Client = self.create_client(SetBool, topics.LEADER_ENABLE.name)

    def _send(self) -> None:
        if not self.on:
            self.first_s = 0.0
            return
        if not self.first_s:
            self.first_s = time.monotonic()
        now_ns = self.get_clock().now().nanoseconds
        self._topic.publish(ros.joint_state(JOINT_NAMES, self._position(), now_ns))


@contextmanager
def spinning(*nodes: Node) -> Iterator[None]:
    """Each in a thread of its own."""
    ending = threading.Event()

    def spin(node: Node) -> None:
        request_fifo(20)
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
    deadline_s = time.monotonic() + 10.0
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
        return
    steps = np.diff(np.array([target for _, target, *_ in after]), axis=0)
    sources = np.diff(np.array([source for *_, source, _ in after]), axis=0)
    changed = np.abs(sources).max(axis=1) > 10 * SPEED_RAD_S * PERIOD_S  # another source begins
    sources[changed] = 0.0
    low, high = np.minimum(steps[:-1], sources[1:]), np.maximum(steps[:-1], sources[1:])
    result.beyond_rad.append(float(np.maximum(low - steps[1:], steps[1:] - high).max()))
    result.without_command += sum(hold is not None for *_, hold in after)


def on_topics(switches: int, seed: int) -> Result:
    """The part ``topics``."""
    rng, watch, result = np.random.default_rng(seed), Watch(), Result()
    rclpy.init()
    start_s = time.monotonic()
    offset = np.zeros(6)
    arm = watched(MockArmNode, watch)
    policy = Driver("policy", topics.JOINT_COMMANDS, lambda: wave(time.monotonic() - start_s))
    person = Driver(
        "leader",
        topics.JOINT_COMMANDS_PERSON,
        lambda: inside(offset + wave(1.0 - 0.7 * (time.monotonic() - start_s))),
    )
    try:
        with spinning(arm, policy, person):
            policy.on = True
            time.sleep(2.0)
            for number in tqdm(range(switches), desc="topics", unit="switch"):
                if number % 2 == 0:
                    offset = rng.uniform(-APART_RAD, APART_RAD, 6)
                    person.on = True
                    while not person.first_s:
                        time.sleep(0.0005)
                    since_s, owner = person.first_s, PERSON
                else:
                    since_s, owner = time.monotonic(), "policy"
                    call(person.hand_back, Trigger.Request())
                    person.on = False
                time.sleep(max(0.0, since_s + WATCHED_S + rng.uniform(0, 0.1) - time.monotonic()))
                look(result, watch, since_s, owner)
    finally:
        arm.close()
        for node in (arm, policy, person):
            node.destroy_node()
        rclpy.shutdown()
    return result


# -- the servo bus ---------------------------------------------------------------------------------


def on_bus(switches: int, seed: int) -> Result:
    """The part ``bus``."""
    rng, watch, result = np.random.default_rng(seed), Watch(), Result()
    with running_emulator("--priority", "60") as emulator, tempfile.TemporaryDirectory() as folder:
        leader_file, leader_port = Path(folder) / "leader.json", Path(folder) / "leader"
        emulated_calibration().save(leader_file)
        servos: list[Any] = emulated_servos(HOME)
        for servo in servos:
            servo.motor.joint.blocked = True  # it stays where a hand puts it
        given = {
            "so101_driver:port": emulator.port, "so101_driver:calibration": emulator.calibration,
            "so101_driver:guard": False, "so101_driver:exit_policy": "hold",
            "leader:port": leader_port, "leader:calibration": leader_file, "leader:enabled": False,
        }  # fmt: skip
        arguments = [part for name, value in given.items() for part in ("-p", f"{name}:={value}")]
        rclpy.init(args=["--ros-args", *arguments])
        start_s = time.monotonic()
        with PtyPort(EmulatedBus(servos), leader_port, 60):
            arm, leader = watched(DriverNode, watch), LeaderNode()
            begin: list[Vector] = []
            policy = Driver(
                "policy",
                topics.JOINT_COMMANDS,
                lambda: begin[0] + wave(time.monotonic() - start_s) - HOME,
            )
            try:
                with spinning(arm, leader, policy):
                    while not watch.periods:
                        time.sleep(0.1)
                    begin.append(inside(watch.periods[-1][1]))
                    policy.on = True
                    time.sleep(2.0)
                    for number in tqdm(range(switches), desc="bus", unit="switch"):
                        where = inside(watch.periods[-1][1] + rng.uniform(-APART_RAD, APART_RAD, 6))
                        if number % 2 == 0:
                            put(servos, where)
                            time.sleep(0.05)
                            since_s, owner = time.monotonic(), PERSON
                            call(policy.enable, SetBool.Request(data=True))
                        else:
                            since_s, owner = time.monotonic(), "policy"
                            call(policy.hand_back, Trigger.Request())
                        speed = rng.uniform(-SPEED_RAD_S, SPEED_RAD_S, 6)
                        while (now_s := time.monotonic()) < since_s + WATCHED_S + 0.05:
                            if number % 2 == 0:
                                put(servos, inside(where + speed * (now_s - since_s)))
                            time.sleep(0.005)
                        look(result, watch, since_s, owner)
            finally:
                arm.close()
                leader.close()
                for node in (arm, leader, policy):
                    node.destroy_node()
                rclpy.shutdown()
    return result


def put(servos: Any, position_rad: Vector) -> None:
    """A hand moves the leader."""
    for servo, position in zip(servos, position_rad, strict=True):
        servo.motor.joint.position_rad = float(position)


PARTS = {"simulation": (simulated, 1000), "topics": (on_topics, 200), "bus": (on_bus, 200)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--switches", type=int, help="of each part, in place of its own number")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    report: dict[str, Any] = {"cpu": cpu_name(), "load": round(os.getloadavg()[0], 1)}
    for part in options.parts:
        run, switches = PARTS[part]
        report[part] = run(options.switches or switches, options.seed).as_values()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
