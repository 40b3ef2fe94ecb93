"""What goes through messages arrives as it was: the node sees what evaluation and replay see."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="run `make setup`: rclpy is not installed")

from act_core.ros import array_to_image, image_to_array, joint_state, read_joints, stamp_ns
from act_policy.inference_worker import VirtualWorker
from act_policy.observation import Observation
from act_policy.observation_sync import ObservationSync
from act_policy.policy_runner import Action, PolicyRunner
from rclpy.serialization import deserialize_message, serialize_message

from tests.act_policy.policies import JOINTS, FunctionPolicy, H, W, make_spec

MS = 1_000_000


def through_the_wire(message):
    return deserialize_message(serialize_message(message), type(message))


def stream():
    """A second of joints at 100 Hz and images at 25 Hz, in the order of their stamps."""
    random = np.random.default_rng(5)
    for t_ms in range(0, 1000, 10):
        yield "joints", t_ms * MS + 12345, random.normal(size=2)
        if t_ms % 40 == 0:
            yield "front", t_ms * MS + 7, random.integers(0, 256, (H, W, 3), dtype=np.uint8)


def commands(decode) -> list[Action]:
    """All commands of a runner that is fed with the stream, decoded or not, in virtual time."""

    def rows(observation: Observation) -> np.ndarray:
        bright = observation.images["front"].mean() / 255
        return observation.joint_position + bright * np.linspace(0, 1, 4)[:, None]

    spec = make_spec()
    sync, made = ObservationSync(spec), []
    runner = PolicyRunner(spec, VirtualWorker(FunctionPolicy(spec, rows), 0.03))
    for kind, t_ns, value in stream():
        stamp, value = decode(kind, t_ns, value)
        if kind == "joints":
            sync.add_joints(stamp, value)
        else:
            sync.add_image(kind, stamp, value)
        observation = sync.take(t_ns)
        if isinstance(observation, Observation):
            runner.observe(observation, t_ns)
        if kind == "joints":
            result = runner.act(t_ns)
            if isinstance(result, Action):
                made.append(result)
    return made


def test_commands_from_messages_are_those_from_arrays():
    def from_message(kind, t_ns, value):
        if kind == "joints":
            message = through_the_wire(joint_state(("extra", *reversed(JOINTS)),
                                                   [9.0, *reversed(value)], t_ns))  # fmt: skip
            return stamp_ns(message.header.stamp), read_joints(message, JOINTS).position
        message = through_the_wire(array_to_image(value, t_ns, kind))
        return stamp_ns(message.header.stamp), image_to_array(message)

    direct = commands(lambda kind, t_ns, value: (t_ns, value))
    decoded = commands(from_message)
    assert len(direct) == len(decoded) > 80
    for one, other in zip(direct, decoded, strict=True):
        assert one.stamp_ns == other.stamp_ns
        assert one.position.tobytes() == other.position.tobytes()
