"""``metadata.yaml`` of a rosbag2 folder.

Written as version 8 of the layout. Later versions of rosbag2 (Iron to Rolling) read it in full;
version 9 stores the QoS profiles as a sequence, which Humble's reader cannot take, while it reads
version 8 and ignores the fields that it does not know. Read: every version so far (1 to 9).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rosbag_lite.errors import BagError, check_is_itself

FILE_NAME = "metadata.yaml"
VERSION = 8
ROOT = "rosbag2_bagfile_information"
MAX_BYTES = 4 * 1024 * 1024  # of metadata.yaml; a split bag of a thousand files has 0.2 MB
MAX_QOS_BYTES = 64 * 1024
MAX_DEPTH = 30  # rosbag2's has 8
BY_FILE, BY_MESSAGE = "FILE", "MESSAGE"

Profile = Mapping[str, Any]
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # of libyaml where it is there


@dataclass(frozen=True)
class BagTopic:
    """A recorded topic.

    qos: one rosbag2 QoS mapping for each publisher that it had.
    definition: the text of the message type as `definitions` makes it; for writing.
    """

    name: str  # absolute, as rosbag2 has it
    type: str
    qos: tuple[Profile, ...] = ()
    type_hash: str = ""
    count: int = 0
    serialization_format: str = "cdr"
    definition: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class BagFile:
    """One file of a bag; ``path`` is relative to the folder."""

    path: str
    start_ns: int
    duration_ns: int
    count: int


@dataclass(frozen=True)
class BagMetadata:
    """What `ros2 bag info` shows. Times are log (receive) times since the epoch."""

    files: tuple[BagFile, ...]
    topics: tuple[BagTopic, ...]
    ros_distro: str = ""
    storage: str = "mcap"
    compression: str = ""  # by rosbag2 itself: "", FILE or MESSAGE

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


@dataclass(frozen=True)
class Told:
    """What a metadata.yaml says that the files themselves do not, and what can be checked."""

    files: tuple[str, ...]
    count: int
    ros_distro: str
    compression: str
    compression_format: str


class _Quoted(str):
    """A string in double quotes, as rosbag2 writes the QoS profiles."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


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
        # Of rosbag2's own compression; MCAP chunks have theirs.
        "compression_format": "zstd" if metadata.compression else "",
        "compression_mode": metadata.compression,
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


def write(folder: Path, metadata: BagMetadata) -> None:
    """Writes metadata.yaml: it is there in full, also after a loss of power, or not at all."""
    part = folder / f"{FILE_NAME}.part"
    with part.open("w", encoding="utf-8") as stream:
        stream.write(to_yaml(metadata))
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(folder / FILE_NAME)


def load(path: Path) -> Told:
    """Reads metadata.yaml. Raises BagError when it is damaged, or too large to be one."""
    check_is_itself(path)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise BagError(f"{path} has {size / 1e6:.0f} MB, expected at most {MAX_BYTES / 1e6:.0f}")
    try:
        tree = parse_yaml(path.read_bytes())
        root = tree.get(ROOT) if isinstance(tree, dict) else None
        if not isinstance(root, dict):
            raise ValueError(f"it has no {ROOT}")
        files = _typed(root, "relative_file_paths", list)
        if not all(isinstance(name, str) and name for name in files):
            raise ValueError("relative_file_paths are not names of files")
        return Told(
            tuple(files),
            _typed(root, "message_count", int, 0),
            _typed(root, "ros_distro", str, ""),
            _typed(root, "compression_mode", str, "").upper(),
            _typed(root, "compression_format", str, ""),
        )
    except ValueError as error:
        raise BagError(
            f"{path} is damaged: {error}; 'ros2 bag reindex {path.parent}' makes it anew"
        ) from None


def _typed(tree: Mapping[str, Any], key: str, kind: type, default: Any = None) -> Any:
    value = tree.get(key, default)
    if value is None and default is not None:
        return default
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{key} is {str(value)[:40]!r}, expected {kind.__name__}")
    return value


def parse_yaml(text: bytes | str) -> Any:
    """Plain values. ValueError for whatever is none, and for text that only grows when read."""
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or depth > MAX_DEPTH:
                raise ValueError("it refers to itself, or is nested too deep")
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, OverflowError, RecursionError, TypeError, AttributeError) as error:
        raise ValueError(" ".join(str(error).split())[:200] or type(error).__name__) from None


def qos_to_yaml(profiles: tuple[Profile, ...]) -> str:
    """The QoS mappings as text, as in the metadata of an MCAP channel."""
    text = yaml.dump(list(profiles), Dumper=_Dumper, sort_keys=False)
    return str(text).rstrip() if profiles else ""


def qos_from_yaml(profiles: str | list[Profile] | None) -> tuple[Profile, ...]:
    """QoS mappings from text (to version 8) or a sequence (version 9).

    Empty for what is none: a topic is then played with the default.
    """
    if isinstance(profiles, str):
        if len(profiles) > MAX_QOS_BYTES:
            return ()
        try:
            profiles = parse_yaml(profiles)
        except ValueError:
            return ()
    if not isinstance(profiles, list) or not all(isinstance(entry, dict) for entry in profiles):
        return ()
    return tuple(profiles)
