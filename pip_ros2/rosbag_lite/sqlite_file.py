"""Reads the SQLite files of rosbag2, Humble's default.

Schema versions 1 to 4 have the same tables `topics` and `messages`; columns came later for the QoS
and the hash of the type. What is read is only tables: a view or a computed column, which no rosbag2
makes, could be endless.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from rosbag_lite.errors import BagError, DamageError

MAX_TIME_NS = 2**63 - 1
_COLUMNS = {"topics": {"id", "name", "type"}, "messages": {"id", "topic_id", "timestamp", "data"}}
_LATER = ("serialization_format", "offered_qos_profiles", "type_description_hash")


class Topic(NamedTuple):
    """A row of the table `topics`."""

    name: str
    type: str
    serialization_format: str
    qos: str
    type_hash: str


class Message(NamedTuple):
    """One message; the time is nanoseconds since the epoch."""

    topic: Topic
    log_ns: int
    data: bytes


def messages(path: Path, by_time: bool = False) -> Iterator[Message]:
    """All messages up to the end or the first damage, which is raised as DamageError.

    by_time: in the order of their log times in place of that in which they were written.
    """
    order = "timestamp, id" if by_time else "id"
    with _opened(path) as database:
        topics = _topics(database)
        rows = database.execute(f"SELECT topic_id, timestamp, data FROM messages ORDER BY {order}")
        for topic_id, log_ns, data in rows:
            if topic_id not in topics:
                raise DamageError(f"a message of topic {topic_id!r}, which is not there")
            if not isinstance(log_ns, int) or not isinstance(data, bytes) or log_ns < 0:
                raise DamageError("a message without a time or without data")
            yield Message(topics[topic_id], log_ns, data)


def counts(path: Path) -> tuple[dict[Topic, int], int, int]:
    """Messages by topic, first and last log time. Raises DamageError."""
    with _opened(path) as database:
        topics = _topics(database)
        found = dict(database.execute("SELECT topic_id, count(*) FROM messages GROUP BY topic_id"))
        times = database.execute("SELECT min(timestamp), max(timestamp) FROM messages").fetchone()
        if set(found) - set(topics):
            raise DamageError("there are messages of a topic that is not there")
        low, high = (value or 0 for value in times)
        if not isinstance(low, int) or not isinstance(high, int) or low < 0:
            raise DamageError("there are messages without a time")
        return {topic: found.get(number, 0) for number, topic in topics.items()}, low, high


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The database, checked to be one of rosbag2. Raises BagError, and within DamageError."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("PRAGMA trusted_schema = OFF")
            for table, wanted in _COLUMNS.items():
                _check_table(database, path, table, wanted)
            try:
                yield database
            except (sqlite3.Error, OverflowError) as error:
                raise DamageError(str(error)) from None
    except (sqlite3.Error, UnicodeDecodeError) as error:
        hint = ""
        if "unable to open" in str(error) or "readonly" in str(error):
            hint = "; where its recorder was killed, the folder must be writable to recover it"
        raise BagError(f"{path} cannot be read: {error}{hint}") from None


def _check_table(database: sqlite3.Connection, path: Path, table: str, wanted: set[str]) -> None:
    kind = database.execute("SELECT type FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    columns = {row[1]: row[6] for row in database.execute(f"PRAGMA table_xinfo({table})")}
    if kind != ("table",) or not wanted <= set(columns) or any(columns.values()):
        raise BagError(f"{path} is a database, but none of rosbag2: it has no table '{table}'")


def _topics(database: sqlite3.Connection) -> dict[int, Topic]:
    there = {row[1] for row in database.execute("PRAGMA table_xinfo(topics)")}
    later = ", ".join(name if name in there else "''" for name in _LATER)
    found = {}
    for number, *texts in database.execute(f"SELECT id, name, type, {later} FROM topics"):
        if not all(isinstance(text, str) for text in texts):
            raise DamageError("a topic whose name or type is no text")
        found[number] = Topic(*texts)
    return found
