"""How long it takes until a fresh process knows the ROS graph, and when it knows all of it.

Measured with the wheels (Fast DDS 3.2) on one host: a peer appears after 0.1 s, or only with its
next periodic announcement. A peer answers the first announcement of a newcomer within a
millisecond, often before the newcomer has enabled its readers; the answer is then lost and never
repeated. With the default period of 3 s about every second peer takes 0.5 to 3.4 s. Hence:

- ``announce_often`` gives all processes that this command starts (and the command itself) a
  profile that announces twice a second: a peer appears within 0.1 to 1.2 s.
- ``known_in_full`` compares the participants seen with the sockets that participants of this host
  have bound, so that a list can end early, and does not end before all have been seen.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rclpy.node import Node

LIMIT_S = 4.0  # the longest that a peer with the default period has taken, and some margin
PROFILE = Path(__file__).with_name("fastdds.xml")
OWN_PROFILES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")

# Well-known ports of the RTPS specification 9.6.2.3: 7400 + 250 * domain, then 10 + 2 * participant
# for unicast. With the transport LARGE_DATA a participant binds only the multicast port.
PORT_BASE = 7400
DOMAIN_GAIN = 250
UNICAST_OFFSET = 10
PARTICIPANTS = 120


def announce_often() -> None:
    """Set the profile in this process's environment, unless the user has a profile of their own."""
    own = any(os.environ.get(name) for name in OWN_PROFILES)
    if not own and not Path("DEFAULT_FASTDDS_PROFILES.xml").exists():
        os.environ[OWN_PROFILES[0]] = str(PROFILE)


def known_in_full(node: Node) -> bool:
    """True when every participant of this host, and the name of each of its nodes, is known."""
    # Every node has a publisher on this topic; the GUID of a publisher starts with its participant.
    publishers = node.get_publishers_info_by_topic("/parameter_events")
    if any(info.node_name == "_NODE_NAME_UNKNOWN_" for info in publishers):
        return False
    seen = {tuple(info.endpoint_gid[:12]) for info in publishers}
    domain = int(os.environ.get("ROS_DOMAIN_ID") or 0)
    return len(seen) >= participants_of_host(bound_ports(Path("/proc/net/udp")), domain)


def participants_of_host(ports: list[int], domain: int) -> int:
    """The participants of a domain by the UDP ports that are bound, one entry per socket."""
    multicast = PORT_BASE + DOMAIN_GAIN * domain
    unicast = range(multicast + UNICAST_OFFSET, multicast + UNICAST_OFFSET + 2 * PARTICIPANTS, 2)
    return max(ports.count(multicast), sum(port in unicast for port in ports))


def bound_ports(table: Path) -> list[int]:
    """The local ports in /proc/net/udp; empty where there is none (not Linux)."""
    if not table.exists():
        return []
    rows = table.read_text().splitlines()[1:]
    return [int(row.split()[1].rpartition(":")[2], 16) for row in rows]
