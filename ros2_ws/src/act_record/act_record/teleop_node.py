"""Moves an arm with keys, through the same topic as everybody."""

from __future__ import annotations

from typing import Any

import numpy as np
from act_core import ros, topics
from act_core.so101 import JOINT_NAMES
from diagnostic_msgs.msg import DiagnosticStatus
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from act_record.episode_watch import EpisodeWatch
from act_record.jog import HELP, Jog
from act_record.keyboard import Keyboard

RATE_HZ = 50.0


class TeleopNode(Node):
    """Publishes commands from the first key on, until an episode ends or the e-stop is engaged.

    keyboard: an open one; whoever opened it closes it.
    """

    def __init__(self, keyboard: Keyboard, **overrides: Any) -> None:
        super().__init__("act_teleop", **overrides)
        self.jog = Jog()
        self._keyboard = keyboard
        self._watch = EpisodeWatch()
        self._measured: NDArray[np.float64] | None = None
        self._commands = ros.publisher(self, topics.JOINT_COMMANDS)
        ros.subscription(self, topics.JOINT_STATES, self._on_joints)
        ros.subscription(self, topics.ESTOP_STATE, self._on_estop)
        ros.subscription(self, topics.EPISODE_STATUS, self._on_episode)
        self.create_timer(1.0 / RATE_HZ, self._tick)
        print(HELP, flush=True)

    def _on_joints(self, message: JointState) -> None:
        try:
            self._measured = ros.read_joints(message, JOINT_NAMES).position
        except ValueError as error:
            self.get_logger().warning(f"not this arm: {error}", throttle_duration_sec=5.0)

    def _on_estop(self, message: Bool) -> None:
        if message.data:
            self.jog.release()

    def _on_episode(self, message: DiagnosticStatus) -> None:
        # The arm of a new episode is somewhere else: old targets would make it leap.
        if self._watch.update(ros.diagnostic_values(message)):
            self.jog.release()

    def _tick(self) -> None:
        keys = self._keyboard.read()
        if self._measured is None:
            return
        for key in keys:
            if not self.jog.key(key, self._measured):
                print(HELP, flush=True)
        target = self.jog.next(1.0 / RATE_HZ)
        if target is not None:
            now_ns = self.get_clock().now().nanoseconds
            self._commands.publish(ros.joint_state(JOINT_NAMES, target, now_ns))


def main() -> int:
    """Console command ``act-teleop``."""
    with Keyboard() as keyboard:
        return ros.run_node(lambda: TeleopNode(keyboard))
