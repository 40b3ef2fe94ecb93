"""Ways to stop the flow of a running system, and what the diagnostics say of each.

Nodes run as processes of their own, so that they can be killed and paused; arms are emulated at
their wires, so that a cable can be pulled.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

# Before rclpy is imported: a graph of our own.
os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))

import rclpy
from act_core import ros, topics
from act_core.policy_spec import ActionOutput, ImageInput, JointInput, PolicySpec
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES
from act_core.timing import NS_PER_S, MonotonicClock, to_ns
from act_policy.bundle import ParitySample, write_bundle
from diagnostic_msgs.msg import DiagnosticArray
from onnx import TensorProto, helper, numpy_helper
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future
from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.faults import FaultEvent
from so101_driver.emulator.joint import LocalJoint
from so101_driver.emulator.pty_port import PtyPort
from so101_driver.leader_hand import HOW

T = TypeVar("T")

HEIGHT, WIDTH, ROWS = 48, 64, 20
# Of the emulated wires, above all that is measured here: servos answer in time on a busy machine,
# too.
PRIORITY = 10
POLICY, DRIVER = "/act_policy: control", "/so101_driver: control"
LEADER, SIM = "/leader: teleoperation", "/act_sim: control"
LEVELS = {level: name for name, level in ros.DIAGNOSTIC_LEVELS.items()}


def write_still_policy(folder: Path) -> None:
    """A bundle whose policy wants the arm at home, whatever it sees."""
    spec = PolicySpec(
        name="still",
        rate_hz=10.0,
        chunk_size=ROWS,
        joint_input=JointInput("joint_position", JOINT_NAMES),
        image_inputs=(ImageInput("image_front", "front", HEIGHT, WIDTH),),
        output=ActionOutput("action", JOINT_NAMES),
    )
    rows = np.tile(HOME_POSE_RAD, (ROWS, 1)).astype(np.float32)
    constants = [
        numpy_helper.from_array(rows, "rows"),
        numpy_helper.from_array(np.float32(0), "zero"),
    ]
    nodes = [
        helper.make_node("Cast", ["image_front"], ["image"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["image"], ["bright"], keepdims=0),
        helper.make_node("Add", ["joint_position", "bright"], ["seen"]),
        helper.make_node("Mul", ["seen", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "rows"], ["action"]),
    ]
    shapes = (spec.joint_input.shape, spec.image_inputs[0].shape)
    inputs = [
        helper.make_tensor_value_info("joint_position", TensorProto.FLOAT, shapes[0]),
        helper.make_tensor_value_info("image_front", TensorProto.UINT8, shapes[1]),
    ]
    output = helper.make_tensor_value_info("action", TensorProto.FLOAT, spec.chunk_shape)
    graph = helper.make_graph(nodes, spec.name, inputs, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    sample = ParitySample(
        np.zeros((1, *shapes[0]), np.float32),
        {"front": np.zeros((1, *shapes[1]), np.uint8)},
        rows[None],
    )
    write_bundle(folder, spec, {"fp32": model.SerializeToString()}, sample)


class Watcher(Node):
    """Hears all statuses; commands the arm itself, and pretends to be one, when told to."""

    def __init__(self) -> None:
        super().__init__("watcher", use_global_arguments=False)
        self.heard: dict[str, deque[tuple[int, str, str]]] = {}  # when, level, text
        self.commands_on = self.states_on = False
        self._pretending: dict[topics.Topic, Any] = {}
        ros.subscription(self, topics.DIAGNOSTICS, self._on_diagnostics)
        self.create_timer(0.02, self._tick)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        now_ns = MonotonicClock().now_ns()
        for status in message.status:
            entry = (now_ns, LEVELS[status.level], status.message)
            self.heard.setdefault(status.name, deque(maxlen=1000)).append(entry)

    def _tick(self) -> None:
        for topic, on in (
            (topics.JOINT_COMMANDS, self.commands_on),
            (topics.JOINT_STATES, self.states_on),
        ):
            if on and topic not in self._pretending:
                self._pretending[topic] = ros.publisher(self, topic)
            if not on and topic in self._pretending:
                self.destroy_publisher(self._pretending.pop(topic))
            if on:
                now_ns = self.get_clock().now().nanoseconds
                message = ros.joint_state(JOINT_NAMES, HOME_POSE_RAD, now_ns)
                self._pretending[topic].publish(message)


@dataclass
class System:
    """Running nodes, arms at their wires, and who watches."""

    watcher: Watcher
    programs: dict[str, list[str]] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    buses: dict[str, EmulatedBus] = field(default_factory=dict)

    def start(self, name: str) -> None:
        self.processes[name] = subprocess.Popen(
            self.programs[name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()

    def signal(self, name: str, number: signal.Signals) -> None:
        self.processes[name].send_signal(number)

    def happen(self, arm: str, kind: str, servo: int | None = None, over: bool = False) -> None:
        """A fault of the emulated arm begins, or is over."""
        value = 0.0 if over else None
        self.buses[arm].happen(FaultEvent(0.0, kind, servo=servo, value=value))

    def call(self, service: topics.Service, **fields: object) -> Future:
        """Asks for a service and does not wait: what it does is seen in the diagnostics."""
        kind = ros.interface_type(service.type_name)
        client: Any = self.watcher.create_client(kind, service.name)
        if not client.wait_for_service(20.0):
            raise TimeoutError(f"nobody offers {service.name}")
        return client.call_async(kind.Request(**fields))


@dataclass(frozen=True)
class Way:
    """One way to stop the flow."""

    name: str
    status: str  # of the node that suffers
    reason: str  # part of the true reason
    stop: Callable[[System], object]
    restore: Callable[[System], object]
    level: str = "warn"
    starts: bool = False  # the node itself begins with it: its first word is waited for


def paused(node: str, status: str, reason: str, level: str = "warn") -> Way:
    return Way(
        f"{node} paused", status, reason,
        lambda s: s.signal(node, signal.SIGSTOP), lambda s: s.signal(node, signal.SIGCONT),
        level=level,
    )  # fmt: skip


def killed(node: str, status: str, reason: str, level: str = "warn") -> Way:
    return Way(
        f"{node} killed", status, reason, lambda s: s.kill(node), lambda s: s.start(node),
        level=level,
    )  # fmt: skip


def faulty(
    name: str, arm: str, status: str, reason: str, kind: str, servo: int | None = None
) -> Way:
    return Way(
        name, status, reason,
        lambda s: s.happen(arm, kind, servo), lambda s: s.happen(arm, kind, servo, over=True),
        level="error",
    )  # fmt: skip


def asked(name: str, status: str, reason: str, service: topics.Service, stop: bool) -> Way:
    """A service of the type SetBool that stops something with ``stop``."""
    return Way(
        name, status, reason,
        lambda s: s.call(service, data=stop), lambda s: s.call(service, data=not stop),
    )  # fmt: skip


def pretended(name: str, status: str, reason: str, what: str) -> Way:
    """Somebody else publishes what there should be one of."""
    return Way(
        name, status, reason,
        lambda s: setattr(s.watcher, what, True), lambda s: setattr(s.watcher, what, False),
    )  # fmt: skip


def taken_again(way: Way) -> Way:
    """The arm holds when the cause is gone, until its person takes it again."""

    def restore(system: System) -> None:
        way.restore(system)
        _wait(
            lambda: HOW in system.watcher.heard[LEADER][-1][2] or None,
            system.watcher, [LEADER], 30.0, f"{way.name}: the leader waits for its person",
        )  # fmt: skip
        system.call(topics.LEADER_ENABLE, data=True)

    return replace(way, restore=restore)


def _released(system: System) -> None:
    """The e-stop is released, and the policy enabled as soon as it has heard of that."""
    clock = MonotonicClock()
    deadline_ns = clock.now_ns() + to_ns(60.0)
    system.call(topics.ESTOP, data=False)
    while clock.now_ns() < deadline_ns:
        enabled = system.call(topics.POLICY_ENABLE, data=True)
        while not enabled.done() and clock.now_ns() < deadline_ns:
            clock.sleep_until_ns(clock.now_ns() + to_ns(0.01))
        if enabled.done() and getattr(enabled.result(), "success", False):
            return
    raise TimeoutError("the policy could not be enabled after the e-stop")


WITH_POLICY = (
    paused("camera", POLICY, "front"),
    killed("camera", POLICY, "front"),
    paused("driver", POLICY, "joint"),
    killed("driver", POLICY, "joint"),
    paused("policy", DRIVER, "no command"),
    killed("policy", DRIVER, "no command"),
    faulty("USB cable pulled", "arm", DRIVER, "port", "port_gone"),
    faulty("lead of a servo pulled", "arm", DRIVER, "no reply from servo 3", "silent", 3),
    asked("policy disabled", DRIVER, "no command", topics.POLICY_ENABLE, False),
    asked("torque off", DRIVER, "torque is off", topics.DRIVER_TORQUE, False),
    Way(
        "e-stop", DRIVER, "e-stop engaged",
        lambda s: s.call(topics.ESTOP, data=True), _released,
    ),
    pretended(
        "a second commander", DRIVER, "nodes send joint_commands at once, /act_policy, /watcher",
        "commands_on",
    ),
    pretended("a second arm", POLICY, "/so101_driver, /watcher", "states_on"),
)  # fmt: skip
WITH_CLOCK = (
    paused("simulation", POLICY, "simulated time has stood still"),
    killed("simulation", POLICY, "simulated time has stood still"),
    Way(
        "a clock that never comes", POLICY, "simulated time has not begun",
        lambda s: (s.kill("simulation"), s.kill("policy"), s.start("policy")),  # type: ignore
        lambda s: s.start("simulation"),
        starts=True,
    ),
    paused("policy", SIM, "no command"),
    killed("policy", SIM, "no command"),
)  # fmt: skip
WITH_EMULATOR = (
    paused("emulator", DRIVER, "no reply from", "error"),
    killed("emulator", DRIVER, "port", "error"),
)
WITH_LEADER = (
    paused("driver", LEADER, "the follower has been silent"),
    taken_again(killed("driver", LEADER, "the follower has been silent")),
    taken_again(paused("leader", DRIVER, "person (/leader) owned the arm")),
    killed("leader", DRIVER, "person (/leader) owned the arm"),
    taken_again(faulty("USB cable of the leader pulled", "leader", LEADER, "port", "port_gone")),
    asked("leader disabled", DRIVER, "person (/leader) owned the arm", topics.LEADER_ENABLE, False),
)


def program(module: str, remapped: Sequence[str] = (), **parameters: object) -> list[str]:
    """Command line of a node; topics that are remapped go below emulated/."""
    code = f"import sys; from {module} import main; sys.exit(main())"
    pairs = [("-p", f"{name}:={value}") for name, value in parameters.items()]
    pairs += [("-r", f"{name}:=emulated/{name}") for name in remapped]
    return [sys.executable, "-c", code, "--ros-args", *(part for pair in pairs for part in pair)]


@contextmanager
def running() -> Iterator[tuple[System, ExitStack]]:
    """An empty system, whose processes end with it."""
    rclpy.init(args=[])
    watcher = Watcher()
    system = System(watcher)
    ending = threading.Event()

    def spin() -> None:
        executor = SingleThreadedExecutor()
        executor.add_node(watcher)
        while not ending.is_set():
            executor.spin_once(timeout_sec=0.1)
        executor.shutdown()

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        with ExitStack() as stack:
            yield system, stack
    finally:
        for process in system.processes.values():
            process.kill()
            process.wait()
        ending.set()
        thread.join()
        watcher.destroy_node()
        rclpy.try_shutdown()


def plug_in(system: System, stack: ExitStack, folder: Path, arm: str) -> dict[str, Any]:
    """An emulated arm at home; the parameters of a node that talks to it."""
    calibration = folder / f"{arm}.json"
    emulated_calibration().save(calibration)
    servos = emulated_servos(HOME_POSE_RAD)
    for servo in servos:
        if isinstance(servo.motor.joint, LocalJoint):
            servo.motor.joint.load_nm = 0.0  # it stays up until torque is on
    bus = system.buses[arm] = EmulatedBus(servos)
    port = stack.enter_context(PtyPort(bus, folder / f"{arm}_port", PRIORITY))
    return {"port": port.path, "calibration": calibration}


def _add_driver(system: System, stack: ExitStack, folder: Path) -> None:
    arm = plug_in(system, stack, folder, "arm")
    system.programs["driver"] = program(
        "so101_driver.driver_node",
        **arm,
        rate_hz=50.0,
        guard=False,
        exit_policy="release",
        realtime_priority=0,
    )


def _with_policy(system: System, stack: ExitStack, folder: Path) -> None:
    _add_driver(system, stack, folder)
    write_still_policy(folder / "still")
    system.programs["camera"] = program(
        "act_camera.camera_node", camera="front", source="synthetic", width=WIDTH, height=HEIGHT
    )
    system.programs["policy"] = program(
        "act_policy.policy_node", bundle=folder / "still", enabled=True, inference_threads=1
    )


def _with_clock(system: System, stack: ExitStack, folder: Path) -> None:
    write_still_policy(folder / "still")
    system.programs["simulation"] = program(
        "act_sim.sim_node", publish_clock=True, cameras="[front]", width=WIDTH, height=HEIGHT
    )
    system.programs["policy"] = program(
        "act_policy.policy_node", bundle=folder / "still", enabled=True, inference_threads=1,
        use_sim_time=True,
    )  # fmt: skip


def _with_emulator(system: System, stack: ExitStack, folder: Path) -> None:
    port, calibration = folder / "port", folder / "arm.json"
    emulated_calibration().save(calibration)
    behind = ["joint_states", "joint_commands", "joint_commands/applied", "estop", "estop/state"]
    system.programs["simulation"] = program("act_sim.sim_node", behind, cameras="[]")
    system.programs["emulator"] = program("so101_driver.emulator_node", behind[:2], port=port)
    system.programs["driver"] = program(
        "so101_driver.driver_node", port=port, calibration=calibration, guard=False,
        exit_policy="hold",
    )  # fmt: skip
    system.watcher.commands_on = True


def _with_leader(system: System, stack: ExitStack, folder: Path) -> None:
    _add_driver(system, stack, folder)
    leader = plug_in(system, stack, folder, "leader")
    system.programs["leader"] = program("so101_driver.leader_node", **leader)


class Kind(NamedTuple):
    """One kind of system."""

    build: Callable[[System, ExitStack, Path], None]
    statuses: tuple[str, ...]  # that are OK while all goes well
    ways: tuple[Way, ...]


SYSTEMS = {
    "policy": Kind(_with_policy, (POLICY, DRIVER), WITH_POLICY),
    "clock": Kind(_with_clock, (POLICY, SIM), WITH_CLOCK),
    "emulator": Kind(_with_emulator, (DRIVER,), WITH_EMULATOR),
    "leader": Kind(_with_leader, (LEADER, DRIVER), WITH_LEADER),
}


@dataclass(frozen=True)
class Outcome:
    """What the diagnostics said of one way."""

    way: Way
    level: str
    text: str
    told_after_s: float
    ok_after_s: float


def stop_in_every_way(kind: str, folder: Path, patience_s: float = 30.0) -> Iterator[Outcome]:
    """Stops a system in each of its ways, one after the other; see `SYSTEMS`.

    Raises TimeoutError where the diagnostics do not tell of it, or not that it is over.
    """
    build, statuses, ways = SYSTEMS[kind]
    with running() as (system, stack):
        build(system, stack, folder)
        for name in system.programs:
            system.start(name)
        _wait_until_all_is_well(system.watcher, statuses, 0, patience_s, "the start")
        for way in ways:
            began_ns = MonotonicClock().now_ns()
            way.stop(system)
            if way.starts:
                began_ns = _wait_for_a_word(system.watcher, way, patience_s) - 1
            told_ns, level, text = _wait_until_told(system.watcher, way, began_ns, patience_s)
            restored_ns = MonotonicClock().now_ns()
            way.restore(system)
            ok_ns = _wait_until_all_is_well(
                system.watcher, statuses, restored_ns, patience_s, way.name
            )
            yield Outcome(
                way, level, text, (told_ns - began_ns) / NS_PER_S, (ok_ns - restored_ns) / NS_PER_S
            )


def _wait_for_a_word(watcher: Watcher, way: Way, patience_s: float) -> int:
    """When the next status of a node came."""
    before_ns = MonotonicClock().now_ns()

    def heard() -> int | None:
        newer = (entry[0] for entry in list(watcher.heard.get(way.status, ())))
        return next((at_ns for at_ns in newer if at_ns > before_ns), None)

    return _wait(heard, watcher, [way.status], patience_s, way.name)


def _wait_until_told(
    watcher: Watcher, way: Way, since_ns: int, patience_s: float
) -> tuple[int, str, str]:
    """The first status that tells of it, with the reason: when it came, level and text."""

    def told() -> tuple[int, str, str] | None:
        for at_ns, level, text in list(watcher.heard.get(way.status, ())):
            if at_ns > since_ns and level == way.level and way.reason in text:
                return at_ns, level, text
        return None

    return _wait(told, watcher, [way.status], patience_s, way.name)


def _wait_until_all_is_well(
    watcher: Watcher, statuses: Sequence[str], since_ns: int, patience_s: float, what: str
) -> int:
    """When the last of the statuses became OK."""

    def well() -> int | None:
        newest = [watcher.heard[name][-1] for name in statuses if watcher.heard.get(name)]
        if len(newest) < len(statuses):
            return None
        if all(level == "ok" and at_ns > since_ns for at_ns, level, _ in newest):
            return max(at_ns for at_ns, _, _ in newest)
        return None

    return _wait(well, watcher, statuses, patience_s, f"after {what}")


def _wait(
    look: Callable[[], T | None],
    watcher: Watcher,
    statuses: Sequence[str],
    patience_s: float,
    what: str,
) -> T:
    clock = MonotonicClock()
    deadline_ns = clock.now_ns() + to_ns(patience_s)
    while clock.now_ns() < deadline_ns:
        found = look()
        if found is not None:
            return found
        clock.sleep_until_ns(clock.now_ns() + to_ns(0.01))
    said = {name: [entry[1:] for entry in list(watcher.heard.get(name, ()))[-3:]]
            for name in statuses}  # fmt: skip
    raise TimeoutError(f"{what}: heard {said}")
