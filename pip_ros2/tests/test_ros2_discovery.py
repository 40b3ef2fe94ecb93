"""When a graph is known in full, and quality of service that fits its publishers."""

from __future__ import annotations

import pytest
from ros2cli import discovery, qos
from ros2cli.verbs import CHOICES, Parser, verb

TABLE = """\
   sl  local_address                         remote_address                        st
  10: 00000000:1CE8 00000000:0000 07 00000000:00000000 00:00000000 00000000     0
  11: 00000000:1CE8 00000000:0000 07 00000000:00000000 00:00000000 00000000     0
  12: 00000000:1CF2 00000000:0000 07 00000000:00000000 00:00000000 00000000     0
  13: 0100007F:1CF3 00000000:0000 07 00000000:00000000 00:00000000 00000000     0
"""
ANY, GROUP, LOOPBACK = "00000000", "0100FFEF", "0100007F"


def test_bound_sockets(tmp_path):
    table = tmp_path / "udp"
    table.write_text(TABLE)
    assert discovery.bound_sockets(table) == [
        (ANY, 7400), (ANY, 7400), (ANY, 7410), (LOOPBACK, 7411),
    ]  # fmt: skip
    assert discovery.bound_sockets(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("sockets", "domain", "count"),
    [
        ([], 0, 0),
        # Two that are open, with both kinds of port.
        ([(ANY, port) for port in (7400, 7400, 7410, 7411, 7412, 7413)], 0, 2),
        # Two that are confined: each binds the multicast port for the group and for the interface.
        ([(GROUP, 7400), (LOOPBACK, 7400), (LOOPBACK, 7410), (LOOPBACK, 7411)] * 2, 0, 2),
        ([(GROUP, 7400), (LOOPBACK, 7400), (ANY, 7400), (LOOPBACK, 7410)], 0, 2),  # one of each
        ([(ANY, port) for port in (7400, 7400, 7400, 7410)], 0, 3),  # LARGE_DATA: no port each
        ([(LOOPBACK, port) for port in (10410, 10412, 10414)], 12, 3),  # LOCALHOST: no multicast
        ([(ANY, port) for port in (7411, 7413, 53, 7649)], 0, 0),  # user data and others
        ([(ANY, 7650), (ANY, 7660)], 0, 0),
        ([(ANY, 7650), (ANY, 7660)], 1, 1),
    ],
)
def test_participants_of_host(sockets, domain, count):
    assert discovery.participants_of_host(sockets, domain) == count


def test_the_words_of_the_options_are_those_of_rclpy():
    from rclpy import qos as real

    assert set(real.QoSPresetProfiles.short_keys()) >= {*CHOICES["PROFILE"]} - {"rosout_default"}
    assert tuple(real.QoSHistoryPolicy.short_keys()) == CHOICES["HISTORY"]
    for policy in ("Reliability", "Durability", "Liveliness"):
        words = getattr(real, f"QoS{policy}Policy").short_keys()
        assert set(words) == {*CHOICES[policy.upper()]}


def test_profile_from_options():
    from rclpy.qos import DurabilityPolicy, HistoryPolicy, ReliabilityPolicy

    parser = Parser()
    parser.add(verb("Test\n--qos-profile PROFILE=default\n[qos]")(lambda _: None))
    assert not qos.chosen(parser.parse_args([]))
    words = "--qos-reliability best_effort --qos-durability transient_local --qos-depth 3"
    args = parser.parse_args(words.split())
    profile = qos.profile(args)
    assert qos.chosen(args)
    assert profile.reliability == ReliabilityPolicy.BEST_EFFORT
    assert profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
    assert (profile.depth, profile.history) == (3, HistoryPolicy.KEEP_LAST)
    assert qos.profile(parser.parse_args(["--qos-history", "keep_all"])).history == (
        HistoryPolicy.KEEP_ALL
    )


@pytest.mark.parametrize(
    ("offers", "reliability", "durability", "mixed"),
    [
        ([], "BEST_EFFORT", "VOLATILE", ()),
        (["RELIABLE VOLATILE"], "RELIABLE", "VOLATILE", ()),
        (["RELIABLE TRANSIENT_LOCAL"] * 2, "RELIABLE", "TRANSIENT_LOCAL", ()),
        (["RELIABLE VOLATILE", "BEST_EFFORT VOLATILE"], "BEST_EFFORT", "VOLATILE",
         ("reliability",)),
        (["RELIABLE TRANSIENT_LOCAL", "RELIABLE VOLATILE"], "RELIABLE", "VOLATILE",
         ("durability",)),
    ],
)  # fmt: skip
def test_a_request_never_asks_for_more_than_any_publisher_offers(
    offers, reliability, durability, mixed
):
    from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

    profiles = [
        QoSProfile(depth=1, reliability=ReliabilityPolicy[r], durability=DurabilityPolicy[d])
        for r, d in (offer.split() for offer in offers)
    ]
    adapted = qos.adapt_to_offers(profiles, depth=7)
    assert adapted.profile.reliability == ReliabilityPolicy[reliability]
    assert adapted.profile.durability == DurabilityPolicy[durability]
    assert (adapted.profile.depth, adapted.mixed) == (7, mixed)
