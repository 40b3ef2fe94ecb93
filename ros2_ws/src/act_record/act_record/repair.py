"""Proper bags from what a killed recorder or a full disk has left."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import rosbag_lite

from act_record.bag_reader import BagError, bag_errors, open_bag


class Repaired(NamedTuple):
    """What was saved. ``kept``: old files with something behind their damage."""

    messages: int
    length_s: float
    kept: tuple[str, ...] = ()


def repair(folder: Path) -> Repaired | None:
    """Makes the bag whole, see `rosbag_lite.reindex`; None if all was well.

    Raises BagError for what is no bag, for one that holds no message and for one in progress.
    """
    if folder.is_file():
        raise BagError(f"{folder}: name the folder, in which metadata.yaml is written as well")
    try:
        bag = open_bag(folder)
        if bag.is_whole and bag.told is not None and not bag.notes:
            with bag_errors():
                as_told = bag.contents().count == bag.told.count
            if as_told and not bag.damage:
                return None
    except BagError:
        pass  # that is what is mended
    with bag_errors():
        contents, _, kept = rosbag_lite.reindex(folder)
    return Repaired(contents.count, contents.duration_ns / 1e9, kept)
