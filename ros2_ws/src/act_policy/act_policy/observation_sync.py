"""Makes observations of one instant from streams that each have their own clock tick.

The same calls in the same order give the same observations, bit for bit: a recording that is
replayed through this class yields what the policy saw when it was recorded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from act_core.errors import suggest
from act_core.policy_spec import PolicySpec
from act_core.timing import NS_PER_S, to_ns
from numpy.typing import ArrayLike, NDArray

from act_policy.observation import Observation

Payload = TypeVar("Payload")

JOINTS = "joints"

# A stamp that is so much older than its predecessor means that the clock went back (a bag that
# starts again, a simulation that restarts), not that a message overtook another.
CLOCK_JUMP_S = 0.5


class MissingStream(NamedTuple):
    """Nothing has ever come from these streams."""

    streams: tuple[str, ...]

    def __str__(self) -> str:
        return f"nothing from {', '.join(self.streams)} yet"


class TooOld(NamedTuple):
    """A stream has gone quiet."""

    stream: str
    age_s: float
    limit_s: float

    def __str__(self) -> str:
        return f"newest of {self.stream} is {self.age_s:.2f} s old (limit {self.limit_s:g} s)"


class SkewTooLarge(NamedTuple):
    """Two streams have nothing from about the same time."""

    stream: str
    other: str
    skew_s: float
    limit_s: float

    def __str__(self) -> str:
        return (
            f"{self.stream} and {self.other} are {1e3 * self.skew_s:.0f} ms apart "
            f"(limit {1e3 * self.limit_s:g} ms)"
        )


class NothingNew(NamedTuple):
    """All is well: the next observation is not complete yet."""

    waiting_for: str

    def __str__(self) -> str:
        return f"waiting for {self.waiting_for}"


NotReady = MissingStream | TooOld | SkewTooLarge | NothingNew


@dataclass(frozen=True)
class SyncLimits:
    """What still counts as one instant, and as now."""

    max_image_age_s: float = 0.25
    max_joint_age_s: float = 0.1
    max_skew_s: float = 0.05
    """Between two cameras, and from an image to the nearest joint sample."""
    joint_history_s: float = 1.0
    """Joint samples kept; longer than any camera takes to deliver an image."""


@dataclass(frozen=True)
class Instant(Generic[Payload]):
    """What belongs to one time.

    Attributes:
        stamp_ns: of the newest image, or of the joints where there are no cameras.
        joints: (N,) float64 at that time.
        images: for each camera what came from it.
    """

    stamp_ns: int
    joints: NDArray[np.float64]
    images: dict[str, Payload]


class StreamSync(Generic[Payload]):
    """Joins the newest image of every camera with the joints at that time.

    What an image is, nobody here looks at: pixels for the policy node, the number of a message for
    the converter of recordings. Joints are any numbers that can be interpolated.

    An observation is made of images that no earlier one has used. Its time is that of the newest
    of them, and the joints are interpolated to it::

        front   ----F(100)-----------------F(133)---        [ms]
        wrist   --------W(104)-----------------W(137)
        joints  J(95)        J(105)       ...
        observation at 104 ms: F(100), W(104), joints 1/10 J(95) + 9/10 J(105)

    It is complete when J(105) is there, and the next one when both cameras have sent a new image.
    """

    def __init__(self, cameras: Iterable[str], limits: SyncLimits | None = None) -> None:
        self._cameras = tuple(cameras)
        self._limits = limits if limits is not None else SyncLimits()
        self._joints: deque[tuple[int, NDArray[np.float64]]] = deque()
        self._images: dict[str, tuple[int, Payload]] = {}
        self._used: dict[str, int] = {}
        self.clock_jumps = 0  # how often the stamps went back
        self.out_of_order = 0  # messages dropped because a newer one had come

    def clear(self) -> None:
        """Forgets everything that has come."""
        self._joints.clear()
        self._images.clear()
        self._used.clear()

    def add_joints(self, stamp_ns: int, values: ArrayLike) -> None:
        """Takes in measured values, (N,), always as many.

        Raises ValueError for values that are not finite.
        """
        array = np.array(values, dtype=np.float64)
        if not np.isfinite(array).all():
            raise ValueError("a value is not finite")
        if self._joints and not self._in_order(stamp_ns, self._joints[-1][0]):
            return
        self._joints.append((stamp_ns, array))
        oldest_ns = stamp_ns - to_ns(self._limits.joint_history_s)
        while self._joints[0][0] < oldest_ns:
            self._joints.popleft()

    def add_image(self, camera: str, stamp_ns: int, image: Payload) -> None:
        """Takes in what came from a camera; it is kept, not copied.

        Raises ValueError for a camera that is not one of these.
        """
        if camera not in self._cameras:
            raise ValueError(suggest("camera", camera, self._cameras))
        if camera in self._images and not self._in_order(stamp_ns, self._images[camera][0]):
            return
        self._images[camera] = (stamp_ns, image)

    def take(self, now_ns: int) -> Instant[Payload] | NotReady:
        """The next instant, once; or why there is none. Call it after every message."""
        missing = [f"camera '{camera}'" for camera in self._cameras if camera not in self._images]
        if not self._joints:
            missing.insert(0, JOINTS)
        if missing:
            return MissingStream(tuple(missing))
        return self._too_old(now_ns) or self._nothing_new() or self._image_skew() or self._instant()

    def _instant(self) -> Instant[Payload] | NotReady:
        images = self._images
        newest_joints_ns = self._joints[-1][0]
        stamp_ns = max((stamp for stamp, _ in images.values()), default=newest_joints_ns)
        if newest_joints_ns < stamp_ns or self._joints[0][0] > stamp_ns:
            return NothingNew(JOINTS)
        after = bisect_left(self._joints, stamp_ns, key=lambda sample: sample[0])
        after_ns, after_position = self._joints[after]
        before_ns, before_position = self._joints[max(after - 1, 0)]
        if after_ns == stamp_ns:
            before_ns, before_position = after_ns, after_position
        nearest_s = min(after_ns - stamp_ns, stamp_ns - before_ns) / NS_PER_S
        if nearest_s > self._limits.max_skew_s:
            newest = max(images, key=lambda camera: images[camera][0])
            return SkewTooLarge(f"camera '{newest}'", JOINTS, nearest_s, self._limits.max_skew_s)
        share = (stamp_ns - before_ns) / (after_ns - before_ns) if after_ns > before_ns else 0.0
        position = before_position + share * (after_position - before_position)
        self._used = {JOINTS: stamp_ns, **{camera: stamp for camera, (stamp, _) in images.items()}}
        return Instant(stamp_ns, position, {camera: images[camera][1] for camera in self._cameras})

    def _too_old(self, now_ns: int) -> TooOld | None:
        streams = [(JOINTS, self._joints[-1][0], self._limits.max_joint_age_s)]
        streams += [
            (f"camera '{camera}'", self._images[camera][0], self._limits.max_image_age_s)
            for camera in self._cameras
        ]
        for stream, stamp_ns, limit_s in streams:
            age_s = (now_ns - stamp_ns) / NS_PER_S
            if age_s > limit_s:
                return TooOld(stream, age_s, limit_s)
        return None

    def _nothing_new(self) -> NothingNew | None:
        for camera in self._cameras:
            if self._images[camera][0] <= self._used.get(camera, -1):
                return NothingNew(f"camera '{camera}'")
        if not self._cameras and self._joints[-1][0] <= self._used.get(JOINTS, -1):
            return NothingNew(JOINTS)
        return None

    def _image_skew(self) -> SkewTooLarge | None:
        if len(self._cameras) < 2:
            return None
        oldest = min(self._images, key=lambda camera: self._images[camera][0])
        newest = max(self._images, key=lambda camera: self._images[camera][0])
        skew_s = (self._images[newest][0] - self._images[oldest][0]) / NS_PER_S
        if skew_s <= self._limits.max_skew_s:
            return None
        return SkewTooLarge(
            f"camera '{oldest}'", f"camera '{newest}'", skew_s, self._limits.max_skew_s
        )

    def _in_order(self, stamp_ns: int, newest_ns: int) -> bool:
        if stamp_ns > newest_ns:
            return True
        if stamp_ns < newest_ns - to_ns(CLOCK_JUMP_S):
            self.clock_jumps += 1
            self.clear()
            return True
        self.out_of_order += 1
        return False


class ObservationSync:
    """A `StreamSync` of what a policy takes: what does not fit is refused."""

    def __init__(self, spec: PolicySpec, limits: SyncLimits | None = None) -> None:
        self._streams: StreamSync[NDArray[Any]] = StreamSync(spec.cameras, limits)
        self._joint_input = spec.joint_input
        self.takes_velocities = spec.velocity_input is not None
        self._inputs = {image.camera: image for image in spec.image_inputs}

    @property
    def clock_jumps(self) -> int:
        """How often the stamps went back."""
        return self._streams.clock_jumps

    @property
    def out_of_order(self) -> int:
        """Messages dropped because a newer one had come."""
        return self._streams.out_of_order

    def clear(self) -> None:
        """Forgets everything that has come."""
        self._streams.clear()

    def add_joints(
        self, stamp_ns: int, position: ArrayLike, velocity: ArrayLike | None = None
    ) -> None:
        """Takes in measured joints, (J,) in the bundle's order; velocities (J,) are looked at where
        the policy takes them.

        Raises ValueError for another number of joints, for values that are not finite and for
        velocities that are not told.
        """
        array = self._checked(position, "position", "positions")
        if self.takes_velocities:
            if velocity is None:
                raise ValueError(
                    "the policy takes joint velocities, which this message does not tell (or not "
                    "as finite numbers)"
                )
            array = np.concatenate([array, self._checked(velocity, "velocity", "velocities")])
        self._streams.add_joints(stamp_ns, array)

    def _checked(self, values: ArrayLike, one: str, many: str) -> NDArray[np.float64]:
        array = np.array(values, dtype=np.float64)
        shape = (len(self._joint_input.joints),)
        if array.shape != shape:
            raise ValueError(f"{array.shape} joint {many}, expected {shape}")
        if not np.isfinite(array).all():
            bad = [n for n, x in zip(self._joint_input.joints, array, strict=True)
                   if not np.isfinite(x)]  # fmt: skip
            raise ValueError(f"{one} of {', '.join(bad)} is not finite")
        return array

    def add_image(self, camera: str, stamp_ns: int, image: NDArray[Any]) -> None:
        """Takes in an image of the shape and type that the bundle states; it is kept, not copied.

        Raises ValueError for a camera that is no input of the policy and for another shape or type.
        """
        if camera in self._inputs:
            wanted = self._inputs[camera]
            if image.shape != wanted.shape or image.dtype != wanted.dtype:
                raise ValueError(
                    f"image of camera '{camera}' is {image.dtype} {image.shape}, expected "
                    f"{wanted.dtype} {wanted.shape}"
                )
        self._streams.add_image(camera, stamp_ns, image)

    def take(self, now_ns: int) -> Observation | NotReady:
        """The next observation, once; or why there is none. Call it after every message."""
        taken = self._streams.take(now_ns)
        if not isinstance(taken, Instant):
            return taken
        joints = taken.joints.astype(np.float32)
        count = len(self._joint_input.joints)
        velocity = joints[count:] if self.takes_velocities else None
        return Observation(taken.stamp_ns, joints[:count], taken.images, joint_velocity=velocity)
