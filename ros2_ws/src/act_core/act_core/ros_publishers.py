"""Who publishes on a topic, as the graph tells it."""

from __future__ import annotations

from typing import NamedTuple

from rclpy.node import Node

from act_core import topics
from act_core.foreign_text import clean


class TopicPublisher(NamedTuple):
    """One publisher of a topic."""

    node: str  # full name of the node that it belongs to, e.g. /left/act_policy
    gid: bytes  # as in the ``publisher_gid`` of the information that comes with a message


def publishers_of(node: Node, topic: topics.Topic) -> list[TopicPublisher]:
    """All publishers of a topic, the node's own ones included, sorted by name.

    ``topic`` is the topic as ``node`` resolves it: its namespace and remappings hold. Asking costs
    about 0.3 ms: for housekeeping, not for a control loop. The graph takes some tenths of a second
    to notice a newcomer, and up to 20 s (the lease of Fast DDS) to forget one that was killed.
    """
    found = node.get_publishers_info_by_topic(node.resolve_topic_name(topic.name))
    return sorted(
        TopicPublisher(
            clean(f"{info.node_namespace.rstrip('/')}/{info.node_name}"), bytes(info.endpoint_gid)
        )
        for info in found
    )


def several(node: Node, topic: topics.Topic) -> str | None:
    """What to say where more than one node publishes on a topic; None for one or none.

    Example: ``2 publishers on joint_states: /act_sim, /so101_driver``.
    """
    found = publishers_of(node, topic)
    if len(found) < 2:
        return None
    return f"{len(found)} publishers on {topic.name}: {', '.join(one.node for one in found)}"
