"""How long it takes until a fresh process knows the ROS graph, and when it knows all of it.

Measured with the wheels (Fast DDS 3.2) on one host: a peer appears after 0.1 s, or only with its
next periodic announcement. A peer answers the first announcement of a newcomer within a
millisecond, often before the newcomer has enabled its readers; the answer is then lost and never
repeated. With the default period of 3 s about every second peer takes 0.5 to 3.4 s. Hence:

- The profiles (network.py) announce twice a second: a peer appears within 0.1 to 1.2 s.
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

# Well-known ports of the RTPS specification 9.6.2.3: 7400 + 250 * domain, then 10 + 2 * participant
# for unicast. With the transport LARGE_DATA a participant binds only the multicast port.
PORT_BASE = 7400
DOMAIN_GAIN = 250
UNICAST_OFFSET = 10
PARTICIPANTS = 120

LOOPBACK = "0100007F"  # 127.0.0.1 as the kernel's table writes it

Socket = tuple[str, int]  # local address and port of a UDP socket


def known_in_full(node: Node) -> bool:
    """True when every participant of this host, and the name of each of its nodes, is known."""
    # Every node has a publisher on this topic; the GUID of a publisher starts with its participant.
    publishers = node.get_publishers_info_by_topic("/parameter_events")
    if any(info.node_name == "_NODE_NAME_UNKNOWN_" for info in publishers):
        return False
    seen = {tuple(info.endpoint_gid[:12]) for info in publishers}
    domain = int(os.environ.get("ROS_DOMAIN_ID") or 0)
    return len(seen) >= participants_of_host(bound_sockets(Path("/proc/net/udp")), domain)


def participants_of_host(sockets: list[Socket], domain: int) -> int:
    """The participants of a domain by the UDP sockets that are bound.

    One that is confined to this host binds the multicast port twice, once to the loopback address.
    """
    multicast = PORT_BASE + DOMAIN_GAIN * domain
    unicast = range(multicast + UNICAST_OFFSET, multicast + UNICAST_OFFSET + 2 * PARTICIPANTS, 2)
    groups = sum(port == multicast and address != LOOPBACK for address, port in sockets)
    # One that is open binds its unicast port once for all addresses, or for each.
    return max(groups, len({port for _, port in sockets if port in unicast}))


def bound_sockets(table: Path) -> list[Socket]:
    """Address and port of each socket in /proc/net/udp; none where there is no table."""
    if not table.exists():
        return []
    local = [row.split()[1].rpartition(":") for row in table.read_text().splitlines()[1:]]
    return [(address, int(port, 16)) for address, _, port in local]
