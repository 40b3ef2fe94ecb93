"""``ros2 bag``: rosbag2 folders. Reading and writing them is the work of `rosbag_lite`."""

from __future__ import annotations

import argparse
from functools import wraps

from ros2cli import bag_info, bag_play, bag_record
from ros2cli.errors import CliError
from ros2cli.verbs import Run


def _told(run: Run) -> Run:
    """What is wrong with a bag or a disk is told in a line, like any other mistake."""

    @wraps(run)
    def verb(args: argparse.Namespace) -> int | None:
        from rosbag_lite import BagError

        try:
            return run(args)
        except (BagError, OSError) as error:
            raise CliError(str(error)) from error

    return verb


COMMAND = {
    "info": _told(bag_info.info),
    "play": _told(bag_play.play),
    "record": _told(bag_record.record),
    "reindex": _told(bag_info.reindex),
}
