"""What a node says of itself, before it is a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Report(NamedTuple):
    """One diagnostic status; see `act_core.ros_diagnostics.Diagnostics`."""

    task: str  # what it is about; the node's full name is put before it
    level: str  # ok, warn, error or stale
    text: str
    values: Mapping[str, str]
