"""Every node of the runtime, ready to be fed: one entry for each.

A factory gets an empty folder and yields the command line of `rclpy.init` and what makes the node;
what the node needs around it (an emulated bus, a recording) is there meanwhile.
"""

from __future__ import annotations

import dataclasses
import os
import pty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from act_camera.camera_node import CameraNode
from act_camera.camera_parameters import CameraParameters
from act_core.controlled_arm_node import ControlledArmNode, ControlledArmParameters
from act_core.robots.so101 import HOME_POSE_RAD, SO101
from act_core.trajectory_node import TrajectoryNode, TrajectoryParameters
from act_policy.inference_node import InferenceNode
from act_policy.policy_node import PolicyNode
from act_policy.policy_parameters import PolicyParameters
from act_record.console_node import ConsoleNode
from act_record.film_node import FilmNode, FilmParameters
from act_record.keyboard import Keyboard
from act_record.record_node import RecordNode
from act_record.record_parameters import RecordParameters
from act_record.replay_node import ReplayNode, ReplayParameters
from act_record.teleop_node import TeleopNode
from act_sim.overlay_node import OverlayNode, OverlayParameters
from act_sim.sim_node import SimNode, SimParameters
from so101_driver.driver_node import DriverNode
from so101_driver.driver_parameters import DriverParameters
from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.pty_port import PtyPort
from so101_driver.emulator_node import EmulatorNode, EmulatorParameters
from so101_driver.expert_hand_node import ExpertHandNode
from so101_driver.leader_node import LeaderNode, LeaderParameters
from so101_driver.move_node import MoveNode, MoveParameters

from tests.act_core.test_camera_alignment import write_alignment
from tests.act_policy.policies import make_bundle
from tests.act_record import bags


@dataclasses.dataclass(frozen=True)
class Entry:
    """A node that is about to be made.

    Attributes:
        make: makes it, after `rclpy.init`.
        parameters: that it is to be started with.
        parameters_type: of all that it has; None for a node without.
    """

    make: Callable[[], Any]
    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)
    parameters_type: type[Any] | None = None


@contextmanager
def _policy(folder: Path) -> Iterator[Entry]:
    make_bundle(folder / "toy")
    parameters = {
        "bundle": str(folder / "toy"), "enabled": True, "realtime_priority": 0,
        "inference_threads": 1, "control_rate_hz": 50.0,
    }  # fmt: skip
    yield Entry(PolicyNode, parameters, PolicyParameters)


@contextmanager
def _control(folder: Path) -> Iterator[Entry]:
    with _policy(folder) as entry:
        yield Entry(PolicyNode, {**entry.parameters, "role": "control"}, None)


@contextmanager
def _inference(folder: Path) -> Iterator[Entry]:
    with _policy(folder) as entry:
        yield Entry(InferenceNode, {**entry.parameters, "role": "inference"}, None)


@contextmanager
def _sim(_folder: Path) -> Iterator[Entry]:
    parameters = {"task": "reach", "width": 64, "height": 48, "camera_rate_hz": 2.0}
    yield Entry(SimNode, parameters, SimParameters)


@contextmanager
def _overlay(folder: Path) -> Iterator[Entry]:
    write_alignment(folder / "cameras.yaml")
    parameters = {"alignment": str(folder / "cameras.yaml")}
    yield Entry(OverlayNode, parameters, OverlayParameters)


@contextmanager
def _controlled(_folder: Path) -> Iterator[Entry]:
    parameters = {"measured": "/measured", "output": "trajectory", "rate_hz": 50.0}
    yield Entry(ControlledArmNode, parameters, ControlledArmParameters)


@contextmanager
def _trajectory(_folder: Path) -> Iterator[Entry]:
    yield Entry(TrajectoryNode, {"rate_hz": 50.0}, TrajectoryParameters)


@contextmanager
def _lockstep(_folder: Path) -> Iterator[Entry]:
    parameters = {"task": "reach", "width": 64, "height": 48, "cameras": [], "pacing": "lockstep"}
    yield Entry(SimNode, parameters, SimParameters)


@contextmanager
def _arm(folder: Path) -> Iterator[dict[str, Any]]:
    """Port and calibration of an arm on an emulated bus."""
    emulated_calibration().save(folder / "arm.json")
    servos = emulated_servos(HOME_POSE_RAD)
    for servo in servos:
        servo.motor.joint.load_nm = 0.0
    with PtyPort(EmulatedBus(servos), folder / "port") as port:
        yield {"port": str(port.path), "calibration": str(folder / "arm.json")}


@contextmanager
def _driver(folder: Path) -> Iterator[Entry]:
    with _arm(folder) as arm:
        more = {"rate_hz": 50.0, "guard": False, "exit_policy": "hold", "realtime_priority": 0}
        yield Entry(DriverNode, {**arm, **more}, DriverParameters)


@contextmanager
def _leader(folder: Path) -> Iterator[Entry]:
    with _arm(folder) as arm:
        yield Entry(LeaderNode, {**arm, "rate_hz": 50.0}, LeaderParameters)


@contextmanager
def _expert_hand(_folder: Path) -> Iterator[Entry]:
    yield Entry(lambda: ExpertHandNode(SO101))


@contextmanager
def _camera(_folder: Path) -> Iterator[Entry]:
    parameters = {"source": "synthetic", "width": 64, "height": 48, "rate_hz": 5.0}
    yield Entry(CameraNode, parameters, CameraParameters)


@contextmanager
def _record(folder: Path) -> Iterator[Entry]:
    parameters = {"out": str(folder / "bags"), "auto": True, "cameras": ["front"]}
    yield Entry(RecordNode, parameters, RecordParameters)


@contextmanager
def _film(folder: Path) -> Iterator[Entry]:
    parameters = {"out": str(folder / "film"), "cameras": ["front", "wrist"]}
    yield Entry(FilmNode, parameters, FilmParameters)


@contextmanager
def _replay(folder: Path) -> Iterator[Entry]:
    bags.write_bag(folder / "bag", bags.episode(0.5))
    yield Entry(ReplayNode, {"bag": str(folder / "bag")}, ReplayParameters)


@contextmanager
def _move(_folder: Path) -> Iterator[Entry]:
    yield Entry(MoveNode, {"timeout_s": 1000.0}, MoveParameters)


@contextmanager
def _emulator(folder: Path) -> Iterator[Entry]:
    parameters = {"port": str(folder / "port"), "realtime_priority": 0}
    yield Entry(EmulatorNode, parameters, EmulatorParameters)


@contextmanager
def _keyboard() -> Iterator[Keyboard]:
    """A terminal on which nobody types."""
    ours, theirs = pty.openpty()
    try:
        with Keyboard(theirs) as keyboard:
            yield keyboard
    finally:
        os.close(ours)
        os.close(theirs)


@contextmanager
def _teleop(_folder: Path) -> Iterator[Entry]:
    with _keyboard() as keyboard:
        yield Entry(lambda: TeleopNode(keyboard, SO101))


@contextmanager
def _console(folder: Path) -> Iterator[Entry]:
    with _keyboard() as keyboard:
        yield Entry(
            lambda: ConsoleNode(keyboard, 1.0),
            {"out": str(folder / "bags"), "cameras": ["front"]},
            RecordParameters,
        )


NODES: dict[str, Callable[[Path], Any]] = {
    "policy_node": _policy,
    "policy_node control": _control,
    "policy_node inference": _inference,
    "controlled_arm_node": _controlled,
    "trajectory_node": _trajectory,
    "sim_node": _sim,
    "overlay_node": _overlay,
    "sim_node in lockstep": _lockstep,
    "driver_node": _driver,
    "leader_node": _leader,
    "expert_hand_node": _expert_hand,
    "camera_node": _camera,
    "record_node": _record,
    "film_node": _film,
    "replay_node": _replay,
    "move_node": _move,
    "emulator_node": _emulator,
    "teleop_node": _teleop,
    "console_node": _console,
}
