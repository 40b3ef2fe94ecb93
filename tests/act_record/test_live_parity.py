"""A policy node and a recorder listen to the same robot: what one saw is what the other kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from act_core.policy_spec import ActionOutput, ImageInput, JointInput, PolicySpec
from act_core.robots.so101 import JOINT_NAMES
from act_policy.observation import Observation
from act_policy.policy_node import PolicyNode
from act_record.record_node import RecordNode
from act_training.datasets.bag.source import BagSource
from act_training.datasets.source import Declared
from rclpy.parameter import Parameter

from tests.act_policy.policies import FunctionPolicy
from tests.act_record.robot import Robot

HEIGHT, WIDTH = 24, 32  # half of what the cameras send
SPEC = PolicySpec(
    name="watcher",
    rate_hz=30.0,
    chunk_size=2,
    joint_input=JointInput("joints", JOINT_NAMES),
    image_inputs=tuple(ImageInput(c, c, HEIGHT, WIDTH) for c in ("front", "wrist")),
    output=ActionOutput("action", JOINT_NAMES),
)


def parameters(**values: object) -> list[Parameter]:
    return [
        Parameter(name, value=value) for name, value in {"use_sim_time": True, **values}.items()
    ]


def record_beside_a_policy(spin_until, out: Path) -> list[Observation]:
    """Two seconds of simulated time, so that a busy machine makes no gaps; returns what the policy
    node made of them."""
    watcher = FunctionPolicy(SPEC, lambda observation: np.zeros(SPEC.chunk_shape))
    policy = PolicyNode(watcher, parameter_overrides=parameters(realtime_priority=0))
    # This robot's cameras: every third of 10 ms.
    recorder = RecordNode(parameter_overrides=parameters(out=str(out), rate_hz=33.0))
    robot = Robot(simulated=True)
    nodes = policy, recorder, robot
    seen: list[Observation] = []
    observe = policy.runner.observe
    policy.runner.observe = lambda taken, now: (seen.append(taken), observe(taken, now))
    try:
        spin_until(lambda: len(seen) > 3 and {*recorder.params.needed()} <= recorder._heard, *nodes)
        recorder.start()
        begin = len(seen)
        spin_until(lambda: len(seen) > begin + 60, *nodes)
        recorder.stop()
    finally:
        for node in nodes:
            getattr(node, "close", lambda: None)()
            node.destroy_node()
    return seen


def test_a_bag_becomes_what_the_policy_node_saw_bit_for_bit(spin_until, tmp_path):
    seen = record_beside_a_policy(spin_until, tmp_path)
    source = BagSource([tmp_path / "episode_000000"], Declared(), size=(HEIGHT, WIDTH))
    by_stamp = {observation.stamp_ns: observation for observation in seen}
    compared = 0
    for position, name in enumerate(source.names):
        if name.endswith("/short"):
            continue
        episode = source.read(position)
        for row, stamp_ns in enumerate(episode.stamps_ns.tolist()):
            if stamp_ns in by_stamp:
                observation = by_stamp[stamp_ns]
                assert episode.joints[row].tobytes() == observation.joint_position.tobytes()
                for camera in ("front", "wrist"):
                    assert np.array_equal(episode.images[camera][row], observation.images[camera])
                compared += 1
    assert compared > 30, source.statistics
