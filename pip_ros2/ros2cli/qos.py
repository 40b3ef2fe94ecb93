"""Quality of service: the ``--qos-*`` options, and requests that fit what publishers offer."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ros2cli.command import non_negative_int, positive_float

if TYPE_CHECKING:
    from rclpy.qos import QoSProfile

# Short keys as in rclpy.qos (a test compares them), so that --help need not import rclpy.
PROFILES = (
    "unknown", "default", "system_default", "sensor_data", "services_default", "parameters",
    "parameter_events", "action_status_default", "best_available", "rosout_default",
)  # fmt: skip
HISTORY = ("system_default", "keep_last", "keep_all", "unknown")
RELIABILITY = ("system_default", "reliable", "best_effort", "unknown", "best_available")
DURABILITY = ("system_default", "transient_local", "volatile", "unknown", "best_available")
LIVELINESS = ("system_default", "automatic", "manual_by_topic", "unknown", "best_available")

OVERRIDES = (
    "qos_reliability", "qos_durability", "qos_depth", "qos_history", "qos_liveliness",
    "qos_liveliness_lease_duration_seconds",
)  # fmt: skip


def add_qos_arguments(parser: argparse.ArgumentParser, action: str, default: str) -> None:
    """The options of ``topic echo`` and ``topic pub``; ``action`` is subscribe or publish."""
    parser.add_argument(
        "--qos-profile",
        choices=PROFILES,
        default=default,
        help=f"Quality of service preset to {action} with (default: {default})",
    )
    parser.add_argument("--qos-depth", type=non_negative_int, metavar="N", help="Queue size")
    parser.add_argument("--qos-history", choices=HISTORY)
    parser.add_argument("--qos-reliability", choices=RELIABILITY)
    parser.add_argument("--qos-durability", choices=DURABILITY)
    parser.add_argument("--qos-liveliness", choices=LIVELINESS)
    parser.add_argument("--qos-liveliness-lease-duration-seconds", type=positive_float, metavar="S")


def chosen(args: argparse.Namespace) -> bool:
    """True when the user set a policy that would otherwise follow the publishers."""
    return any(getattr(args, name) is not None for name in OVERRIDES)


def profile(args: argparse.Namespace) -> QoSProfile:
    """The preset with the user's overrides."""
    from rclpy import qos
    from rclpy.duration import Duration

    result = qos.QoSPresetProfiles.get_from_short_key(args.qos_profile)
    if args.qos_history:
        result.history = qos.QoSHistoryPolicy.get_from_short_key(args.qos_history)
    if args.qos_durability:
        result.durability = qos.QoSDurabilityPolicy.get_from_short_key(args.qos_durability)
    if args.qos_reliability:
        result.reliability = qos.QoSReliabilityPolicy.get_from_short_key(args.qos_reliability)
    if args.qos_liveliness:
        result.liveliness = qos.QoSLivelinessPolicy.get_from_short_key(args.qos_liveliness)
    if args.qos_liveliness_lease_duration_seconds:
        result.liveliness_lease_duration = Duration(
            seconds=args.qos_liveliness_lease_duration_seconds
        )
    if args.qos_depth:
        result.depth = args.qos_depth
    elif result.durability == qos.QoSDurabilityPolicy.TRANSIENT_LOCAL and result.depth == 0:
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
        reliability=(
            ReliabilityPolicy.RELIABLE if reliable == {True} else ReliabilityPolicy.BEST_EFFORT
        ),
        durability=(
            DurabilityPolicy.TRANSIENT_LOCAL if latched == {True} else DurabilityPolicy.VOLATILE
        ),
    )
    found = {"reliability": reliable, "durability": latched}
    return Adapted(result, tuple(name for name, kinds in found.items() if len(kinds) > 1))
