"""Another machine in the network: what it sees and reaches, by default and when asked to open up.

Two network namespaces with a cable between them stand for two machines. Skips where the system
does not let an ordinary user make them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fastdds import PROFILE_VARIABLE
from tests.launches import ament
from tests.ros_rig import wait_until

ADDRESSES = ("10.77.0.1", "10.77.0.2")
LASTS_S, AT_MOST_S = "5", "60"  # where nobody comes in; where somebody has to
PEER = Path(__file__).with_name("network_peer.py")

# How a stranger looks for the arm.
STRANGERS = {
    "multicast": {},
    "static_peer": {"ROS_STATIC_PEERS": ADDRESSES[0]},
    "static_peer_of_localhost": {
        "ROS_STATIC_PEERS": ADDRESSES[0],
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    },
}


class Machine:
    """A network, shared memory and mounts of its own; commands are run in it."""

    def __init__(self, *prefix: str) -> None:
        # Shared memory of its own: Fast DDS would take both for one machine, and talk through it.
        script = "mount -t tmpfs tmpfs /dev/shm && ip link set lo up && echo ready && exec cat"
        self._holder = subprocess.Popen(
            [*prefix, "sh", "-c", script], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            pytest.skip(f"no namespaces here: {self._holder.communicate()[1].strip()}")

    @property
    def pid(self) -> int:
        return self._holder.pid

    @property
    def entry(self) -> list[str]:
        """What is put before a command that is to run here."""
        names = ("--user", "--net", "--mount", "--preserve-credentials")
        return ["nsenter", "--target", str(self.pid), *names, f"--wd={os.getcwd()}"]

    def run(self, line: str) -> str:
        return subprocess.run(
            [*self.entry, *line.split()], check=True, capture_output=True, text=True
        ).stdout

    def close(self) -> None:
        self._holder.communicate()


@contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    for program in ("unshare", "nsenter", "ip"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program} here: apt install util-linux iproute2")
    with ExitStack() as stack:
        home = Machine("unshare", "--user", "--map-root-user", "--net", "--mount")
        stack.callback(home.close)
        away = Machine(*home.entry, "unshare", "--net", "--mount")
        stack.callback(away.close)
        home.run(f"ip link add cable type veth peer name cable netns {away.pid}")
        for machine, address in zip((home, away), ADDRESSES, strict=True):
            machine.run(f"ip addr add {address}/24 dev cable")
            machine.run("ip link set cable up")
        for machine in (home, away):
            # Fast DDS looks once, at its start, which interfaces are there and up.
            wait_until(lambda here=machine: " UP " in here.run("ip -br link show cable"))
        yield home, away


def shell(**more: str) -> dict[str, str]:
    """The environment of somebody who has set nothing of the network, and `more`."""
    return {k: v for k, v in os.environ.items() if k != PROFILE_VARIABLE} | more


def tried_by_all(
    home: Machine, away: Machine, local: dict[str, str], *arguments: str
) -> dict[str, Any]:
    """What each stranger, and one at home, saw and reached; arguments: those of the peers."""

    def start(machine: Machine, name: str, environment: dict[str, str]) -> subprocess.Popen:
        return subprocess.Popen(
            [*machine.entry, sys.executable, str(PEER), name, *arguments],
            env=environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    peers = {name: start(away, name, shell(**more)) for name, more in STRANGERS.items()}
    peers["at_home"] = start(home, "at_home", local)
    return {name: json.loads(process.communicate()[0]) for name, process in peers.items()}


@contextmanager
def arm(home: Machine, command: list[str], environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        [*home.entry, *command], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.communicate()


def assert_confined(home: Machine, away: Machine, local: dict[str, str]) -> None:
    """On one host everything works; nobody else sees or reaches anything."""
    line = [*home.entry, sys.executable, str(PEER), "at_home", AT_MOST_S, "at_home"]
    found = json.loads(subprocess.run(line, env=local, stdout=subprocess.PIPE, text=True).stdout)
    assert found["heard"]
    assert found["served"]
    seen = tried_by_all(home, away, local, LASTS_S)
    assert seen.pop("at_home")["commanded_by"] == ["at_home"]
    for name, found in seen.items():
        assert found["topics"] == [], name
        assert not found["heard"], name
        assert not found["served"], name


SIM = ["launch", "act_bringup", "sim.launch.py", "policy:=none", "width:=64", "height:=48"]


@pytest.mark.skipif(
    bool(os.environ.get("ROS_DISTRO")), reason="the ros2 command of the distribution is not ours"
)
def test_by_default_the_ros2_command_confines_what_it_starts_to_this_host():
    ros2 = [sys.executable, "-m", "ros2cli"]
    with two_machines() as (home, away), arm(home, [*ros2, *SIM], shell()):
        local = shell(**{PROFILE_VARIABLE: profile()})
        assert_confined(home, away, local)


def test_a_shell_with_the_workspace_is_confined_to_this_host(tmp_path):
    local = sourced()
    with two_machines() as (home, away), arm(home, [sys.executable, str(PEER), "arm", "60"], local):
        assert_confined(home, away, local)


def test_the_switch_opens_the_network():
    """Also shows that the strangers of the tests above know how to get in."""
    everybody = sorted([*STRANGERS, "at_home"])
    local = sourced(ROS2_NETWORK="lan")
    with two_machines() as (home, away), arm(home, [sys.executable, str(PEER), "arm", "60"], local):
        seen = tried_by_all(home, away, local, AT_MOST_S, *everybody)
    assert seen["at_home"]["commanded_by"] == everybody
    for name in STRANGERS:
        assert seen[name]["heard"], name
        assert seen[name]["served"], name


def profile() -> str:
    return f"{ament.get_package_share_directory('act_bringup')}/config/fastdds.xml"


def sourced(**more: str) -> dict[str, str]:
    """The environment of a shell that has sourced the workspace."""
    setup = Path(ament.get_package_prefix("act_bringup")).parent / "local_setup.sh"
    if not setup.exists():  # installed merged
        setup = setup.parent / "install" / "local_setup.sh"
    done = subprocess.run(
        ["sh", "-c", f'COLCON_CURRENT_PREFIX="{setup.parent}" . "{setup}" && env -0'],
        env=shell(**more), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ("whoever is in the network" in done.stderr) == (more.get("ROS2_NETWORK") == "lan")
    return dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
