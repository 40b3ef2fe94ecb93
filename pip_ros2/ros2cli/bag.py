"""``ros2 bag``: rosbag2 folders with MCAP files."""

from __future__ import annotations

import argparse

from ros2cli import bag_info, bag_play, bag_record
from ros2cli.command import Verb, add_verbs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_verbs(
        parser,
        {
            "info": Verb("Print information about a bag", bag_info.info_arguments, bag_info.info),
            "play": Verb("Play back ROS data from a bag", bag_play.add_arguments, bag_play.play),
            "record": Verb("Record ROS data to a bag", bag_record.add_arguments, bag_record.record),
            "reindex": Verb(
                "Repair a bag whose recorder was killed",
                bag_info.reindex_arguments,
                bag_info.reindex,
            ),
        },
    )
