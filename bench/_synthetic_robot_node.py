"""A robot made of numbers: joints that go where they are told, cameras that see a moving pattern.

Runs in a process of its own beside a benchmark:
``python -m bench._synthetic_robot_node BUNDLE SWITCH_S``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from itertools import cycle

import numpy as np
from act_core import topics
from act_core.arbiter import PERSON, POLICY
from act_core.policy_spec import PolicySpec
from act_core.ros import (
    array_to_image,
    diagnostic,
    joint_state,
    publisher,
    read_joints,
    run_node,
    subscription,
)
from act_policy.bundle import read_bundle
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import JointState

CAMERA_HZ = 29.97  # no camera's clock is that of the joints: all phases between the two occur
JOINT_HZ = 100.0
FRAMES = 60  # of the pattern, made once


class SyntheticRobot(Node):
    """Publishes what ``spec`` needs at the rates of a real arm, stamped when it is sent.

    switch_s: a person and the policy have the arm in turn for so long; 0: only the policy.
    """

    def __init__(self, spec: PolicySpec, switch_s: float = 0.0) -> None:
        super().__init__("synthetic_robot")
        self._names = spec.joint_input.joints
        self._position = np.zeros(len(self._names))
        self._joints = publisher(self, topics.JOINT_STATES)
        subscription(self, topics.JOINT_COMMANDS, self._on_command)
        self.create_timer(1.0 / JOINT_HZ, self._send_joints)
        self._owners = cycle((PERSON, POLICY))
        if switch_s:
            self._owner = publisher(self, topics.CONTROL_OWNER)
            self.create_timer(switch_s, self._switch)
        for image in spec.image_inputs:
            # A timer each, started at different times: real cameras do not fire together either.
            frames = cycle([_pattern(image.height, image.width, n) for n in range(FRAMES)])
            topic = publisher(self, topics.camera_image(image.camera))
            self.create_timer(
                1.0 / CAMERA_HZ, partial(self._send_image, image.camera, topic, frames)
            )

    def _on_command(self, message: JointState) -> None:
        if set(self._names) <= set(message.name):
            self._position = read_joints(message, self._names).position

    def _switch(self) -> None:
        owner = next(self._owners)
        self._owner.publish(diagnostic("control owner", "ok", "a benchmark", {"owner": owner}))

    def _send_joints(self) -> None:
        now_ns = self.get_clock().now().nanoseconds
        self._joints.publish(joint_state(self._names, self._position, now_ns))

    def _send_image(self, camera: str, topic: Publisher, frames: Iterator[np.ndarray]) -> None:
        now_ns = self.get_clock().now().nanoseconds
        topic.publish(array_to_image(next(frames), now_ns, camera))


def _pattern(height: int, width: int, frame: int) -> np.ndarray:
    """(height, width, 3) uint8: a gradient with a bright bar that passes once in FRAMES frames."""
    columns = np.linspace(0, 200, width, dtype=np.uint8)
    image = np.repeat(np.tile(columns, (height, 1))[..., None], 3, axis=2)
    start = frame * width // FRAMES
    image[:, start : start + width // 16] = 255
    return image


if __name__ == "__main__":
    bundle = read_bundle(sys.argv[1])
    raise SystemExit(run_node(lambda: SyntheticRobot(bundle.spec, float(sys.argv[2])), args=[]))
