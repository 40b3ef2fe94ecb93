"""A proper bag from what a killed recorder or a full disk has left."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import NamedTuple

from mcap.records import Channel, Message, Schema

from act_record.bag_reader import BagError, open_bag, records
from act_record.bag_writer import METADATA_FILE, BagTopic, EpisodeBag


class Repaired(NamedTuple):
    """What was saved."""

    messages: int
    length_s: float


def repair(folder: Path, compression: str = "none") -> Repaired | None:
    """Writes a whole file in place of the damaged one, and metadata.yaml; None if all was well.

    The damaged file is replaced only once the new one is complete. Raises BagError for a folder
    that is no bag, for one of several files, one that holds no message and one in progress.
    """
    bag = open_bag(folder)
    if folder.is_file() or bag.files[0].suffix != ".mcap":
        raise BagError(f"{folder}: only a folder with an MCAP file can be repaired")
    if len(bag.files) > 1:
        raise BagError(f"{folder} has {len(bag.files)} files: use 'ros2 bag reindex'")
    (path,) = bag.files
    if bag.is_whole and (folder / METADATA_FILE).is_file():
        return None
    with path.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BagError(f"{folder} is being recorded") from None
    partial = f".{path.name}.repaired"
    new = EpisodeBag(folder, bag.attachments(), compression, file_name=partial)
    schemas: dict[int, Schema] = {}
    channels: dict[int, Channel] = {}
    count, first_ns, last_ns = 0, 0, 0
    for record in records(path):
        if isinstance(record, Schema):
            schemas[record.id] = record
        elif isinstance(record, Channel) and record.id not in channels:
            channels[record.id] = record
            schema = schemas[record.schema_id]
            qos = record.metadata.get("offered_qos_profiles", "")
            new.add_topic(BagTopic(record.topic, schema.name, schema.data.decode(), qos))
        elif isinstance(record, Message):
            new.write(channels[record.channel_id].topic, record.data, record.log_time)
            first_ns = min(first_ns, record.log_time) if count else record.log_time
            last_ns = max(last_ns, record.log_time)
            count += 1
    if not count:
        new.abandon()
        (folder / partial).unlink()
        raise BagError(f"{folder} holds no message that can be read")
    new.close_as(path.name)
    return Repaired(count, (last_ns - first_ns) / 1e9)
