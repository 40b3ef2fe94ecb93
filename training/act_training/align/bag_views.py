"""Views of the board from a bag: pictures at rest, with the joint angles of then."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from act_core.camera_alignment import BASE, GRIPPER
from act_core.errors import ConfigurationError, suggest
from act_core.joints import JointMatcher
from act_core.timing import to_ns
from act_core.topics import JOINT_STATES
from act_record import cdr
from act_record.bag_reader import Bag, open_bag
from act_sim.arm_model import ARM
from act_sim.calibration_board import Board, Sighting
from numpy.typing import NDArray
from tqdm import tqdm

from act_training.align.solve import Camera, View

Array = NDArray[np.float64]
Stamps = NDArray[np.int64]

LOOK_EVERY_S = 0.25
STILL_S = 0.35  # before a picture: longer than cameras are late
STILL_RAD = 0.01  # seven steps of a servo's encoder, which a hand at rest does not turn
STILL_PX = 2.5  # a board that is held moves less between two looks
SAME_PX, SAME_RAD = 8.0, 0.04  # a view that differs by less tells nothing new
MOST_VIEWS = 40  # of a camera; those farthest apart in time are kept
_PREFIX, _RAW, _JPEG = "camera/", "/image_raw", "/image_raw/compressed"


class Pictures(NamedTuple):
    """Of one camera: topic, and the stamps (N,) [ns] of its pictures in the bag's order."""

    topic: str
    stamps: Stamps


class Look(NamedTuple):
    """One picture with the board: a sighting, the arm's angles (6,) and whether the arm rested."""

    stamp_ns: int
    sighting: Sighting
    joints_rad: Array
    arm_still: bool


class BagViews(NamedTuple):
    """What `read_views` found: cameras, their views, and a picture of each with the angles."""

    cameras: list[Camera]
    views: list[View]
    examples: dict[str, tuple[NDArray[np.uint8], Array]]


def read_views(
    path: Path,
    board: Board,
    names: Sequence[str] = (),
    on_gripper: Sequence[str] = ("wrist",),
    board_on: str = BASE,
    namespace: str = "",
) -> BagViews:
    """Looks through a bag. Raises ConfigurationError (BagError for what is no bag) with what is
    missing in it: joint states, pictures, a camera of that name, or the board."""
    bag = open_bag(path)
    prefix = f"/{namespace.strip('/')}/" if namespace.strip("/") else "/"
    joints, pictures = _scan(bag, prefix)
    chosen = list(names) or sorted(pictures)
    for name in chosen:
        if name not in pictures:
            raise ConfigurationError(suggest(f"camera in {path.name}", name, sorted(pictures)))
    cameras, views, examples = [], [], {}
    rest_ns = 0
    # Those that do not move with the board first: they tell since when it lies still.
    mounts = {name: GRIPPER if name in on_gripper else BASE for name in chosen}
    for name in sorted(chosen, key=lambda each: mounts[each] != board_on):
        looks, size, example = _look(bag, name, pictures[name], joints, board)
        camera = Camera(name, mounts[name], *size)
        if not looks:
            raise ConfigurationError(
                f"camera {name}: the board is in none of the {len(pictures[name].stamps)} pictures "
                "(or too far away, blurred or half hidden there): print it with --print, flat and "
                "whole, 20 to 60 cm away, in good light"
            )
        if camera.mounted_on == board_on and board_on == BASE:
            found, since_ns = _before_still_camera(name, looks)
            rest_ns = max(rest_ns, since_ns)  # of several such cameras, the last that saw it moved
        else:
            found = _by_moving_arm(name, looks, rest_ns)
        cameras.append(camera)
        views += found
        examples[name] = example
    return BagViews(cameras, views, examples)


def _scan(bag: Bag, prefix: str) -> tuple[tuple[Stamps, Array], dict[str, Pictures]]:
    """Joint states, and when there are pictures of which camera."""
    matcher = JointMatcher(ARM.joint_names)
    stamps: list[int] = []
    angles: list[Array] = []
    pictures: dict[str, tuple[str, list[int]]] = {}
    there: set[str] = set()
    for message in bag.messages():
        there.add(message.topic)
        name = message.topic.removeprefix(prefix)
        if name == JOINT_STATES.name:
            try:
                state = cdr.read_joints(message.data)
                reading = matcher.read(state.names, state.position.tolist(), ())
            except ValueError as error:
                raise ConfigurationError(
                    f"{bag.path}: {message.topic} is not of an SO-101: {error}"
                ) from error
            stamps.append(state.stamp_ns)
            angles.append(reading.position)
        elif name.startswith(_PREFIX) and name.endswith((_RAW, _JPEG)):
            camera = name.split("/")[1]
            topic, seen = pictures.setdefault(camera, (message.topic, []))
            if topic == message.topic:  # raw and JPEG of the same picture: the first that came
                seen.append(cdr.stamp_ns(message.data))
    listed = ", ".join(sorted(there)) or "none"
    if len(stamps) < 2:
        raise ConfigurationError(f"{bag.path} has no {prefix}{JOINT_STATES.name}; topics: {listed}")
    if not pictures:
        raise ConfigurationError(
            f"{bag.path} has no pictures ({prefix}camera/<name>/image_raw); topics: {listed}"
        )
    at, order = np.unique(np.array(stamps, dtype=np.int64), return_index=True)
    for name, (_, seen) in pictures.items():
        if max(seen) < at[0] or min(seen) > at[-1]:
            raise ConfigurationError(
                f"{bag.path}: stamps from two clocks: none of camera {name} is within those of "
                f"{JOINT_STATES.name}; all nodes need the same use_sim_time"
            )
    found = {
        name: Pictures(topic, np.array(seen, dtype=np.int64))
        for name, (topic, seen) in pictures.items()
    }
    return (at, np.array(angles)[order]), found


def _look(
    bag: Bag, name: str, pictures: Pictures, joints: tuple[Stamps, Array], board: Board
) -> tuple[list[Look], tuple[int, int], tuple[NDArray[np.uint8], Array]]:
    """Every `LOOK_EVERY_S`, for the board; (width, height); the picture with most corners."""
    wanted = _every(pictures.stamps, to_ns(LOOK_EVERY_S))
    looks: list[Look] = []
    size: tuple[int, int] | None = None
    best, example = -1, None
    number = -1
    with tqdm(total=len(wanted), desc=f"looking for the board: {name}", unit="picture") as bar:
        for message in bag.messages():
            if message.topic != pictures.topic:
                continue
            number += 1
            if number not in wanted:
                continue
            bar.update()
            image = cdr.read_image(message.data, message.type_name)
            height, width = image.shape[:2]
            if size not in (None, (width, height)):
                raise ConfigurationError(
                    f"camera {name}: pictures of {size[0]}x{size[1]} and of {width}x{height} in "
                    "one bag"
                )
            size = (width, height)
            stamp = int(pictures.stamps[number])
            angles, still = _joints_at(joints, stamp)
            sighting = board.find(image)
            if sighting is None or angles is None:
                continue
            looks.append(Look(stamp, sighting, angles, still))
            if still and len(sighting.ids) >= best:
                best, example = len(sighting.ids), (image.copy(), angles)
            elif example is None:
                example = (image.copy(), angles)
    assert size is not None
    if example is None:
        example = (np.zeros((size[1], size[0], 3), np.uint8), np.zeros(len(ARM.joints)))
    return looks, size, example


def _every(stamps: Stamps, period_ns: int) -> set[int]:
    """Indices of pictures that are so far apart in time."""
    chosen, last = set(), None
    for index, stamp in enumerate(stamps):
        if last is None or abs(int(stamp) - last) >= period_ns:
            chosen.add(index)
            last = int(stamp)
    return chosen


def _joints_at(joints: tuple[Stamps, Array], stamp: int) -> tuple[Array | None, bool]:
    """Angles (6,) at a time, and whether the arm rested before it; None where nothing is told."""
    stamps, angles = joints
    window = to_ns(STILL_S)
    first, behind = np.searchsorted(stamps, [stamp - window, stamp + window // 4])
    if behind - first < 2:
        return None, False
    near = angles[first:behind]
    arm = near[:, :-1]  # the gripper moves neither cameras nor the board
    still = bool((np.ptp(arm, axis=0) < STILL_RAD).all())
    return np.median(near, axis=0), still


def _before_still_camera(name: str, looks: Sequence[Look]) -> tuple[list[View], int]:
    """Views of a board that is shown around and then laid down, and since when it lies [ns]."""
    last = looks[-1].sighting
    at = len(looks) - 1
    while at > 0 and _moved_px(looks[at - 1].sighting, last) < STILL_PX:
        at -= 1
    resting = looks[at:]
    shown: list[Look] = []
    for before, look in pairwise(looks[:at]):
        held = _moved_px(before.sighting, look.sighting) < STILL_PX
        new = all(_moved_px(look.sighting, other.sighting) > SAME_PX for other in shown)
        if held and new:
            shown.append(look)
    views = [
        View(name, look.sighting.ids, look.sighting.pixels, look.joints_rad, False, look.stamp_ns)
        for look in _spread(shown)
    ]
    views += [
        View(name, look.sighting.ids, look.sighting.pixels, look.joints_rad, True, look.stamp_ns)
        for look in _spread(resting)
    ]
    return views, looks[at].stamp_ns


def _by_moving_arm(name: str, looks: Sequence[Look], rest_ns: int) -> list[View]:
    """Views from poses at which the arm rested, each pose once."""
    kept: list[Look] = []
    for look in looks:
        if not look.arm_still or look.stamp_ns < rest_ns:
            continue
        if all(np.abs(look.joints_rad - other.joints_rad)[:-1].max() > SAME_RAD for other in kept):
            kept.append(look)
    if not kept:
        moving = sum(not look.arm_still for look in looks)
        raise ConfigurationError(
            f"camera {name}: it saw the board {len(looks)} times, never with the arm at rest and "
            f"the board where it stayed ({moving} times the arm moved): rest for a second at each "
            "pose"
        )
    return [
        View(name, look.sighting.ids, look.sighting.pixels, look.joints_rad, True, look.stamp_ns)
        for look in _spread(kept)
    ]


def _spread(looks: Sequence[Look]) -> list[Look]:
    """At most `MOST_VIEWS` of them, evenly."""
    if len(looks) <= MOST_VIEWS:
        return list(looks)
    return [looks[i] for i in np.linspace(0, len(looks) - 1, MOST_VIEWS).astype(int)]


def _moved_px(before: Sighting, after: Sighting) -> float:
    """How far the common corners moved, the median; infinity without three of them."""
    common, first, second = np.intersect1d(before.ids, after.ids, return_indices=True)
    if len(common) < 3:
        return float("inf")
    return float(np.median(np.linalg.norm(before.pixels[first] - after.pixels[second], axis=1)))
