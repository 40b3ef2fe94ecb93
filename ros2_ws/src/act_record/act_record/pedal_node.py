"""A foot pedal, which is a keyboard to the computer: the person at a leader has both hands full."""

from __future__ import annotations

from typing import Any

from act_core import ros, topics
from act_core.arbiter import PERSON
from act_core.foreign_text import clean
from act_core.ros_guard import LONGEST_REASON
from act_core.timing import Clock, MonotonicClock, to_ns
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.client import Client
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from act_record.keyboard import Keyboard

RATE_HZ = 50.0
HELD_S = 0.7  # keys that come sooner are of one press: what is held repeats after half a second
HELP = "any key: take the arm with the leader, or hand it back to the policy   Ctrl-C: quit"


class PedalNode(Node):
    """Each press takes the arm with the leader, or hands it back where a person has it.

    keyboard: open; whoever opened it closes it.
    clock: monotonic.
    """

    def __init__(self, keyboard: Keyboard, clock: Clock | None = None, **overrides: Any) -> None:
        super().__init__("act_pedal", **overrides)
        self._keyboard = keyboard
        self._monotonic = clock if clock is not None else MonotonicClock()
        self._key_ns = 0  # when the last one came
        self._owner = ""
        self._enable: Client = self.create_client(SetBool, topics.LEADER_ENABLE.name)
        self._return: Client = self.create_client(Trigger, topics.CONTROL_RETURN.name)
        ros.subscription(self, topics.CONTROL_OWNER, self._on_owner)
        self.create_timer(1.0 / RATE_HZ, self._tick)
        print(HELP, flush=True)

    def _on_owner(self, message: DiagnosticStatus) -> None:
        owner = ros.diagnostic_values(message).get("owner", "")
        if owner != self._owner:
            self._owner = owner
            self.get_logger().info(f"{clean(owner)}: {clean(message.message, LONGEST_REASON)}")

    def _tick(self) -> None:
        if not self._keyboard.read():
            return
        before_ns, self._key_ns = self._key_ns, self._monotonic.now_ns()
        if before_ns and self._key_ns - before_ns < to_ns(HELD_S):
            return
        gives_back = self._owner == PERSON
        client = self._return if gives_back else self._enable
        if not client.service_is_ready():
            self.get_logger().warning(f"nobody answers {client.srv_name}")
            return
        request = Trigger.Request() if gives_back else SetBool.Request(data=True)
        client.call_async(request).add_done_callback(self._told)

    def _told(self, answer: Any) -> None:
        if not answer.result().success:
            self.get_logger().warning(clean(answer.result().message, LONGEST_REASON))
