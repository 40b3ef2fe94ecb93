"""Records episodes, one bag each, whatever the disk does meanwhile. No ROS here.

Whoever receives messages hands them over and goes on at once; a thread writes them. Between the two
lies a bounded cache, so that a disk that stalls for a moment loses nothing. What had to be dropped
is counted.
"""

from __future__ import annotations

import errno
import os
import queue
import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from act_core.errors import ConfigurationError
from act_core.files import read_json, write_json
from rosbag_lite import BagMessage, BagTopic, BagWriter

from act_record.bag_reader import OUTCOME_FILE, bag_errors
from act_record.timeline import Timeline

BIN = ".bin"  # of a folder of episodes: nothing is gone before it is emptied
FLUSH_S = 0.5  # a killed recorder loses so much; the promise is one second
CACHE_BYTES = 256 * 1024 * 1024
MIN_FREE_BYTES = 512 * 1024 * 1024

OpenBag = Callable[[Path, Mapping[str, str]], BagWriter]


@dataclass(frozen=True)
class Recording:
    """An episode that has been recorded. ``problem``: why it is not whole, or None."""

    folder: Path
    timeline: Timeline
    messages: int
    dropped: int  # for want of cache: the disk was too slow
    problem: str | None


class EpisodeRecorder:
    """Bags ``<out>/episode_000000``, ``episode_000001`` ... of the same topics.

    out: folder for the bags; numbers go on after those that it holds.
    topics: what is recorded; a message of another topic is a mistake of the caller.
    attachments: name to JSON text, for every bag: the contract, the calibration.
    """

    def __init__(
        self,
        out: Path,
        topics: Sequence[BagTopic],
        attachments: Mapping[str, str] | None = None,
        cache_bytes: int = CACHE_BYTES,
        open_bag: OpenBag = BagWriter,
    ) -> None:
        self._out = out
        self._topics = tuple(topics)
        self._types = {topic.name: topic.type for topic in topics}
        self._attachments = dict(attachments or {})
        self._cache_bytes = cache_bytes
        self._open_bag = open_bag
        self._writing: _Writing | None = None

    @property
    def recording(self) -> bool:
        return self._writing is not None

    @property
    def dropped(self) -> int:
        """Messages of the episode in progress that there was no room for."""
        return self._writing.dropped if self._writing is not None else 0

    @property
    def problem(self) -> str | None:
        """What went wrong with the episode in progress."""
        return self._writing.problem if self._writing is not None else None

    def start(self) -> Path:
        """Begins an episode; returns its folder.

        Raises ConfigurationError while one is in progress, when the disk is nearly full and when
        nothing can be written there.
        """
        if self._writing is not None:
            raise ConfigurationError(f"already recording {self._writing.folder.name}")
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            if (little := self.little_space()) is not None:
                raise ConfigurationError(little)
            self._writing = self._begun(new_folder(self._out))
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            reason = "the disk is full" if full else error.strerror or error
            remedy = "make room there" if full else "make this one writable"
            raise ConfigurationError(
                f"nothing can be recorded to {self._out}: {reason}; choose another folder (out), "
                f"or {remedy}"
            ) from error
        return self._writing.folder

    def free_bytes(self) -> int:
        """What is free on the disk of the recordings."""
        there = next(
            path for path in (self._out, *self._out.absolute().parents) if os.path.exists(path)
        )
        return shutil.disk_usage(there).free

    def little_space(self) -> str | None:
        """What to say when the disk is nearly full; None while it is not."""
        free = self.free_bytes()
        if free >= MIN_FREE_BYTES:
            return None
        return (
            f"{free / 1e9:.1f} GB are free at {self._out}, expected at least "
            f"{MIN_FREE_BYTES / 1e9:.1f} GB: free some space, or choose another folder"
        )

    def _begun(self, folder: Path) -> _Writing:
        try:
            with bag_errors():
                bag = self._open_bag(folder, self._attachments)
            for topic in self._topics:
                bag.add_topic(topic)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return _Writing(bag, self._types, self._cache_bytes)

    def write(self, topic: str, data: bytes, log_ns: int) -> None:
        """Takes in one serialized message; ignored between episodes."""
        if self._writing is not None:
            self._writing.put(topic, data, log_ns)

    def stop(self) -> Recording:
        """Ends the episode and completes its bag. Raises ConfigurationError if there is none."""
        writing = self._take()
        writing.finish()
        return Recording(
            writing.folder, writing.timeline, writing.messages, writing.dropped, writing.problem
        )

    def discard(self, for_good: bool = False) -> Path:
        """Ends the episode and moves it to the bin, or deletes it where nobody would look for it.

        Raises ConfigurationError if there is none.
        """
        writing = self._take()
        writing.finish()
        if for_good:
            shutil.rmtree(writing.folder)
        else:
            to_bin(writing.folder)
        return writing.folder

    def delete(self, folder: Path) -> None:
        """Moves an episode that was kept to the bin. ValueError for one that is none of ours."""
        if folder.parent != self._out:
            raise ValueError(f"{folder} is not in {self._out}")
        to_bin(folder)

    def _take(self) -> _Writing:
        if self._writing is None:
            raise ConfigurationError("nothing is being recorded")
        writing, self._writing = self._writing, None
        return writing


class _Writing:
    """One episode in progress: the cache and the thread behind it."""

    def __init__(self, bag: BagWriter, types: Mapping[str, str], cache_bytes: int) -> None:
        self.folder = bag.folder
        self.timeline = Timeline()
        self.messages = 0
        self.dropped = 0
        self.problem: str | None = None
        self._bag = bag
        self._types = types
        self._limit = cache_bytes
        self._cached = 0
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[BagMessage | None] = queue.SimpleQueue()
        # A daemon: a recorder that dies of something else must not stay because of this thread.
        self._thread = threading.Thread(target=self._run, name="bag writer", daemon=True)
        self._thread.start()

    def put(self, topic: str, data: bytes, log_ns: int) -> None:
        with self._lock:
            if self._cached + len(data) > self._limit or self.problem is not None:
                self.dropped += 1
                return
            self._cached += len(data)
        self._queue.put(BagMessage(topic, self._types[topic], data, log_ns))

    def finish(self) -> None:
        """Writes what is cached and completes the bag; what stands against it is `problem`."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        flushed = time.monotonic()
        try:
            while True:
                try:
                    message = self._queue.get(timeout=FLUSH_S)
                    if message is None:
                        break
                    self._bag.write(message.topic, bytes(message.data), message.log_ns)
                    self.timeline.add(message)
                    self.messages += 1
                    with self._lock:
                        self._cached -= len(message.data)
                except queue.Empty:
                    pass
                if time.monotonic() - flushed >= FLUSH_S:
                    self._bag.flush()
                    flushed = time.monotonic()
            self._bag.close()
        except OSError as error:  # above all: no space left
            self._give_up(error.strerror or str(error))
        except BaseException as error:
            self._give_up(f"a fault of the recorder ({error!r})")
            raise

    def _give_up(self, why: str) -> None:
        self.problem = (
            f"{why}; what came before is kept, for a whole bag: act-record repair {self.folder}"
        )
        self._bag.abandon()


def new_folder(out: Path) -> Path:
    """Makes the next episode's folder, which no other recorder has."""
    while True:
        folder = out / f"episode_{next_number(out):06d}"
        with suppress(FileExistsError):  # another recorder was quicker
            folder.mkdir()
            return folder


def to_bin(folder: Path) -> Path:
    """Moves an episode to the bin beside it; returns where it is now."""
    place = folder.parent / BIN
    place.mkdir(exist_ok=True)
    target, number = place / folder.name, 1
    while target.exists():  # one of that name that was trimmed, or restored from elsewhere
        number += 1
        target = place / f"{folder.name}.{number}"
    folder.rename(target)
    return target


def next_number(out: Path) -> int:
    """The number after the highest of the episodes in a folder and in its bin."""
    there = (*out.glob("episode_*"), *out.glob(f"{BIN}/episode_*"))
    found = (re.match(r"episode_(\d+)(?:\.|$)", path.name) for path in there)
    return max((int(match[1]) for match in found if match), default=-1) + 1


def write_outcome(folder: Path, **values: Any) -> None:
    """Adds to ``episode.json`` beside a bag: task, success, reason, verdict ...

    Raises ConfigurationError for one that is damaged: what a person wrote there is not replaced.
    """
    path = folder / OUTCOME_FILE
    known = read_json(path) if path.is_file() else {}
    if not isinstance(known, dict):
        raise ConfigurationError(f"'{path}' is damaged: it holds no object")
    write_json(path, {**known, **values})
