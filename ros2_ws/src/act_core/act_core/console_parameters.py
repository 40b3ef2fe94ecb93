"""The parameters of the console's node."""

from __future__ import annotations

from dataclasses import dataclass

from act_core.parameters import parameter
from act_core.robots import ROBOT

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class ConsoleParameters:
    """Declared on the node."""

    host: str = parameter(
        LOOPBACK, "address that the page is served on; any but this computer's own asks for a token"
    )
    port: int = parameter(8080, "of the page; 0: a free one", low=0, high=65535)
    token: str = parameter("", "that opens the page; empty: one is made up where it is needed")
    robot: str = parameter("so101", ROBOT)
    recordings: str = parameter("recordings", "folder of the episodes that the page shows")
    setup: str = parameter("", "set-up that the page begins with; empty: the first one")
