"""The episodes in a folder: what there is of them, and what a person does with them afterwards.

Nothing is gone before the bin is emptied: what is discarded, trimmed or taken out moves to the
folder ``.bin`` beside the episodes, where no other command looks for bags.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from act_core.errors import ConfigurationError
from act_core.timing import NS_PER_S
from numpy.typing import NDArray
from rosbag_lite import BagWriter
from rosbag_lite.definitions import definition

from act_record import cdr
from act_record.bag_reader import Bag, BagError, bag_errors, find_bags, is_kept, open_bag
from act_record.contract import read_contract
from act_record.episode_recorder import BIN, to_bin, write_outcome
from act_record.film import Film, compose
from act_record.timeline import Timeline, camera_of
from act_record.verdict import judge

TRANSIENT_LOCAL = 1  # RMW_QOS_POLICY_DURABILITY_TRANSIENT_LOCAL of rmw/types.h
MODIFIED_Z = 3.5  # Iglewicz and Hoaglin (1993), "How to detect and handle outliers": above, unusual
FILM_SIZE = (640, 480)
FEWEST = 8  # episodes, before any of them can be called unusual
FIGURES = {"length_s": "long", "jerk_rad_s3": "jerky", "idle": "idle"}


@dataclass(frozen=True)
class Episode:
    """One recording and what was said of it.

    outcome: of ``episode.json``; empty where there is none.
    problem: why it cannot be used as it is; "" for one that can.
    """

    folder: Path
    size_bytes: int
    outcome: Mapping[str, Any]
    problem: str = ""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def verdict(self) -> Mapping[str, Any]:
        found = self.outcome.get("verdict")
        return found if isinstance(found, dict) else {}

    @property
    def keep(self) -> bool:
        """What a person said, else the verdict."""
        return is_kept(self.outcome) and not self.problem

    @property
    def said(self) -> str:
        """kept, redo or failed, as a person counts them."""
        if not self.keep:
            return "redo"
        return "failed" if self.outcome.get("success") is False else "kept"


def episodes_in(out: Path) -> list[Episode]:
    """All episodes of a folder, in the order of their names; none for an empty one."""
    if not out.is_dir():
        raise BagError(f"there is no folder {out}")
    try:
        folders = find_bags([out])
    except BagError:
        return []
    return [_episode(folder) for folder in folders if folder.is_dir()]


def unusual(episodes: Sequence[Episode]) -> dict[str, list[str]]:
    """Name -> in what an episode stands out among those that are kept: its length, jerk, idle time.

    By the modified z-score, 0.6745 (x - median) / median absolute deviation, above 3.5, which a few
    odd ones do not spoil. Fewer than `FEWEST` episodes tell nothing.
    """
    kept = [episode for episode in episodes if episode.keep]
    found: dict[str, list[str]] = {}
    if len(kept) < FEWEST:
        return found
    for figure, word in FIGURES.items():
        values = np.array([float(e.verdict.get(figure) or 0.0) for e in kept])
        middle = float(np.median(values))
        spread = float(np.median(np.abs(values - middle)))
        if spread == 0.0:
            continue
        for episode, value in zip(kept, values, strict=True):
            score = 0.6745 * (value - middle) / spread
            if abs(score) > MODIFIED_Z:
                text = word if score > 0 else f"not {word}"
                found.setdefault(episode.name, []).append(f"{text}: {value:.3g} ({middle:.3g})")
    return found


def trash(folder: Path) -> Path:
    """Moves an episode to the bin; returns where it is now."""
    _check_episode(folder)
    return to_bin(folder)


def restore(out: Path, name: str) -> Path:
    """Takes an episode out of the bin again; one that is there in its place goes in instead."""
    binned = out / BIN / name
    if not binned.is_dir() or "/" in name:
        there = ", ".join(in_bin(out)) or "nothing"
        raise ConfigurationError(f"there is no {name} in {out / BIN}; in the bin: {there}")
    target = out / re.sub(r"\.\d+$", "", name)
    if target.exists():
        to_bin(target)
    binned.rename(target)
    return target


def in_bin(out: Path) -> list[str]:
    """Names of the episodes in the bin."""
    return sorted(path.name for path in (out / BIN).glob("*") if path.is_dir())


def empty_bin(out: Path) -> int:
    """Deletes what is in the bin, for good; returns how many episodes that were."""
    names = in_bin(out)
    shutil.rmtree(out / BIN, ignore_errors=True)
    return len(names)


def relabel(folder: Path, **values: Any) -> None:
    """Changes what is said of an episode: ``success``, ``task``, ``keep``."""
    _check_episode(folder)
    write_outcome(folder, **values)


def trim(folder: Path, begin_s: float, end_s: float | None = None) -> Path:
    """Cuts an episode to the time from ``begin_s`` to ``end_s``, both since its first message.

    What was latched before, such as who owned the arm, stays. The episode as it was goes to the
    bin; returns where it is there. Raises ConfigurationError for a time that leaves nothing.
    """
    bag = open_bag(folder)
    _check_episode(folder)
    timeline = Timeline.of(bag)
    length_s = timeline.length_s
    end_s = length_s if end_s is None else end_s
    if not (0.0 <= begin_s < end_s) or begin_s >= length_s:
        raise ConfigurationError(
            f"{folder.name} is {length_s:.1f} s long: nothing of it is between {begin_s:g} and "
            f"{end_s:g} s"
        )
    new = folder.parent / BIN / f"{folder.name}.trimmed"
    shutil.rmtree(new, ignore_errors=True)
    first_ns = timeline.first_ns + round(begin_s * NS_PER_S)
    _copy(bag, new, folder.name, first_ns, timeline.first_ns + round(end_s * NS_PER_S))
    copied = open_bag(new)
    verdict = judge(Timeline.of(copied), read_contract(copied.attachments()).get("rate_hz"))
    relabel(new, **{**bag.outcome(), "verdict": verdict.as_values(), "trimmed_s": [begin_s, end_s]})
    old = to_bin(folder)
    new.rename(folder)
    return old


def _copy(bag: Bag, new: Path, name: str, first_ns: int, last_ns: int) -> None:
    """The messages of a time, and before it the newest of each latched topic."""
    with bag_errors():
        known = bag.contents().topics
        latched = {topic.name for topic in known if any(map(_is_latched, topic.qos))}
        writer = BagWriter(new, bag.attachments(), file_name=f"{name}_0.mcap")
        for topic in known:
            writer.add_topic(replace(topic, definition=definition(topic.type)))
        before: dict[str, bytes] = {}
        for message in bag.messages(by_time=True):
            if message.log_ns > last_ns:
                continue
            if message.log_ns >= first_ns:
                for topic_name, data in before.items():
                    writer.write(topic_name, data, first_ns)
                before.clear()
                writer.write(message.topic, bytes(message.data), message.log_ns)
            elif message.topic in latched:
                before[message.topic] = bytes(message.data)
        writer.close()


def _is_latched(profile: Mapping[str, Any]) -> bool:
    return profile.get("durability") in (TRANSIENT_LOCAL, "transient_local")


def _episode(folder: Path) -> Episode:
    size = sum(path.stat().st_size for path in folder.glob("*") if path.is_file())
    try:
        return Episode(folder, size, open_bag(folder).outcome())
    except BagError as error:
        return Episode(folder, size, {}, str(error))


def film(folder: Path, out: Path) -> Path | None:
    """Writes an episode as a film of 640x480, one camera large and the others small in it.

    Returns the file; None for an episode without pictures. ``out``: folder of the films.
    """
    bag = open_bag(folder)
    outcome = bag.outcome()
    success = outcome.get("success")
    said = "not judged" if success is None else "success" if success else "failure"
    made = Film(out / f"{folder.name}.mp4")
    newest: dict[str, NDArray[np.uint8]] = {}
    first_ns = None
    raw = {topic.name for topic in bag.contents().topics if topic.type == cdr.IMAGE}
    for message in bag.messages(by_time=True):
        camera = camera_of(message.topic.lstrip("/"), message.type_name)
        if camera is None or message.topic.removesuffix("/compressed") in raw - {message.topic}:
            continue
        try:
            newest[camera] = cdr.read_image(message.data, message.type_name)
        except ValueError:
            continue  # a damaged one
        first_ns = message.log_ns if first_ns is None else first_ns
        if camera != min(newest):
            continue
        seconds = (message.log_ns - first_ns) / NS_PER_S
        pictures = [cv2.resize(newest[name], FILM_SIZE).astype(np.uint8) for name in sorted(newest)]
        made.add(message.log_ns, compose(pictures, f"{folder.name}  {seconds:.1f} s  {said}"))
    made.close()
    return made.path if made.frames else None


def _check_episode(folder: Path) -> None:
    if not folder.is_dir():
        raise ConfigurationError(f"there is no episode {folder}")
    if not any(folder.glob("*.mcap")) and not any(folder.glob("*.db3*")):
        raise ConfigurationError(f"{folder} is no episode: there is no bag in it")
