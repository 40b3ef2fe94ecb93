"""A proper bag from what a killed recorder or a full disk has left."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from mcap.writer import Writer

from rosbag_lite import mcap_file, metadata
from rosbag_lite.bag import MCAP, Bag, check_one_storage, open_bag, stored_files
from rosbag_lite.errors import BagError, CutOffError, DamageError, check_is_itself
from rosbag_lite.mcap_records import Attachment, Channel, Message, Metadata, Schema
from rosbag_lite.metadata import BagMetadata
from rosbag_lite.writer import CHUNK_BYTES, COMPRESSIONS

KEPT_SUFFIX = ".damaged"
MAX_LOST_BYTES = 64 * 1024 * 1024  # more than a chunk that was being written: a length was damaged


class Reindexed(NamedTuple):
    """What the bag now holds, and what had to be done for it."""

    contents: BagMetadata
    rewritten: tuple[str, ...]  # files
    kept: tuple[str, ...]  # the old ones of those that hold more than could be read


def reindex(folder: Path, compression: str = "none") -> Reindexed:
    """Writes whole files in place of those that were cut off, and metadata.yaml for what is there.

    A damaged file is replaced only once the new one is complete, and kept under another name where
    something behind the damage might still be of use. Raises BagError for a folder that is no bag,
    for one in progress and for a file without a message that can be read; nothing is changed then.
    """
    files = stored_files(folder) if folder.is_dir() else ()
    if not files:
        raise BagError(f"{folder} is no folder with .mcap or .db3 files in it")
    check_one_storage(folder, files)
    for path in files:
        check_is_itself(path)
        _check_not_in_progress(path)
    broken = [p for p in files if p.suffix == MCAP and mcap_file.summary(p) is None]
    kept = [path.name + KEPT_SUFFIX for path in broken if _rewrite(path, compression)]
    told = None
    with suppress(BagError):  # that is what is mended here
        told = open_bag(folder).told
    bag = Bag(folder, files, told)
    contents = bag.contents()
    if bag.damage:
        what = "; ".join(f"{name}: {why}" for name, why in bag.damage.items())
        raise BagError(f"{folder} cannot be mended here: {what}")
    metadata.write(folder, contents)
    return Reindexed(contents, tuple(path.name for path in broken), tuple(kept))


def _check_not_in_progress(path: Path) -> None:
    with path.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BagError(f"{path.parent} is being recorded") from None


def _rewrite(path: Path, compression: str) -> bool:
    """Puts a whole file in the place of a broken one; whether the old one was kept."""
    partial = path.with_name(f".{path.name}.reindexed")
    with partial.open("wb") as stream:
        writer = Writer(stream, chunk_size=CHUNK_BYTES, compression=COMPRESSIONS[compression])
        writer.start(profile="ros2", library="rosbag_lite")
        count, more = _copy(path, writer)
        if count:
            writer.finish()
            stream.flush()
            os.fsync(stream.fileno())
    if not count:
        partial.unlink()
        raise BagError(f"{path.parent} holds no message that can be read: nothing is to be saved")
    if more:
        old = path.with_name(path.name + KEPT_SUFFIX)
        old.unlink(missing_ok=True)
        os.link(path, old)
    partial.replace(path)
    return more


def _copy(path: Path, writer: Writer) -> tuple[int, bool]:
    """How many messages could be copied, and whether there is more behind the damage than the
    record that was being written."""
    schemas: dict[int, int] = {0: 0}
    channels: dict[int, int] = {}
    count = 0
    try:
        for record in mcap_file.records(path):
            if isinstance(record, Schema) and record.id not in schemas:
                schemas[record.id] = writer.register_schema(
                    record.name, record.encoding, record.data
                )
            elif isinstance(record, Channel) and record.id not in channels:
                channels[record.id] = writer.register_channel(
                    record.topic,
                    record.message_encoding,
                    schemas[record.schema_id],
                    record.metadata,
                )
            elif isinstance(record, Message):
                writer.add_message(
                    channels[record.channel.id], record.log_ns, bytes(record.data),
                    record.publish_ns, record.sequence,
                )  # fmt: skip
                count += 1
            elif isinstance(record, Attachment):
                writer.add_attachment(
                    record.create_time, record.log_time, record.name, record.media_type, record.data
                )
            elif isinstance(record, Metadata) and record.name != "rosbag2":
                writer.add_metadata(record.name, record.metadata)
    except CutOffError as error:
        return count, error.lost_bytes > MAX_LOST_BYTES
    except DamageError:
        return count, True
    return count, False
