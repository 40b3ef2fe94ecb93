"""Between the QoS profiles of rclpy and those that a bag stores."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rclpy.qos import QoSProfile
    from rosbag_lite import BagTopic

POLICIES = ("history", "reliability", "durability", "liveliness")
DURATIONS = ("deadline", "lifespan", "liveliness_lease_duration")


def qos_from_profile(profile: QoSProfile) -> dict[str, Any]:
    """A profile of rclpy as rosbag2 stores it: policies as the numbers of rmw/types.h."""
    values = {name: int(getattr(profile, name)) for name in POLICIES}
    times = {}
    for name in DURATIONS:
        sec, nsec = divmod(getattr(profile, name).nanoseconds, 10**9)
        times[name] = {"sec": sec, "nsec": nsec}
    return {
        "history": values["history"],
        "depth": profile.depth,
        "reliability": values["reliability"],
        "durability": values["durability"],
        "deadline": times["deadline"],
        "lifespan": times["lifespan"],
        "liveliness": values["liveliness"],
        "liveliness_lease_duration": times["liveliness_lease_duration"],
        "avoid_ros_namespace_conventions": profile.avoid_ros_namespace_conventions,
    }


def profile_to_offer(topic: BagTopic, depth: int) -> QoSProfile:
    """What to publish a topic with: as recorded where all publishers agreed, else the default.

    History is not restored: discovery does not tell it.
    """
    from rclpy import qos
    from rclpy.duration import Duration

    kinds = {
        "reliability": qos.ReliabilityPolicy,
        "durability": qos.DurabilityPolicy,
        "liveliness": qos.LivelinessPolicy,
    }
    unlike = {str({**q, "history": 0, "depth": 0, "lifespan": 0}) for q in topic.qos}
    if len(unlike) != 1:
        return qos.QoSProfile(depth=depth)
    recorded = topic.qos[0]
    options: dict[str, Any] = {}
    try:
        for name, kind in kinds.items():
            value = recorded[name]  # a number up to version 8, a word from version 9
            options[name] = (
                kind(value) if isinstance(value, int) else kind.get_from_short_key(value)
            )
        for name in DURATIONS:
            options[name] = Duration(nanoseconds=_nanoseconds(recorded[name]))
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        print(
            f"WARNING: the QoS that the bag has for '{topic.name}' makes no sense ({error!r}); it "
            "is played with the default",
            file=sys.stderr,
        )
        return qos.QoSProfile(depth=depth)
    return qos.QoSProfile(depth=depth, **options)


def _nanoseconds(time: Mapping[str, Any]) -> int:
    """Of a stored duration. ValueError for one that is no such thing."""
    sec, nsec = time["sec"], time["nsec"]
    if not isinstance(sec, int) or not isinstance(nsec, int) or sec < 0 or nsec < 0:
        raise ValueError(f"a time of {str(sec)[:20]} s and {str(nsec)[:20]} ns")
    return sec * 10**9 + nsec
