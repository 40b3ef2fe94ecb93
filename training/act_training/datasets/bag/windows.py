"""Where the episodes are in a recording, and on which clock."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from act_core.timing import to_ns
from act_record.episode_watch import Began, EpisodeWatch
from act_record.timeline import Sample, Status, Timeline

from act_training.datasets.errors import DatasetError

TAIL_S = 0.25  # that an episode goes on after it was judged, as `act-collect --tail-s`
CLOCKS_APART_S = 1.0  # two times that differ by more were told by two clocks


class Window(NamedTuple):
    """One episode of a recording, in log times; the arm may rest at its beginning."""

    start_ns: int
    end_ns: int
    task: str  # "" where nobody said
    success: bool | None


def windows(timeline: Timeline) -> list[Window]:
    """The episodes that `episode/status` tells of, or else the whole recording as one."""
    watch = EpisodeWatch()
    found: list[Window] = []
    begun: tuple[int, str] | None = None
    for status in timeline.statuses:
        for event in watch.update(status.values):
            if isinstance(event, Began):
                begun = status.log_ns, event.task
            elif begun is not None:
                tail_ns = 0 if event.success is None else to_ns(TAIL_S)
                found.append(Window(begun[0], status.log_ns + tail_ns, begun[1], event.success))
                begun = None
    if begun is not None:
        found.append(Window(begun[0], timeline.last_ns, begun[1], None))
    return found or [Window(0, timeline.last_ns, "", None)]


def on_one_clock(timeline: Timeline) -> tuple[Timeline, str | None]:
    """The recording with log times on the clock of the stamps, and a note where that was needed.

    A recorder may tell the time by another clock than the robot (simulated time; a computer whose
    clock was set meanwhile). How old a message was when it came is then unknown: the newest stamp
    so far takes the place of the time. Raises DatasetError for streams on different clocks.
    """
    delays: dict[str, list[int]] = {}
    for event in timeline.events:
        stream = "joint_states" if isinstance(event, Sample) else f"camera '{event.camera}'"
        delays.setdefault(stream, []).append(event.log_ns - event.stamp_ns)
    for topic, samples in timeline.commands.items():
        delays[topic] = [sample.log_ns - sample.stamp_ns for sample in samples]
    typical_s = {stream: float(np.median(values)) / 1e9 for stream, values in delays.items()}
    if not typical_s:
        return timeline, None
    low, high = (
        min(typical_s, key=lambda s: typical_s[s]),
        max(typical_s, key=lambda s: typical_s[s]),
    )
    if typical_s[high] - typical_s[low] > CLOCKS_APART_S:
        raise DatasetError(
            f"{low} and {high} are stamped by different clocks, "
            f"{typical_s[high] - typical_s[low]:.1f} s apart"
        )
    if abs(typical_s[low]) <= CLOCKS_APART_S and abs(typical_s[high]) <= CLOCKS_APART_S:
        return timeline, None
    newest_ns, events, known = 0, [], []
    for event in timeline.events:
        newest_ns = max(newest_ns, event.stamp_ns)
        known.append((event.log_ns, newest_ns))
        events.append(event._replace(log_ns=newest_ns))
    logs = np.array([log_ns for log_ns, _ in known])

    def moved(log_ns: int) -> int:
        return known[max(0, int(np.searchsorted(logs, log_ns, side="right")) - 1)][1]

    statuses = [Status(moved(status.log_ns), status.values) for status in timeline.statuses]
    aligned = replace(
        timeline, events=events, statuses=statuses, first_ns=events[0].log_ns, last_ns=newest_ns
    )
    return aligned, (
        f"received on another clock, {typical_s[low]:.1f} s from the stamps: "
        "ages of messages could not be checked"
    )
