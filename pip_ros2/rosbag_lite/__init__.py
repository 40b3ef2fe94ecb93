"""rosbag2 folders without ROS: written, read, and made whole again after a crash.

What is read: MCAP (chunks of any kind, with or without their index) and SQLite, one file or many,
compressed by file, by message or by chunk, with or without metadata.yaml, of Humble to Kilted. What
is written: MCAP, as every rosbag2 with that plug-in reads it. Any bytes give messages or a
`BagError`; sizes are checked before memory is asked for.

Why not a library alone: `mcap` (which writes our files) and `rosbags` (which writes those of the
tests) give up at the first damage, copy every picture up to four times, and believe the sizes that
a file claims.
"""

from rosbag_lite.bag import Bag, BagMessage, find_bags, open_bag
from rosbag_lite.errors import BagError
from rosbag_lite.metadata import BagFile, BagMetadata, BagTopic
from rosbag_lite.reindex import Reindexed, reindex
from rosbag_lite.writer import BagWriter

__all__ = [
    "Bag",
    "BagError",
    "BagFile",
    "BagMessage",
    "BagMetadata",
    "BagTopic",
    "BagWriter",
    "Reindexed",
    "find_bags",
    "open_bag",
    "reindex",
]
