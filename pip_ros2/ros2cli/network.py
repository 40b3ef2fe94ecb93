"""Who can reach the nodes of this shell: this host alone, or with ROS2_NETWORK=lan the network.

Fast DDS takes its settings from a file that an environment variable names. The wheels (3.x) read
FASTDDS_DEFAULT_PROFILES_FILE, and beside it, with a warning, what releases up to 2.14 had instead:
FASTRTPS_DEFAULT_PROFILES_FILE. A file in the working directory wins over what is named. Files of
the user's own stay; `ros2 doctor` tells what they amount to.
"""

from __future__ import annotations

import os
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from ros2cli.errors import CliError

SWITCH = "ROS2_NETWORK"
HOST, LAN = "host", "lan"
PROFILES = {
    HOST: Path(__file__).with_name("fastdds.xml"),
    LAN: Path(__file__).with_name("fastdds_lan.xml"),
}
VARIABLE, OLDER = "FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"
LOCAL_FILE = Path("DEFAULT_FASTDDS_PROFILES.xml")


def choose() -> None:
    """Name the profile that ROS2_NETWORK asks for in the environment of this process.

    What it starts inherits that. A profile of the user's own stays; one of these two is replaced,
    so that the switch works in a shell that was set up without it.
    """
    asked = os.environ.get(SWITCH) or HOST
    if asked not in PROFILES:
        raise CliError(f"{SWITCH} is '{asked}', expected '{HOST}' (the default) or '{LAN}'")
    if not os.environ.get(VARIABLE) or is_ours(Path(os.environ[VARIABLE])):
        os.environ[VARIABLE] = str(PROFILES[asked])


def warn_if_open() -> None:
    """Say so, where processes are started that the whole network can reach."""
    if os.environ.get(SWITCH) == LAN:
        print(
            f"{SWITCH}={LAN}: whoever is in the network can command what runs here", file=sys.stderr
        )


def in_force() -> list[Path]:
    """The profiles that Fast DDS reads now; none: it takes its own defaults."""
    named = [Path(os.environ[name]) for name in (VARIABLE, OLDER) if os.environ.get(name)]
    return [*named, *([LOCAL_FILE] if LOCAL_FILE.is_file() else [])]


def is_ours(profile: Path) -> bool:
    """True for these two files and copies of them, as an installed workspace has."""
    texts = [each.read_bytes() for each in PROFILES.values()]
    return profile.is_file() and profile.read_bytes() in texts


def confined(profile: Path) -> bool:
    """True when the transports of a profile reach no interface but the loopback one.

    A file that Fast DDS would not understand leaves it with its default, which is open.
    """
    try:
        tree = ElementTree.parse(profile)
    except (OSError, ElementTree.ParseError):
        return False
    for element in tree.iter():  # without the name space, which differs between releases
        element.tag = element.tag.rpartition("}")[2]
    builtin = [element.text for element in tree.iter("useBuiltinTransports")]
    chosen = {element.text for each in tree.iter("userTransports") for element in each}
    defined = {each.findtext("transport_id"): each for each in tree.iter("transport_descriptor")}
    if builtin != ["false"] or not chosen or not chosen <= set(defined):
        return False
    return all(_is_local(defined[name]) for name in chosen)


def _is_local(transport: ElementTree.Element) -> bool:
    addresses = [element.text or "" for element in transport.iter("address")]
    loopback = bool(addresses) and all(address.startswith("127.") for address in addresses)
    return transport.findtext("type") == "SHM" or loopback
