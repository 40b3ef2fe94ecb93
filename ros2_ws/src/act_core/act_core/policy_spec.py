"""What a policy takes and gives: the contents of ``policy.json``, checked once when it is read.

Letters: J joints of the input, A values of an action, K rows of a chunk, H and W of an image, T
steps of an observation.
docs/policy_bundle.md describes the file for people; this is the same for programs. Every check is
written so that NaN fails it, and every size has a bound, so that nothing that is made by a spec
can be larger than a machine.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from act_core.errors import ConfigurationError, suggest

MAX_NAMES = 256  # joints, or inputs
MAX_NAME_LENGTH = 200
MAX_IMAGE_SIDE = 8192  # pixels
MAX_ROWS = 10_000  # of a chunk
MAX_OBS_STEPS = 64
MAX_HISTORY_S = 10.0
MAX_NOISE = MAX_ROWS * MAX_NAMES  # numbers
RATE_HZ = (0.01, 1000.0)
CAMERA_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")


class BundleError(ConfigurationError):
    """A bundle that cannot be run, or not here; the text says which value does not fit what."""


def check(condition: bool, message: str) -> None:
    if not condition:
        raise BundleError(message)


def check_names(what: str, names: tuple[str, ...]) -> None:
    check(
        0 < len(names) <= MAX_NAMES and all(isinstance(n, str) and n for n in names),
        f"{what} are {list(names[:MAX_NAMES])}, expected 1 to {MAX_NAMES} names, all text",
    )
    for name in names:
        check(
            name.isprintable() and name.strip() != "" and len(name) <= MAX_NAME_LENGTH,
            f"{what}: {name[:MAX_NAME_LENGTH]!r} is no name, expected printable text of at most "
            f"{MAX_NAME_LENGTH} characters",
        )
    twice = sorted({n for n in names if names.count(n) > 1})
    check(not twice, f"{what}: {', '.join(twice)} appears twice")


def check_file(what: str, file: str) -> None:
    check(
        isinstance(file, str)
        and 0 < len(file) <= MAX_NAME_LENGTH
        and file.isprintable()
        and "/" not in file
        and "\\" not in file
        and file not in (".", ".."),
        f"{what} is {file!r:.60}, expected the name of a file in the bundle's folder",
    )


def check_number(what: str, value: Any, expected: str, low: float, high: float) -> None:
    """``value`` is a number from ``low`` to ``high``, which NaN and infinity are not."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    check(number and low <= value <= high, f"{what} is {value!r:.60}, expected {expected}")


def check_whole(what: str, value: Any, high: int) -> None:
    """``value`` is a whole number from 1 to ``high``."""
    fits = type(value) is int and 1 <= value <= high
    check(fits, f"{what} is {value!r:.60}, expected 1 to {high}")


SMALLEST = 5e-324  # for "above 0"
MAX_TOLERANCE = 1.0  # in the output's unit: a gate that all pass is none
MAX_DECAY = 1000.0  # of an ensemble: one chunk has all the weight long before
LARGEST = 1.7976931348623157e308  # for "finite"


def check_tolerance(what: str, value: Any) -> None:
    expected = f"above 0 and at most {MAX_TOLERANCE:g}"
    check_number(what, value, expected, SMALLEST, MAX_TOLERANCE)


@dataclass(frozen=True)
class JointInput:
    """Joint positions, (J,) float32 in the order of ``joints``; or their velocities, see
    `PolicySpec.velocity_input`."""

    name: str
    joints: tuple[str, ...]
    unit: str = "rad"

    def __post_init__(self) -> None:
        check_names(f"joints of input '{self.name}'", self.joints)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.joints),)


class Pixels(NamedTuple):
    """How a policy takes the pixels of an image."""

    channels: int
    dtype: str


RGB = "rgb8"
DEPTH = "16UC1"  # millimetres, 0 where nothing was measured (REP 118)
PIXELS = {RGB: Pixels(3, "uint8"), DEPTH: Pixels(1, "uint16")}


@dataclass(frozen=True)
class ImageInput:
    """The newest image of a camera: (H, W, 3) uint8, red first, or depth, (H, W, 1) uint16 [mm]."""

    name: str
    camera: str
    height: int
    width: int
    encoding: str = RGB

    def __post_init__(self) -> None:
        check(
            0 < self.height <= MAX_IMAGE_SIDE and 0 < self.width <= MAX_IMAGE_SIDE,
            f"input '{self.name}': shape is {self.shape}, expected positive sizes up to "
            f"{MAX_IMAGE_SIDE}",
        )
        check(
            CAMERA_NAME.fullmatch(self.camera) is not None,
            f"input '{self.name}': camera is {self.camera!r:.60}, expected letters, digits and "
            "'_': it is part of a topic's name",
        )
        check(
            self.encoding in PIXELS,
            f"input '{self.name}': {suggest('encoding', str(self.encoding)[:60], PIXELS)}",
        )

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.height, self.width, PIXELS[self.encoding].channels)

    @property
    def dtype(self) -> str:
        return PIXELS[self.encoding].dtype


@dataclass(frozen=True)
class NoiseInput:
    """float32 numbers from N(0, 1), drawn anew for each inference: where a sampler starts."""

    name: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        sizes = tuple(self.shape)
        check(
            0 < len(sizes) <= 4
            and all(type(size) is int and 0 < size <= MAX_NOISE for size in sizes)
            and math.prod(sizes) <= MAX_NOISE,
            f"input '{self.name}': shape is {sizes!r:.80}, expected positive sizes, at most "
            f"{MAX_NOISE} numbers",
        )
        object.__setattr__(self, "shape", sizes)


class ArrayType(NamedTuple):
    """Shape and type of an input or output of the graph."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class ActionOutput:
    """A chunk, (K, A) float32: row i is the target for i / rate_hz after the observation."""

    name: str
    joints: tuple[str, ...]
    unit: str = "rad"

    def __post_init__(self) -> None:
        check_names(f"joints of output '{self.name}'", self.joints)


@dataclass(frozen=True)
class ExecutionSpec:
    """How chunks become commands."""

    mode: str = "ensemble"
    """A name of `act_policy.modes`, which is where it is looked for."""
    m: float = 0.01
    """Ensemble weights are exp(-m i), i = 0 for the oldest prediction (the paper's m)."""
    open_loop_rows: int | None = None
    """Rows played before the next inference in mode open_loop; None plays whole chunks."""
    max_jump: float | None = 0.005
    """What a command may move beyond the policy's own motion, in the output's unit; None for
    actions that are no positions (deltas, velocities), which are passed on as they are."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What a mode of one's own is told beyond these."""

    def __post_init__(self) -> None:
        check(isinstance(self.mode, str), f"execution.mode is {self.mode!r:.60}, expected text")
        check_names("execution.mode", (self.mode,))
        check(
            isinstance(self.options, Mapping),
            f"execution.options is {self.options!r:.60}, expected an object",
        )
        check_number(
            "execution.m", self.m, f"-{MAX_DECAY:g} to {MAX_DECAY:g}", -MAX_DECAY, MAX_DECAY
        )
        rows = self.open_loop_rows
        check(
            rows is None or (type(rows) is int and rows >= 1),
            f"execution.open_loop_rows is {rows!r:.60}, expected a whole number above 0 or null",
        )
        if self.max_jump is not None:
            check_number("execution.max_jump", self.max_jump, "above 0 or null", SMALLEST, LARGEST)


@dataclass(frozen=True)
class ParitySpec:
    """Sample inputs with the trainer's outputs, and how far the exported graph may be from them."""

    file: str = "parity.npz"
    tolerance: float = 1e-4

    def __post_init__(self) -> None:
        check_file("parity.file", self.file)
        check_tolerance("parity.tolerance", self.tolerance)


@dataclass(frozen=True)
class VariantSpec:
    """Another graph for the same policy: faster, and as far from the trainer's as it states."""

    file: str
    tolerance: float

    def __post_init__(self) -> None:
        check_file("variant file", self.file)
        check_tolerance(f"tolerance of '{self.file}'", self.tolerance)


@dataclass(frozen=True)
class StartRange:
    """Where the joints of the demonstrations were at their first frames: (J,) each, in the unit and
    order of the joint input."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            listed = getattr(self, name)
            check(
                isinstance(listed, (list, tuple)),
                f"start.{name} is {listed!r:.60}, expected a number for each joint",
            )
            values = tuple(listed)[: MAX_NAMES + 1]
            for value in values:
                check_number(f"start.{name}", value, "finite numbers", -LARGEST, LARGEST)
            object.__setattr__(self, name, tuple(map(float, values)))
        check(
            len(self.lower) == len(self.upper)
            and all(low <= high for low, high in zip(self.lower, self.upper, strict=True)),
            f"start is {self.lower} to {self.upper}, expected as many values, lower ones first",
        )


@dataclass(frozen=True)
class PolicySpec:
    """Names, shapes, units and rates of one policy."""

    name: str
    rate_hz: float
    chunk_size: int
    joint_input: JointInput
    image_inputs: tuple[ImageInput, ...]
    output: ActionOutput
    execution: ExecutionSpec = field(default_factory=ExecutionSpec)
    parity: ParitySpec = field(default_factory=ParitySpec)
    variants: Mapping[str, VariantSpec] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    start: StartRange | None = None
    n_obs_steps: int = 1
    """The newest observation and so many less one before it, 1 / rate_hz apart. Above 1, joints and
    images have a leading axis, the oldest step first."""
    noise_inputs: tuple[NoiseInput, ...] = ()
    velocity_input: JointInput | None = None
    """The velocities of the joints of ``joint_input``, in its order and in its unit per second."""

    def __post_init__(self) -> None:
        low_hz, high_hz = RATE_HZ
        check_number(
            "rate_hz", self.rate_hz, f"above 0 ({low_hz:g} to {high_hz:g})", low_hz, high_hz
        )
        check_whole("chunk_size", self.chunk_size, MAX_ROWS)
        check_names("name of the policy", (self.name,))
        check_whole("n_obs_steps", self.n_obs_steps, MAX_OBS_STEPS)
        check(
            (self.n_obs_steps - 1) / self.rate_hz <= MAX_HISTORY_S,
            f"n_obs_steps is {self.n_obs_steps} at {self.rate_hz:g} Hz, expected a history of at "
            f"most {MAX_HISTORY_S:g} s",
        )
        joints = [each.name for each in self.joint_inputs]
        images = [each.name for each in self.image_inputs]
        noise = [each.name for each in self.noise_inputs]
        check_names("inputs", (*joints, *images, *noise))
        if self.velocity_input is not None:
            self._check_velocities(self.velocity_input)
        if self.image_inputs:
            check_names("cameras", self.cameras)
        if self.variants:
            check_names("variants", tuple(self.variants))
        check("fp32" not in self.variants, "a variant is named 'fp32', which is policy.onnx")
        check("auto" not in self.variants, "a variant is named 'auto', which chooses among them")
        count = len(self.joint_input.joints)
        check(
            self.start is None or len(self.start.lower) == count,
            f"start has {len(self.start.lower) if self.start else 0} values, expected {count}: "
            "one for each joint of the input",
        )
        rows = self.execution.open_loop_rows
        check(
            rows is None or rows <= self.chunk_size,
            f"execution.open_loop_rows is {rows}, expected at most chunk_size, {self.chunk_size}",
        )

    def _check_velocities(self, velocities: JointInput) -> None:
        what = f"input '{velocities.name}'"
        check(
            velocities.joints == self.joint_input.joints,
            f"{what} is of the joints {', '.join(velocities.joints)}; expected those of "
            f"'{self.joint_input.name}': {', '.join(self.joint_input.joints)}",
        )
        unit = per_second(self.joint_input.unit)
        check(
            velocities.unit == unit,
            f"{what}: unit is '{velocities.unit:.60}', expected '{unit}': that of "
            f"'{self.joint_input.name}' per second",
        )

    @property
    def joint_inputs(self) -> tuple[JointInput, ...]:
        """Positions, and velocities where the policy takes them."""
        more = () if self.velocity_input is None else (self.velocity_input,)
        return (self.joint_input, *more)

    @property
    def cameras(self) -> tuple[str, ...]:
        return tuple(image.camera for image in self.image_inputs)

    def with_steps(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of an input of several steps, from that of one."""
        return shape if self.n_obs_steps == 1 else (self.n_obs_steps, *shape)

    @property
    def input_types(self) -> dict[str, ArrayType]:
        """Every input of the graph, in its order."""
        joints, images = self.joint_inputs, self.image_inputs
        return {
            **{j.name: ArrayType(self.with_steps(j.shape), "float32") for j in joints},
            **{i.name: ArrayType(self.with_steps(i.shape), i.dtype) for i in images},
            **{noise.name: ArrayType(noise.shape, "float32") for noise in self.noise_inputs},
        }

    @property
    def chunk_shape(self) -> tuple[int, int]:
        return (self.chunk_size, len(self.output.joints))


def per_second(unit: str) -> str:
    """The unit of a velocity: rad -> rad/s, and each of several alike."""
    return ",".join(f"{each}/s" for each in unit.split(","))
