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
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fastdds import PROFILE_VARIABLE
from tests.launches import ament
from tests.ros_rig import wait_until

ADDRESSES = ("10.77.0.1", "10.77.0.2")
TRIES_S = 5.0  # how long strangers try to get in once the arm works for those at home
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


@contextmanager
def peers(
    home: Machine, away: Machine, local: dict[str, str], *expected: str
) -> Iterator[dict[str, subprocess.Popen]]:
    """Each stranger and one at home, at work; expected: whose commands each of them waits for."""

    def start(machine: Machine, name: str, environment: dict[str, str]) -> subprocess.Popen:
        return subprocess.Popen(
            [*machine.entry, sys.executable, str(PEER), name, *expected],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    started = {name: start(away, name, shell(**more)) for name, more in STRANGERS.items()}
    started["at_home"] = start(home, "at_home", local)
    try:
        for process in started.values():
            assert process.stdout.readline() == "up\n"
        yield started
    finally:
        for process in started.values():
            process.kill()
            process.communicate()


def found_by(process: subprocess.Popen) -> dict[str, Any]:
    """Ends a peer; what it saw and reached."""
    return json.loads(process.communicate()[0])


@contextmanager
def arm(home: Machine, command: list[str], environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        [*home.entry, *command], env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.communicate()


def assert_confined(home: Machine, away: Machine, local: dict[str, str]) -> None:
    """On one host everything works; nobody else sees or reaches anything."""
    with peers(home, away, local, "at_home") as started:
        at_home = started.pop("at_home")
        assert at_home.stdout.readline() == "ready\n"  # it has heard the arm and was served
        time.sleep(TRIES_S)
        for name, process in started.items():
            found = found_by(process)
            assert found["topics"] == [], name
            assert not found["heard"], name
            assert not found["served"], name
        assert found_by(at_home)["commanded_by"] == ["at_home"]


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
    with two_machines() as (home, away), arm(home, [sys.executable, str(PEER), "arm"], local):
        assert_confined(home, away, local)


def test_the_switch_opens_the_network():
    """Also shows that the strangers of the tests above know how to get in."""
    everybody = sorted([*STRANGERS, "at_home"])
    local = sourced(ROS2_NETWORK="lan")
    with two_machines() as (home, away), arm(home, [sys.executable, str(PEER), "arm"], local):
        with peers(home, away, local, *everybody) as started:
            for name, process in started.items():
                assert process.stdout.readline() == "ready\n", name
            assert found_by(started["at_home"])["commanded_by"] == everybody


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
