"""What a recording holds, without its pictures: when everything was and came, joints, commands.

Made while an episode is recorded, or from a bag; the verdict and the conversion to a dataset both
work from it.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
from act_core import topics
from act_core.arbiter import NOBODY, PERSON
from act_core.joints import JointMerger
from act_core.robots import known_joints
from act_core.timing import NS_PER_S
from numpy.typing import NDArray
from rosbag_lite import BagMessage

from act_record import cdr
from act_record.bag_reader import Bag

MEASURED = topics.JOINT_STATES.name
COMMANDED = topics.JOINT_COMMANDS.name
APPLIED = topics.JOINT_COMMANDS_APPLIED.name
T = TypeVar("T")
REORDERED_NS = 10 * NS_PER_S


class Sample(NamedTuple):
    """A joint message: what it is about, when it was received, and its values."""

    stamp_ns: int  # its own; when it was received, where nobody stamped it
    log_ns: int
    names: tuple[str, ...]
    position: NDArray[np.float64]  # (J,) rad, in the order of its names
    velocity: NDArray[np.float64]  # (J,) rad/s, or (0,): a message need not tell them

    @property
    def is_whole(self) -> bool:
        """Whether it tells one finite position of each of its joints."""
        return len(set(self.names)) == len(self.names) == len(self.position) > 0 and bool(
            np.isfinite(self.position).all()
        )

    def ordered(self, joints: Sequence[str]) -> NDArray[np.float64]:
        """The values of ``joints``, by name. ValueError as `act_core.ros.read_joints` raises it."""
        if len(set(self.names)) != len(self.names) or len(self.position) != len(self.names):
            raise ValueError(f"names {self.names} do not fit {len(self.position)} positions")
        return self.position[[self.names.index(name) for name in joints]]

    def ordered_velocity(self, joints: Sequence[str]) -> NDArray[np.float64] | None:
        """Those of ``joints``, by name; None unless the message tells all of them, in numbers."""
        if len(self.velocity) != len(self.names) or not set(joints) <= set(self.names):
            return None
        values = self.velocity[[self.names.index(name) for name in joints]]
        return values if np.isfinite(values).all() else None


class Frame(NamedTuple):
    """An image message; ``number`` counts the image messages of the whole recording."""

    stamp_ns: int
    log_ns: int
    camera: str
    number: int
    compressed: bool


class Owner(NamedTuple):
    """Who owned the arm from a time on; see `act_core.arbiter`."""

    since_ns: int  # ROS time, as the stamps of the arm's messages
    owner: str


class Status(NamedTuple):
    """A message of `episode/status`."""

    log_ns: int
    values: Mapping[str, str]


@dataclass
class Timeline:
    """Everything in the order of arrival.

    ``events`` holds measured joints and images as one sequence, the way a synchroniser takes them:
    by log times, because a recorder in simulated time may be handed a message late. Where log times
    go back further than `REORDERED_NS`, a clock was set, and the order of the file is kept.
    """

    events: list[Sample | Frame] = field(default_factory=list)
    commands: dict[str, list[Sample]] = field(default_factory=dict)  # by topic
    statuses: list[Status] = field(default_factory=list)
    owners: list[Owner] = field(default_factory=list)  # by time
    image_sizes: dict[str, tuple[int, int]] = field(default_factory=dict)  # camera: first image's
    raw_cameras: set[str] = field(default_factory=set)  # those with raw images
    counts: Counter[str] = field(default_factory=Counter)  # messages by topic
    damaged: Counter[str] = field(default_factory=Counter)  # of them, those that cannot be read
    first_ns: int = 0  # log times
    last_ns: int = 0
    _images: int = 0

    @classmethod
    def of(cls, bag: Bag) -> Timeline:
        """The timeline of a bag."""
        timeline = cls()
        for message in bag.messages():
            timeline.add(message)
        timeline.merge_parts()
        return timeline

    @property
    def length_s(self) -> float:
        return (self.last_ns - self.first_ns) / 1e9

    @property
    def cameras(self) -> tuple[str, ...]:
        """Those with at least one image, sorted."""
        return tuple(sorted(self.image_sizes))

    def joints(self) -> list[Sample]:
        return [event for event in self.events if isinstance(event, Sample)]

    def merge_parts(self) -> None:
        """Joint messages that tell of one arm of several each become messages of all arms, as the
        policy node merges them; see `act_core.joints.JointMerger`. Others stay as they are."""
        self.events = _merged(self.events)
        self.commands = {topic: _merged(samples) for topic, samples in self.commands.items()}

    def frames(self, camera: str) -> list[Frame]:
        """The images of a camera: the raw ones where it was recorded both ways."""
        return [
            e for e in self.events
            if isinstance(e, Frame) and e.camera == camera and not self.is_second_copy(e)
        ]  # fmt: skip

    def is_second_copy(self, frame: Frame) -> bool:
        """Whether this is a JPEG of an image that was recorded raw as well."""
        return frame.compressed and frame.camera in self.raw_cameras

    def owner_at(self, stamp_ns: int) -> str:
        """Who owned the arm at a time of its own clock; "" where the recording does not tell."""
        newest = bisect_right(self.owners, stamp_ns, key=lambda owner: owner.since_ns) - 1
        return self.owners[newest].owner if newest >= 0 else ""

    def followed(self, topic: str = COMMANDED) -> list[Sample]:
        """The commands on a topic that the arm followed, by their stamps.

        While a person had the arm, and while it held because of one, what the policy went on
        sending was not followed: what was applied then stands in its place.
        """
        own = self.commands.get(topic, [])
        if not {owner.owner for owner in self.owners} & {PERSON, NOBODY}:
            return own
        others = self.commands.get(APPLIED, [])
        found = [s for s in own if self.owner_at(s.stamp_ns) not in (PERSON, NOBODY)]
        found += [s for s in others if self.owner_at(s.stamp_ns) in (PERSON, NOBODY)]
        return sorted(found, key=lambda sample: sample.stamp_ns)

    def add(self, message: BagMessage) -> None:
        """Takes in one message, whatever its topic."""
        topic, log_ns = message.topic.lstrip("/"), message.log_ns
        self.first_ns = min(self.first_ns, log_ns) if self.counts else log_ns
        self.last_ns = max(self.last_ns, log_ns)
        self.counts[topic] += 1
        try:
            if message.type_name == cdr.JOINT_STATE:
                self._add_joints(topic, message)
            elif (camera := camera_of(topic, message.type_name)) is not None:
                self._add_image(camera, message)
            elif topic == topics.EPISODE_STATUS.name:
                self.statuses.append(Status(log_ns, cdr.read_status(message.data)))
            elif topic == topics.CONTROL_OWNER.name:
                self._add_owner(cdr.read_status(message.data))
        except ValueError:
            self.damaged[topic] += 1

    def _add_owner(self, values: Mapping[str, str]) -> None:
        owner = Owner(int(values.get("since_ns", "0")), values.get("owner", ""))
        if owner not in self.owners:  # a latched message is recorded again in each episode
            insort(self.owners, owner, key=lambda other: other.since_ns)

    def _add_joints(self, topic: str, message: BagMessage) -> None:
        read = cdr.read_joints(message.data)
        stamp_ns = read.stamp_ns or message.log_ns
        sample = Sample(stamp_ns, message.log_ns, read.names, read.position, read.velocity)
        if topic == MEASURED:
            self._add_event(sample)
        else:
            self.commands.setdefault(topic, []).append(sample)

    def _add_image(self, camera: str, message: BagMessage) -> None:
        number = self._images
        self._images += 1  # also where it cannot be read: whoever reads the bag again counts alike
        compressed = message.type_name == cdr.COMPRESSED_IMAGE
        frame = Frame(cdr.stamp_ns(message.data), message.log_ns, camera, number, compressed)
        if not compressed:
            self.raw_cameras.add(camera)
        if camera not in self.image_sizes:
            self.image_sizes[camera] = cdr.image_size(message.data, message.type_name)
        self._add_event(frame)

    def _add_event(self, event: Sample | Frame) -> None:
        place = len(self.events)
        while place and 0 < self.events[place - 1].log_ns - event.log_ns < REORDERED_NS:
            place -= 1
        self.events.insert(place, event)


def _merged(events: Sequence[T]) -> list[T]:
    """The same, with the joint messages among them merged; see `Timeline.merge_parts`."""
    parts = {event.names for event in events if isinstance(event, Sample) and event.is_whole}
    joints = [name for names in parts for name in names]
    if len(parts) < 2 or len(set(joints)) < len(joints):
        return list(events)
    merger = JointMerger(tuple(known_joints(joints)) or sorted(joints))
    found: list[Any] = []
    for event in events:
        if not isinstance(event, Sample) or not event.is_whole:
            found.append(event)
        elif whole := merger.add(event.names, event.position, event.velocity, event.stamp_ns):
            stamp_ns, (position, velocity) = whole
            speed = np.empty(0) if velocity is None else velocity
            found.append(Sample(stamp_ns, event.log_ns, merger.wanted, position, speed))
    return found


def camera_of(topic: str, type_name: str) -> str | None:
    """The camera of an image topic without its leading slash; None for any other topic."""
    parts = topic.split("/")
    if type_name not in (cdr.IMAGE, cdr.COMPRESSED_IMAGE) or len(parts) < 2:
        return None
    known = {topics.camera_image(parts[1]).name, topics.camera_compressed(parts[1]).name}
    return parts[1] if topic in known else None


def series(
    samples: Sequence[Sample], joints: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Stamps (T,) [ns], rising, and the values (T, J) of ``joints`` then.

    Messages that do not hold them are left out; of two with one stamp, the later one counts.
    """
    rows = {}
    for sample in samples:
        with suppress(ValueError):
            rows[sample.stamp_ns] = sample.ordered(joints)
    stamps_ns = sorted(rows)
    values = np.array([rows[stamp_ns] for stamp_ns in stamps_ns])
    return np.array(stamps_ns, dtype=np.int64), values.reshape(len(stamps_ns), len(joints))
