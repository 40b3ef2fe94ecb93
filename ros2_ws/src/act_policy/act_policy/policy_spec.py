"""What a policy takes and gives: the contents of ``policy.json``, checked once when it is read.

Letters: J joints of the input, A values of an action, K rows of a chunk, H and W of an image.
docs/policy_bundle.md describes the file for people; this is the same for programs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from act_core.errors import ConfigurationError, suggest

MODES = ("ensemble", "newest", "open_loop")


class BundleError(ConfigurationError):
    """A bundle that cannot be run, or not here; the text says which value does not fit what."""


def check(condition: bool, message: str) -> None:
    if not condition:
        raise BundleError(message)


def check_names(what: str, names: tuple[str, ...]) -> None:
    check(
        bool(names) and all(isinstance(n, str) and n for n in names),
        f"{what} are {list(names)}, expected at least one name, all text",
    )
    twice = sorted({n for n in names if names.count(n) > 1})
    check(not twice, f"{what}: {', '.join(twice)} appears twice")


def check_file(what: str, file: str) -> None:
    check(
        bool(file) and "/" not in file and "\\" not in file and file not in (".", ".."),
        f"{what} is '{file}', expected the name of a file in the bundle's folder",
    )


@dataclass(frozen=True)
class JointInput:
    """Joint positions, (J,) float32 in the order of ``joints``."""

    name: str
    joints: tuple[str, ...]
    unit: str = "rad"

    def __post_init__(self) -> None:
        check_names(f"joints of input '{self.name}'", self.joints)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.joints),)


@dataclass(frozen=True)
class ImageInput:
    """The newest image of a camera, (H, W, 3) uint8, red first."""

    name: str
    camera: str
    height: int
    width: int
    encoding: str = "rgb8"

    def __post_init__(self) -> None:
        check(
            self.height > 0 and self.width > 0,
            f"input '{self.name}': shape is {self.shape}, expected positive sizes",
        )
        check(
            self.encoding == "rgb8",
            f"input '{self.name}': encoding is '{self.encoding}', expected 'rgb8'",
        )

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.height, self.width, 3)


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
    """How chunks become commands; `PolicyRunner` documents the modes."""

    mode: str = "ensemble"
    m: float = 0.01
    """Ensemble weights are exp(-m i), i = 0 for the oldest prediction (the paper's m)."""
    open_loop_rows: int | None = None
    """Rows played before the next inference in mode open_loop; None plays whole chunks."""
    max_jump: float | None = 0.005
    """What a command may move beyond the policy's own motion, in the output's unit; None for
    actions that are no positions (deltas, velocities), which are passed on as they are."""

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise BundleError(suggest("execution mode", self.mode, MODES))
        check(math.isfinite(self.m), f"execution.m is {self.m}, expected a finite number")
        rows = self.open_loop_rows
        check(
            rows is None or (isinstance(rows, int) and rows >= 1),
            f"execution.open_loop_rows is {rows}, expected a whole number above 0 or null",
        )
        check(
            self.max_jump is None or 0 < self.max_jump < math.inf,
            f"execution.max_jump is {self.max_jump}, expected above 0 or null",
        )


@dataclass(frozen=True)
class ParitySpec:
    """Sample inputs with the trainer's outputs, and how far the exported graph may be from them."""

    file: str = "parity.npz"
    tolerance: float = 1e-4

    def __post_init__(self) -> None:
        check_file("parity.file", self.file)
        check(self.tolerance > 0, f"parity.tolerance is {self.tolerance}, expected above 0")


@dataclass(frozen=True)
class VariantSpec:
    """Another graph for the same policy: faster, and as far from the trainer's as it states."""

    file: str
    tolerance: float

    def __post_init__(self) -> None:
        check_file("variant file", self.file)
        check(
            self.tolerance > 0, f"tolerance of '{self.file}' is {self.tolerance}, expected above 0"
        )


@dataclass(frozen=True)
class StartRange:
    """Where the joints of the demonstrations were at their first frames: (J,) each, in the unit and
    order of the joint input."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            values = tuple(getattr(self, name))
            numbers = all(isinstance(v, (int, float)) and math.isfinite(v) for v in values)
            check(numbers, f"start.{name} is {values}, expected finite numbers")
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

    def __post_init__(self) -> None:
        check(0 < self.rate_hz < math.inf, f"rate_hz is {self.rate_hz}, expected above 0")
        check(self.chunk_size >= 1, f"chunk_size is {self.chunk_size}, expected at least 1")
        inputs = (self.joint_input.name, *(image.name for image in self.image_inputs))
        check_names("inputs", inputs)
        if self.image_inputs:
            check_names("cameras", self.cameras)
        check("fp32" not in self.variants, "a variant is named 'fp32', which is policy.onnx")
        joints = len(self.joint_input.joints)
        check(
            self.start is None or len(self.start.lower) == joints,
            f"start has {len(self.start.lower) if self.start else 0} values, expected {joints}: "
            "one for each joint of the input",
        )
        rows = self.execution.open_loop_rows
        check(
            rows is None or rows <= self.chunk_size,
            f"execution.open_loop_rows is {rows}, expected at most chunk_size, {self.chunk_size}",
        )

    @property
    def cameras(self) -> tuple[str, ...]:
        return tuple(image.camera for image in self.image_inputs)

    @property
    def chunk_shape(self) -> tuple[int, int]:
        return (self.chunk_size, len(self.output.joints))
