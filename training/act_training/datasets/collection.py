"""What `act-collect` writes beside the episodes: `collection.json`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from act_core.errors import ConfigurationError
from act_core.files import read_json

RECORD_FILE = "collection.json"


def look_of(folders: Iterable[Path]) -> str | None:
    """How all simulated episodes in these datasets were drawn: "plain", "room".

    None where no collection says so, or not all say the same.
    """
    looks = set()
    for folder in folders:
        for path in folder.rglob(RECORD_FILE):
            try:
                record = read_json(path)
                looks.add(record.get("look") or record["settings"].get("look"))
            except (ConfigurationError, LookupError, TypeError, AttributeError):
                return None  # damaged: `act-collect` says so
    return looks.pop() if len(looks) == 1 else None
