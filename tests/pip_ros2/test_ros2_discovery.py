"""When a graph is known in full, and quality of service that fits its publishers."""

from __future__ import annotations

import argparse
import os
import xml.etree.ElementTree as ElementTree

import pytest
from ros2cli import discovery, qos

TABLE = """\
   sl  local_address                         remote_address                        st
  10: 00000000:1CE8 00000000:0000 07 00000000:00000000 00:00000000 00000000     0
  11: 00000000:1CE8 00000000:0000 07 00000000:00000000 00:00000000 00000000     0
  12: 00000000:1CF2 00000000:0000 07 00000000:00000000 00:00000000 00000000     0
  13: 0100007F:1CF3 00000000:0000 07 00000000:00000000 00:00000000 00000000     0
"""


def test_bound_ports(tmp_path):
    table = tmp_path / "udp"
    table.write_text(TABLE)
    assert discovery.bound_ports(table) == [7400, 7400, 7410, 7411]
    assert discovery.bound_ports(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("ports", "domain", "count"),
    [
        ([], 0, 0),
        ([7400, 7400, 7410, 7411, 7412, 7413], 0, 2),  # two with both kinds of port
        ([7400, 7400, 7400, 7410], 0, 3),  # LARGE_DATA: no unicast port of their own
        ([10410, 10412, 10414], 12, 3),  # LOCALHOST: no multicast
        ([7411, 7413, 53, 7649], 0, 0),  # ports of user data and of others
        ([7650, 7660], 0, 0),
        ([7650, 7660], 1, 1),
    ],
)
def test_participants_of_host(ports, domain, count):
    assert discovery.participants_of_host(ports, domain) == count


def test_the_profile_announces_often_and_yields_to_the_users_own(monkeypatch, tmp_path):
    space = {"d": "http://www.eprosima.com"}
    announcement = ElementTree.parse(discovery.PROFILE).find(".//d:leaseAnnouncement", space)
    assert announcement is not None
    assert announcement.findtext("d:sec", namespaces=space) == "0"
    assert announcement.findtext("d:nanosec", namespaces=space) == "500000000"

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FASTRTPS_DEFAULT_PROFILES_FILE", raising=False)
    monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", "mine.xml")
    discovery.announce_often()
    assert os.environ["FASTDDS_DEFAULT_PROFILES_FILE"] == "mine.xml"
    monkeypatch.delenv("FASTDDS_DEFAULT_PROFILES_FILE")
    (tmp_path / "DEFAULT_FASTDDS_PROFILES.xml").touch()
    discovery.announce_often()
    assert "FASTDDS_DEFAULT_PROFILES_FILE" not in os.environ
    (tmp_path / "DEFAULT_FASTDDS_PROFILES.xml").unlink()
    discovery.announce_often()
    assert os.environ["FASTDDS_DEFAULT_PROFILES_FILE"] == str(discovery.PROFILE)


def test_the_words_of_the_options_are_those_of_rclpy():
    from rclpy import qos as real

    assert set(real.QoSPresetProfiles.short_keys()) >= set(qos.PROFILES) - {"rosout_default"}
    assert tuple(real.QoSHistoryPolicy.short_keys()) == qos.HISTORY
    assert set(qos.RELIABILITY) == set(real.QoSReliabilityPolicy.short_keys())
    assert set(qos.DURABILITY) == set(real.QoSDurabilityPolicy.short_keys())
    assert set(qos.LIVELINESS) == set(real.QoSLivelinessPolicy.short_keys())


def test_profile_from_options():
    from rclpy.qos import DurabilityPolicy, HistoryPolicy, ReliabilityPolicy

    parser = argparse.ArgumentParser()
    qos.add_qos_arguments(parser, "publish", "default")
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
