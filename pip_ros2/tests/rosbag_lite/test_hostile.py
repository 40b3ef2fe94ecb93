"""Any bytes give messages or the one declared error, in bounded memory and time.

The reading is done in a process of its own whose address space is limited to `ROOM_BYTES` more than
it has with everything imported, so that an allocation by the word of a file fails.
"""

from __future__ import annotations

import os
import random
import sqlite3
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import lz4.frame
import pytest
import zstandard
from rosbag_lite import BagError, mcap_file, metadata, open_bag, reindex
from rosbag_lite.compression import MAX_UNPACKED_BYTES
from rosbags.rosbag2 import CompressionMode, StoragePlugin

from pip_ros2.tests.rosbag_lite import test_dress as dress
from pip_ros2.tests.rosbag_lite.samples import START_NS, write_bag

# HYPOTHESIS_PROFILE=explore draws anew at each run; EXPLORE_SEED=<what it printed> repeats one.
EXPLORING = os.environ.get("HYPOTHESIS_PROFILE") == "explore"
SEED = int(os.environ.get("EXPLORE_SEED") or int.from_bytes(os.urandom(4), "big"))
if not EXPLORING:
    SEED = 0

ROOM_BYTES = 400 * 1024 * 1024
CASES = 4_000 if EXPLORING else 600  # of each kind of file
SECONDS = 3_000 if EXPLORING else 1_500  # an idle machine needs 20

READ = """
import faulthandler, resource, shutil, sys, traceback
from pathlib import Path
from rosbag_lite import BagError, open_bag, reindex
from pip_ros2.tests.rosbag_lite.test_hostile import (
    CASES, ROOM_BYTES, SECONDS, mutations, samples,
)

folder = Path(sys.argv[1])
seeds = samples(folder / "seeds")
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + ROOM_BYTES
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
faulthandler.dump_traceback_later(SECONDS, exit=True)

for path in seeds:
    for number, data in enumerate(mutations(path.read_bytes(), CASES)):
        case = folder / "case"
        shutil.rmtree(case, ignore_errors=True)
        case.mkdir()
        (case / path.name).write_bytes(data)
        for what in ("messages", "by_time", "contents", "attachments", "reindex"):
            try:
                if what == "reindex":
                    if number % 8 == 0:
                        reindex(case)
                    continue
                bag = open_bag(case if path.name == "metadata.yaml" else case / path.name)
                if what == "contents":
                    bag.contents()
                elif what == "attachments":
                    bag.attachments()
                else:
                    for message in bag.messages(by_time=what == "by_time"):
                        assert 0 <= message.log_ns < 2**63
            except BagError:
                pass
            except BaseException:
                print(f"{path.name} case {number}, {what}: {traceback.format_exc()}")
                raise SystemExit(1)
print("done")
"""


def samples(folder: Path) -> list[Path]:
    """A small whole file of each kind."""
    messages = dress.sent(12)
    found = []
    for name, storage, compression in (
        ("plain", StoragePlugin.MCAP, CompressionMode.NONE),
        ("chunks", StoragePlugin.MCAP, CompressionMode.STORAGE),
        ("alone", StoragePlugin.MCAP, CompressionMode.MESSAGE),
        ("whole", StoragePlugin.MCAP, CompressionMode.FILE),
        ("sqlite", StoragePlugin.SQLITE3, CompressionMode.NONE),
    ):
        path = dress.write(folder / name, messages, storage, compression)
        found += [p for p in path.iterdir() if p.name != "metadata.yaml"]
    write_bag(folder / "lz4", compression="lz4")
    return [*found, folder / "lz4/lz4_0.mcap", folder / "lz4/metadata.yaml"]


WORDS = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1)


def mutations(data: bytes, count: int) -> list[bytes]:
    """The file with bytes flipped, numbers replaced by extremes, parts moved, doubled, cut off."""
    rng = random.Random(len(data) + SEED)
    found = []
    for _ in range(count):
        new = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            at = rng.randrange(len(new) or 1)
            kind = rng.randrange(6)
            if kind == 0 and new:
                new[at] ^= 1 << rng.randrange(8)
            elif kind == 1:
                width = rng.choice("BHIQ")
                value = rng.choice(WORDS) & ((1 << 8 * struct.calcsize(width)) - 1)
                new[at : at + struct.calcsize(width)] = struct.pack(f"<{width}", value)
            elif kind == 2:
                del new[at:]
            elif kind == 3:
                new[at:at] = new[rng.randrange(len(new) or 1) :][: rng.randrange(200)]
            elif kind == 4:
                new[at : at + 16] = rng.randbytes(16)
            else:
                del new[at : at + rng.randrange(64)]
        found.append(bytes(new))
    return found


@pytest.mark.timeout(2 * SECONDS)
def test_no_bytes_end_the_reader_or_take_its_memory(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "EXPLORE_SEED": str(SEED)}
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path)],
        env=environment, capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    assert done.stdout.endswith("done\n"), (SEED, done.stdout[-3000:] + done.stderr[-3000:])


def record(opcode: int, content: bytes, length: int | None = None) -> bytes:
    return struct.pack("<BQ", opcode, len(content) if length is None else length) + content


def chunk(packed: bytes, size: int, compression: bytes = b"", told: int | None = None) -> bytes:
    """A chunk record without a checksum."""
    head = struct.pack("<QQQII", START_NS, START_NS, size, 0, len(compression)) + compression
    return record(6, head + struct.pack("<Q", len(packed) if told is None else told) + packed)


def text(value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<I", len(value) if length is None else length) + value


SCHEMA = record(3, struct.pack("<H", 1) + text(b"std_msgs/msg/String") + text(b"") + text(b""))
CHANNEL = record(4, struct.pack("<HH", 1, 1) + text(b"/a") + text(b"cdr") + text(b""))
MESSAGE = record(5, struct.pack("<HIQQ", 1, 0, START_NS, START_NS) + b"\0\1\0\0good")
BIG = 2**40


def skippable(size: int) -> bytes:
    """The header of a Zstandard frame that promises ``size`` bytes in a single segment."""
    return b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", size)


HOSTILE = {
    "a record longer than the file": record(5, b"", 2**63),
    "a schema longer than its record": record(3, b"\1\0" + text(b"x", 2**32 - 1)),
    "a channel of no schema": record(4, struct.pack("<HH", 1, 9) + text(b"/a") * 2 + text(b"")),
    "a map longer than its record": record(
        4, struct.pack("<HH", 2, 1) + text(b"/a") * 2 + text(b"abc", 2**32 - 1)
    ),
    "a topic that is no text": record(
        4, struct.pack("<HH", 2, 1) + text(b"\xff\xfe") * 2 + text(b"")
    ),
    "a message of no channel": record(5, struct.pack("<HIQQ", 7, 0, 0, 0)),
    "a message of the year 2300": record(5, struct.pack("<HIQQ", 1, 0, 2**63, 0)),
    "a message without a head": record(5, b"\1\0"),
    "a chunk without a head": record(6, b"\1\0"),
    "a chunk with a long compression": record(6, struct.pack("<QQQII", 0, 0, 0, 0, 2**31)),
    "a plain chunk of a terabyte": chunk(b"", BIG),
    "a chunk that tells of more than it has": chunk(b"", 0, b"", told=2**64 - 1),
    "zstd: a terabyte told": chunk(skippable(BIG), BIG, b"zstd"),
    "zstd: a terabyte told by the chunk alone": chunk(zstandard.compress(b"x"), BIG, b"zstd"),
    "zstd: 200 MB told, little there": chunk(skippable(200 * 10**6), 200 * 10**6, b"zstd"),
    "zstd: a bomb": chunk(zstandard.compress(bytes(300_000_000)), 300, b"zstd"),
    "zstd: no frame": chunk(b"no frame", 300, b"zstd"),
    "lz4: a terabyte told": chunk(lz4.frame.compress(b"x"), BIG, b"lz4"),
    "lz4: a bomb": chunk(lz4.frame.compress(bytes(300_000_000)), 300, b"lz4"),
    "lz4: no frame": chunk(b"no frame", 300, b"lz4"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_comes_before_it_is_read(tmp_path, name):
    """In a file of a kilobyte, or in one of 0.3 MB that unpacks to 300."""
    (tmp_path / "run").mkdir()
    path = tmp_path / "run/run_0.mcap"
    head = mcap_file.MAGIC + record(1, text(b"ros2") + text(b"")) + SCHEMA + CHANNEL + MESSAGE
    path.write_bytes(head + HOSTILE[name] + MESSAGE + record(15, bytes(4)) + mcap_file.MAGIC)
    bag = open_bag(path)
    assert [message.data for message in bag.messages()] == [b"\0\1\0\0good"]
    assert list(bag.damage) == ["run_0.mcap"]
    assert not bag.is_whole
    assert open_bag(path).contents().count == 1
    assert reindex(path.parent).contents.count == 1


def test_chunks_that_this_reader_does_not_unpack_are_refused_and_not_lost(tmp_path):
    (tmp_path / "run").mkdir()
    path = tmp_path / "run/run_0.mcap"
    size = MAX_UNPACKED_BYTES + 1
    for content, match in (
        (chunk(zstandard.compress(bytes(size)), size, b"zstd"), "268 MB, expected at most 268 MB"),
        (chunk(b"x", 1, b"brotli"), "a chunk is compressed by 'brotli', known: none, lz4, zstd"),
    ):
        path.write_bytes(mcap_file.MAGIC + content + record(15, bytes(4)) + mcap_file.MAGIC)
        before = path.read_bytes()
        for work in (lambda: list(open_bag(path).messages()), lambda: reindex(path.parent)):
            with pytest.raises(BagError, match=match):
                work()
        assert path.read_bytes() == before


def test_a_summary_that_lies_is_not_believed(tmp_path):
    """Statistics that contradict themselves, or a wrong checksum: the messages are counted."""
    write_bag(tmp_path / "run")
    path = tmp_path / "run/run_0.mcap"
    assert mcap_file.summary(path).statistics.channel_message_counts == {1: 10}
    data = bytearray(path.read_bytes())
    at = data.rindex(struct.pack("<HQ", 1, 10))  # the count of channel 1
    data[at + 2 : at + 10] = struct.pack("<Q", 2**64 - 1)
    path.write_bytes(data)
    assert mcap_file.summary(path) is None
    start = struct.unpack_from("<Q", data, len(data) - 8 - 20)[0]
    covered = bytes(data[start : len(data) - 8 - 4])
    data[-12:-8] = struct.pack("<I", zlib.crc32(covered))
    path.write_bytes(data)
    assert mcap_file.summary(path) is None
    assert open_bag(path).contents().count == 10


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW messages AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) "
        "SELECT i AS id, 1 AS topic_id, 1 AS timestamp, zeroblob(1000000000) AS data FROM n",
        "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, "
        "data BLOB AS (zeroblob(1000000000)))",
        "CREATE TABLE messages(id INTEGER PRIMARY KEY, timestamp INTEGER)",
        "SELECT 1",
    ],
)
def test_a_database_that_computes_its_messages_is_refused(tmp_path, statement):
    path = tmp_path / "run.db3"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT)")
        database.execute(statement)
    with pytest.raises(BagError, match="none of rosbag2: it has no table 'messages'"):
        list(open_bag(path).messages())


@pytest.mark.parametrize(
    "row",
    [(1, "soon", b"x"), (1, 5, "text"), (1, 5, None), (9, 5, b"x"), (1, -5, b"x"), (1, 1.5, b"x")],
)
def test_a_row_that_is_no_message_ends_the_reading(tmp_path, row):
    path = tmp_path / "run.db3"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT)")
        database.execute("CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id, timestamp, data)")
        database.execute("INSERT INTO topics VALUES (1, '/a', 'std_msgs/msg/String')")
        rows = [(1, 4, b"good"), row, (1, 6, b"lost")]
        database.executemany("INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)",
                             rows)  # fmt: skip
    bag = open_bag(path)
    assert [message.data for message in bag.messages()] == [b"good"]
    assert "run.db3" in bag.damage
    bag.contents()


def bombs() -> dict[str, str]:
    doubled = "\n".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 30))
    return {
        "references that double": f"a0: &a0 [x]\n{doubled}\n",
        "nested without end": "[" * 100_000,
        "a number without end": f"{metadata.ROOT}: {{message_count: {'9' * 10_000}}}",
        "a day that is none": f"{metadata.ROOT}: 2001-13-45",
        "a tag of Python": "!!python/object/apply:os.system ['true']",
        "no mapping": "[1, 2]",
        "nothing": "",
        "files that are no names": f"{metadata.ROOT}: {{relative_file_paths: [1, {{a: b}}]}}",
        "a file": f"{metadata.ROOT}: {{relative_file_paths: run_0.mcap}}",
        "bytes": "\x00\x01\x02",
        "a count that is a text": f"{metadata.ROOT}: {{relative_file_paths: [a], message_count: x}}",  # noqa: E501
        "5 MB": "#" * 5_000_000,
    }


@pytest.mark.parametrize("name", bombs())
def test_a_metadata_yaml_that_is_none_is_refused_and_mended(tmp_path, name):
    write_bag(tmp_path / "run")
    (tmp_path / "run/metadata.yaml").write_text(bombs()[name])
    with pytest.raises(BagError, match=r"metadata\.yaml (is damaged|has 5 MB)"):
        open_bag(tmp_path / "run")
    reindex(tmp_path / "run")
    assert len(list(open_bag(tmp_path / "run").messages())) == 10
