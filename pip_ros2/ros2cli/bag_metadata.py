"""``metadata.yaml`` of a rosbag2 folder.

Written as version 8 of the layout. Later versions of rosbag2 (Iron to Rolling) read it in full;
version 9 stores the QoS profiles as a sequence, which Humble's reader cannot take, while it reads
version 8 and ignores the fields that it does not know. Read: versions 4 to 9.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ros2cli.errors import CliError

if TYPE_CHECKING:
    from rclpy.qos import QoSProfile

FILE_NAME = "metadata.yaml"
VERSION = 8
ROOT = "rosbag2_bagfile_information"

POLICIES = ("history", "reliability", "durability", "liveliness")
DURATIONS = ("deadline", "lifespan", "liveliness_lease_duration")


@dataclass(frozen=True)
class BagTopic:
    """A recorded topic. ``qos`` holds one rosbag2 QoS mapping for each publisher it had."""

    name: str
    type: str
    qos: tuple[dict[str, Any], ...] = ()
    type_hash: str = ""
    count: int = 0
    serialization_format: str = "cdr"


@dataclass(frozen=True)
class BagFile:
    """One MCAP file; ``path`` is relative to the folder."""

    path: str
    start_ns: int
    duration_ns: int
    count: int


@dataclass(frozen=True)
class BagMetadata:
    """What ``ros2 bag info`` shows. Times are log (receive) times since the epoch."""

    files: tuple[BagFile, ...]
    topics: tuple[BagTopic, ...]
    ros_distro: str = ""
    storage: str = "mcap"

    @property
    def count(self) -> int:
        return sum(file.count for file in self.files)

    @property
    def start_ns(self) -> int:
        return min((file.start_ns for file in self.files if file.count), default=0)

    @property
    def duration_ns(self) -> int:
        ends = [file.start_ns + file.duration_ns for file in self.files if file.count]
        return max(ends, default=0) - self.start_ns


class _Quoted(str):
    """A string in double quotes, as rosbag2 writes the QoS profiles."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    _Quoted, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def to_yaml(metadata: BagMetadata, root: bool = True) -> str:
    """The text of metadata.yaml; without its root key as rosbag2 puts it inside an MCAP file."""
    tree: dict[str, Any] = {
        "version": VERSION,
        "storage_identifier": metadata.storage,
        "duration": {"nanoseconds": metadata.duration_ns},
        "starting_time": {"nanoseconds_since_epoch": metadata.start_ns},
        "message_count": metadata.count,
        "topics_with_message_count": [
            {
                "topic_metadata": {
                    "name": topic.name,
                    "type": topic.type,
                    "serialization_format": topic.serialization_format,
                    "offered_qos_profiles": _Quoted(qos_to_yaml(topic.qos)),
                    "type_description_hash": topic.type_hash,
                },
                "message_count": topic.count,
            }
            for topic in metadata.topics
        ],
        "compression_format": "",  # of rosbag2's own compression; MCAP chunks have theirs
        "compression_mode": "",
        "relative_file_paths": [file.path for file in metadata.files],
        "files": [
            {
                "path": file.path,
                "starting_time": {"nanoseconds_since_epoch": file.start_ns},
                "duration": {"nanoseconds": file.duration_ns},
                "message_count": file.count,
            }
            for file in metadata.files
        ],
        "custom_data": None,
        "ros_distro": metadata.ros_distro,
    }
    return str(
        yaml.dump({ROOT: tree} if root else tree, Dumper=_Dumper, sort_keys=False, width=10**9)
    )


def load(path: Path) -> BagMetadata:
    """Read metadata.yaml; CliError when it is damaged or of a storage that is not MCAP."""
    try:
        tree = yaml.safe_load(path.read_text())[ROOT]
        if tree["storage_identifier"] != "mcap":
            raise CliError(
                f"{path.parent} is stored as {tree['storage_identifier']}; only mcap can be read "
                "here (rosbags-convert of the PyPI package 'rosbags' converts it)"
            )
        return _from_tree(tree)
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise CliError(f"{path} is damaged: {error!r}") from None


def _from_tree(tree: dict[str, Any]) -> BagMetadata:
    start_ns = tree["starting_time"]["nanoseconds_since_epoch"]
    whole = BagFile("", start_ns, tree["duration"]["nanoseconds"], tree["message_count"])
    files = [
        BagFile(
            file["path"],
            file["starting_time"]["nanoseconds_since_epoch"],
            file["duration"]["nanoseconds"],
            file["message_count"],
        )
        for file in tree.get("files", [])  # since version 5
    ] or [
        replace(whole, path=path, count=whole.count if index == 0 else 0)
        for index, path in enumerate(tree["relative_file_paths"])
    ]
    topics = [
        BagTopic(
            name=entry["topic_metadata"]["name"],
            type=entry["topic_metadata"]["type"],
            qos=qos_from_yaml(entry["topic_metadata"].get("offered_qos_profiles")),
            type_hash=entry["topic_metadata"].get("type_description_hash", ""),
            count=entry["message_count"],
            serialization_format=entry["topic_metadata"]["serialization_format"],
        )
        for entry in tree["topics_with_message_count"]
    ]
    return BagMetadata(tuple(files), tuple(topics), tree.get("ros_distro") or "")


def qos_to_yaml(profiles: tuple[dict[str, Any], ...]) -> str:
    """The QoS mappings as text, as in the metadata of an MCAP channel."""
    return str(yaml.safe_dump(list(profiles), sort_keys=False)).rstrip() if profiles else ""


def qos_from_yaml(profiles: str | list[dict[str, Any]] | None) -> tuple[dict[str, Any], ...]:
    """QoS mappings from text (to version 8) or a sequence (version 9)."""
    listed = yaml.safe_load(profiles) if isinstance(profiles, str) else profiles
    return tuple(listed or ())


def qos_from_profile(profile: QoSProfile) -> dict[str, Any]:
    """A profile of rclpy as rosbag2 stores it: policies as the numbers of rmw/types.h."""
    values = {name: int(getattr(profile, name)) for name in POLICIES}
    times = {}
    for name in DURATIONS:
        sec, nsec = divmod(getattr(profile, name).nanoseconds, 10**9)
        times[name] = {"sec": sec, "nsec": nsec}
    return {
        "history": values["history"],
        "depth": profile.depth,
        "reliability": values["reliability"],
        "durability": values["durability"],
        "deadline": times["deadline"],
        "lifespan": times["lifespan"],
        "liveliness": values["liveliness"],
        "liveliness_lease_duration": times["liveliness_lease_duration"],
        "avoid_ros_namespace_conventions": profile.avoid_ros_namespace_conventions,
    }


def profile_to_offer(topic: BagTopic, depth: int) -> QoSProfile:
    """What to publish a topic with: as recorded where all publishers agreed, else the default.

    History is not restored: discovery does not tell it.
    """
    from rclpy import qos
    from rclpy.duration import Duration

    kinds = {
        "reliability": qos.ReliabilityPolicy,
        "durability": qos.DurabilityPolicy,
        "liveliness": qos.LivelinessPolicy,
    }
    unlike = {str({**q, "history": 0, "depth": 0, "lifespan": 0}) for q in topic.qos}
    if len(unlike) != 1:
        return qos.QoSProfile(depth=depth)
    recorded = topic.qos[0]
    options: dict[str, Any] = {}
    for name, kind in kinds.items():
        value = recorded[name]  # a number up to version 8, a word from version 9
        options[name] = kind(value) if isinstance(value, int) else kind.get_from_short_key(value)
    for name in DURATIONS:
        options[name] = Duration(seconds=recorded[name]["sec"], nanoseconds=recorded[name]["nsec"])
    return qos.QoSProfile(depth=depth, **options)
