"""``ros2 bag``: rosbag2 folders. Reading and writing them is the work of `rosbag_lite`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from ros2cli import bag_info, bag_play, bag_record
from ros2cli.command import Verb, add_verbs
from ros2cli.errors import CliError

Run = Callable[[argparse.Namespace], int | None]


def _told(run: Run) -> Run:
    """What is wrong with a bag or a disk is told in a line, like any other mistake."""

    def verb(args: argparse.Namespace) -> int | None:
        from rosbag_lite import BagError

        try:
            return run(args)
        except (BagError, OSError) as error:
            raise CliError(str(error)) from error

    return verb


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = {
        "info": ("Print information about a bag", bag_info.info_arguments, bag_info.info),
        "play": ("Play back ROS data from a bag", bag_play.add_arguments, bag_play.play),
        "record": ("Record ROS data to a bag", bag_record.add_arguments, bag_record.record),
        "reindex": (
            "Repair a bag whose recorder was killed", bag_info.reindex_arguments, bag_info.reindex,
        ),
    }  # fmt: skip
    add_verbs(
        parser, {name: Verb(text, add, _told(run)) for name, (text, add, run) in verbs.items()}
    )
