"""Which profile of Fast DDS a process gets, and what is read from one."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ros2cli import network
from ros2cli.errors import CliError

HOST, LAN = (network.PROFILES[kind] for kind in (network.HOST, network.LAN))


@pytest.fixture(autouse=True)
def _shell(monkeypatch, tmp_path):
    for name in (network.SWITCH, network.VARIABLE, network.OLDER):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("switch", "profile"), [(None, HOST), ("", HOST), ("host", HOST), ("lan", LAN)]
)
def test_the_switch(monkeypatch, switch, profile):
    if switch is not None:
        monkeypatch.setenv(network.SWITCH, switch)
    network.choose()
    assert os.environ[network.VARIABLE] == str(profile)
    assert network.in_force() == [profile]


@pytest.mark.parametrize(("switch", "warns"), [("lan", True), ("host", False), ("", False)])
def test_an_open_network_is_told_of_wherever_something_is_started(
    monkeypatch, capsys, switch, warns
):
    monkeypatch.setenv(network.SWITCH, switch)
    network.warn_if_open()
    assert ("whoever is in the network can command" in capsys.readouterr().err) is warns


def test_the_switch_works_in_a_shell_that_was_set_up_without_it(monkeypatch, tmp_path):
    copy = tmp_path / "fastdds.xml"
    copy.write_bytes(HOST.read_bytes())
    monkeypatch.setenv(network.VARIABLE, str(copy))
    monkeypatch.setenv(network.SWITCH, "lan")
    network.choose()
    assert os.environ[network.VARIABLE] == str(LAN)


def test_a_profile_of_the_users_own_stays(monkeypatch, tmp_path):
    monkeypatch.setenv(network.VARIABLE, "mine.xml")
    network.choose()
    assert network.in_force() == [Path("mine.xml")]
    monkeypatch.delenv(network.VARIABLE)
    monkeypatch.setenv(network.OLDER, "old.xml")
    (tmp_path / "DEFAULT_FASTDDS_PROFILES.xml").touch()
    network.choose()
    assert network.in_force() == [HOST, Path("old.xml"), network.LOCAL_FILE]


@pytest.mark.parametrize("word", ["LAN", "open", "0"])
def test_another_word_is_refused(monkeypatch, word):
    monkeypatch.setenv(network.SWITCH, word)
    with pytest.raises(CliError, match=f"ROS2_NETWORK is '{word}', expected 'host'"):
        network.choose()
    assert network.VARIABLE not in os.environ


def test_the_profiles_differ_in_the_list_of_interfaces_only():
    host, lan = (ElementTree.parse(profile) for profile in (HOST, LAN))
    space = {"d": "http://www.eprosima.com"}
    udp = host.findall(".//d:transport_descriptor", space)[1]
    udp.remove(udp.find("d:interfaceWhiteList", space))
    same = [ElementTree.canonicalize(ElementTree.tostring(tree.getroot()), strip_text=True)
            for tree in (host, lan)]  # fmt: skip
    assert same[0] == same[1]


def test_participants_announce_themselves_twice_a_second():
    space = {"d": "http://www.eprosima.com"}
    for profile in (HOST, LAN):
        announcement = ElementTree.parse(profile).find(".//d:leaseAnnouncement", space)
        assert announcement.findtext("d:sec", namespaces=space) == "0"
        assert announcement.findtext("d:nanosec", namespaces=space) == "500000000"


UDP = "<address>127.0.0.1</address>"


@pytest.mark.parametrize(
    ("before", "after", "answer"),
    [
        ("", "", True),
        ("127.0.0.1", "127.0.1.1", True),
        (UDP, f"{UDP}<address>192.168.1.7</address>", False),
        ("127.0.0.1", "10.0.0.1", False),
        (UDP, "", False),
        ("UDPv4", "TCPv4", True),
        ("<useBuiltinTransports>false", "<useBuiltinTransports>true", False),
        ("<useBuiltinTransports>false</useBuiltinTransports>", "", False),
        ("<type>UDPv4</type>", "", True),
        ("<transport_id>udp</transport_id>\n        <type>", "<type>", False),  # not defined
        ("</dds>", "", False),  # Fast DDS takes its own defaults, then
    ],
)
def test_what_confines(tmp_path, before, after, answer):
    profile = tmp_path / "profile.xml"
    profile.write_text(HOST.read_text().replace(before, after) if before else HOST.read_text())
    assert network.confined(profile) is answer
    assert not network.confined(LAN)
    assert not network.confined(tmp_path / "none.xml")
