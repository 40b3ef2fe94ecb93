"""The topics of a recording as a bag has them."""

from __future__ import annotations

from typing import Any

from act_core import topics
from rosbag_lite import BagTopic
from rosbag_lite.definitions import definition

from act_record.bag_reader import bag_errors

_INFINITE = {"sec": 9223372036, "nsec": 854775807}  # rmw's RMW_DURATION_INFINITE
# Numbers of rmw/types.h: reliability 1 reliable, 2 best effort; durability 1 transient local.
_QOS = {
    topics.SENSOR: (2, 2, 5),
    topics.STATE: (1, 2, 10),
    topics.COMMAND: (1, 2, 1),
    topics.LATCHED: (1, 1, 1),
}


def bag_topic(topic: topics.Topic, name: str) -> BagTopic:
    """The topic under its full name. Raises BagError where its type is not installed."""
    with bag_errors():
        text = definition(topic.type_name)
    return BagTopic(name, topic.type_name, (qos_profile(topic.qos),), definition=text)


def qos_profile(kind: str) -> dict[str, Any]:
    """The quality of service of the topic table as rosbag2 stores it."""
    reliability, durability, depth = _QOS[kind]
    return {
        "history": 1,
        "depth": depth,
        "reliability": reliability,
        "durability": durability,
        "deadline": dict(_INFINITE),
        "lifespan": dict(_INFINITE),
        "liveliness": 1,
        "liveliness_lease_duration": dict(_INFINITE),
        "avoid_ros_namespace_conventions": False,
    }
