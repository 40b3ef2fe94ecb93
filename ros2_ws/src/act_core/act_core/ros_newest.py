"""The newest message of a topic, fetched by whoever wants to look at it."""

from __future__ import annotations

from copy import copy
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node

from act_core import ros, topics


class Newest:
    """A subscription that no executor waits for: `take` asks the middleware instead.

    The middleware keeps ``depth`` messages and lets newer ones replace them, without Python. So a
    page that draws 20 times a second costs 20 messages a second, whatever the rate of the topic.

    Args:
        node: that listens.
        topic: of the topic table.
        depth: how many messages are kept.
    """

    def __init__(self, node: Node, topic: topics.Topic, depth: int = 1) -> None:
        self.topic = topic
        self._node = node
        profile = copy(ros.QOS[topic.qos])
        profile.depth = depth
        self._subscription = node.create_subscription(
            ros.interface_type(topic.type_name),
            topic.name,
            lambda _message: None,
            profile,
            callback_group=_NotForTheExecutor(),
        )

    def take(self) -> Any | None:
        """The oldest message that is kept and was not taken yet; None where there is none."""
        subscription = self._subscription
        with subscription.handle:
            taken = subscription.handle.take_message(subscription.msg_type, False)
        return None if taken is None else taken[0]

    def close(self) -> None:
        """Ends the subscription; by the thread of the node's executor."""
        self._node.destroy_subscription(self._subscription)


class _NotForTheExecutor(CallbackGroup):
    """What no executor waits for."""

    def can_execute(self, _entity: Any) -> bool:
        return False
