"""A robot that moves and tells, and episodes that somebody announces."""

from __future__ import annotations

from act_core import ros, topics
from rclpy.node import Node
from rosgraph_msgs.msg import Clock

from tests.act_record import bags

PERIOD_NS = 10_000_000


class Robot(Node):
    """Publishes joints, commands, two cameras and statuses, and counts its resets.

    simulated: its time is its own, on /clock. Its stamps are then exactly 10 ms apart, and time
    passes more slowly while the machine is busy.
    """

    def __init__(self, simulated: bool = False) -> None:
        super().__init__("robot")
        self.resets = 0
        self.silent = False  # whether it leaves commands to others
        self._joints = ros.publisher(self, topics.JOINT_STATES)
        self._commands = ros.publisher(self, topics.JOINT_COMMANDS)
        self._status = ros.publisher(self, topics.EPISODE_STATUS)
        self._images = {c: ros.publisher(self, topics.camera_image(c)) for c in ("front", "wrist")}
        self._packed = ros.publisher(self, topics.camera_compressed("front"))
        self._clock_topic = self.create_publisher(Clock, "/clock", 10) if simulated else None
        ros.service(self, topics.SIM_RESET, self._on_reset)
        self._ticks = 0
        self.create_timer(PERIOD_NS / 1e9, self._tick)

    def tell(self, episode: int, finished: bool = False, success: bool = False) -> None:
        values = {"episode": episode, "task": "reach", "seed": episode, "finished": finished,
                  "success": success}  # fmt: skip
        texts = {key: str(value).lower() for key, value in values.items()}
        self._status.publish(ros.diagnostic("episode", "ok", "done" if finished else "", texts))

    def _tick(self) -> None:
        self._ticks += 1
        now_ns = self._ticks * PERIOD_NS
        if self._clock_topic is not None:
            self._clock_topic.publish(Clock(clock=ros.to_stamp(now_ns)))
        else:
            now_ns = self.get_clock().now().nanoseconds
        position = bags.target(self._ticks / 100)
        self._joints.publish(ros.joint_state(bags.JOINT_NAMES, position, now_ns))
        if not self.silent:
            self._commands.publish(ros.joint_state(bags.JOINT_NAMES, position, now_ns))
        if self._ticks % 3 == 0:
            packed = ros.array_to_compressed(bags.picture(self._ticks), now_ns, "")
            self._packed.publish(packed)
            for topic in self._images.values():
                topic.publish(ros.array_to_image(bags.picture(self._ticks), now_ns, ""))

    def _on_reset(self, _request, response):
        self.resets += 1
        self.tell(10)
        response.success = True
        return response
