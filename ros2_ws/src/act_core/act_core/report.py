"""What a node says of itself, before it is a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Report(NamedTuple):
    """One diagnostic status: the arguments of `act_core.ros.diagnostic`."""

    name: str
    level: str
    text: str
    values: Mapping[str, str]
