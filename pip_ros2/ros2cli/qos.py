"""Quality of service: the ``--qos-*`` options, requests that fit what publishers offer, bags."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ros2cli.errors import printable, warn

if TYPE_CHECKING:
    from rclpy.qos import QoSProfile
    from rosbag_lite import BagTopic

POLICIES = ("history", "reliability", "durability", "liveliness")
DURATIONS = ("deadline", "lifespan", "liveliness_lease_duration")


def chosen(args: argparse.Namespace) -> bool:
    """True when the user set a policy that would otherwise follow the publishers."""
    names = (*POLICIES, "depth", "liveliness_lease_duration_seconds")
    return any(getattr(args, f"qos_{name}") is not None for name in names)


def _kind(policy: str) -> Any:
    """The enumeration of rclpy that a policy takes its values from."""
    from rclpy import qos

    return getattr(qos, f"{policy.capitalize()}Policy")


def profile(args: argparse.Namespace) -> QoSProfile:
    """The preset with the user's overrides."""
    from rclpy import qos
    from rclpy.duration import Duration

    result = qos.QoSPresetProfiles.get_from_short_key(args.qos_profile)
    for policy in POLICIES:
        if word := getattr(args, f"qos_{policy}"):
            setattr(result, policy, _kind(policy).get_from_short_key(word))
    if lease_s := args.qos_liveliness_lease_duration_seconds:
        result.liveliness_lease_duration = Duration(seconds=lease_s)
    if args.qos_depth:
        result.depth = args.qos_depth
    elif result.durability == qos.DurabilityPolicy.TRANSIENT_LOCAL and result.depth == 0:
        result.depth = 1
    return result


class Adapted(NamedTuple):
    """A request that every publisher can serve; ``mixed`` names the policies that had to yield."""

    profile: QoSProfile
    mixed: tuple[str, ...]


def adapt_to_offers(offers: Sequence[QoSProfile], depth: int) -> Adapted:
    """Reliable, transient local, where all publishers offer it; else the weaker policy.

    A subscription that asks for more than a publisher offers gets nothing from it (and no error).
    Without a publisher: best effort and volatile, which fit any later one.
    """
    from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

    reliable = {offer.reliability == ReliabilityPolicy.RELIABLE for offer in offers}
    latched = {offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers}
    result = QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.VOLATILE,
    )
    if reliable == {True}:
        result.reliability = ReliabilityPolicy.RELIABLE
    if latched == {True}:
        result.durability = DurabilityPolicy.TRANSIENT_LOCAL
    found = {"reliability": reliable, "durability": latched}
    return Adapted(result, tuple(name for name, kinds in found.items() if len(kinds) > 1))


# As rosbag2 orders them.
STORED = (
    "history", "depth", "reliability", "durability", "deadline", "lifespan", "liveliness",
    "liveliness_lease_duration", "avoid_ros_namespace_conventions",
)  # fmt: skip


def to_bag(profile: QoSProfile) -> dict[str, Any]:
    """A profile of rclpy as rosbag2 stores it: policies as the numbers of rmw/types.h."""
    stored: dict[str, Any] = {}
    for name in STORED:
        value: Any = getattr(profile, name)
        if name in DURATIONS:
            sec, nsec = divmod(value.nanoseconds, 10**9)
            stored[name] = {"sec": sec, "nsec": nsec}
        else:
            stored[name] = value if isinstance(value, bool) else int(value)
    return stored


def from_bag(topic: BagTopic, depth: int) -> QoSProfile:
    """What to publish a topic with: as recorded where all publishers agreed, else the default.

    History is not restored: discovery does not tell it.
    """
    from rclpy import qos
    from rclpy.duration import Duration

    unlike = {str({**q, "history": 0, "depth": 0, "lifespan": 0}) for q in topic.qos}
    if len(unlike) != 1:
        return qos.QoSProfile(depth=depth)
    recorded = topic.qos[0]
    options: dict[str, Any] = {}
    try:
        for name in ("reliability", "durability", "liveliness"):
            value = recorded[name]  # a number up to version 8, a word from version 9
            kind = _kind(name)
            options[name] = (
                kind(value) if isinstance(value, int) else kind.get_from_short_key(value)
            )
        for name in DURATIONS:
            options[name] = Duration(nanoseconds=_nanoseconds(recorded[name]))
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        warn(
            f"the QoS that the bag has for '{printable(topic.name)}' makes no sense "
            f"({error!r}); it is played with the default"
        )
        return qos.QoSProfile(depth=depth)
    return qos.QoSProfile(depth=depth, **options)


def _nanoseconds(time: Mapping[str, Any]) -> int:
    """Of a stored duration. ValueError for one that is no such thing."""
    sec, nsec = time["sec"], time["nsec"]
    if not isinstance(sec, int) or not isinstance(nsec, int) or sec < 0 or nsec < 0:
        raise ValueError(f"a time of {str(sec)[:20]} s and {str(nsec)[:20]} ns")
    return sec * 10**9 + nsec
