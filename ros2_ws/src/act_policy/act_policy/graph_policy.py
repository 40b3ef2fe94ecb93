"""What every engine shares: the graph fits the spec, the numbers are right, nothing is NaN."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from act_core.foreign_file import shown_path
from act_core.policy_spec import BundleError, PolicySpec
from numpy.typing import NDArray

from act_policy.bundle import Bundle
from act_policy.chunk import Chunk
from act_policy.noise import noise_of
from act_policy.observation import Observation
from act_policy.policy import Inference, PolicyError

LONGEST_REASON = 400  # characters of what an engine says


class Tensor(NamedTuple):
    """An input or output of a graph."""

    name: str
    shape: tuple[int | str | None, ...]
    dtype: str


class Parity(NamedTuple):
    """How far the graph's chunks are from the trainer's, in the output's unit."""

    max_difference: float
    tolerance: float
    samples: int


class GraphPolicy(ABC):
    """A policy whose chunk comes out of a graph; engines add the running of it.

    Args:
        bundle: that the graph is part of.
        variant: which of its graphs.
    """

    engine = "none"

    def __init__(self, bundle: Bundle, variant: str) -> None:
        self.bundle = bundle
        self.variant = variant
        self.parity: Parity | None = None  # of the last `check_parity`
        self.warnings: tuple[str, ...] = ()  # what somebody should know of how it was chosen
        self.engine_scope: Callable[[], AbstractContextManager[None]] = nullcontext
        """Entered around the engine's work, which is all but what Python does before and after."""
        self._spec = bundle.spec

    @property
    def spec(self) -> PolicySpec:
        return self._spec

    @property
    def description(self) -> str:
        """For people: what runs on what, and how exactly."""
        text = f"policy '{self._spec.name}' ({self.variant}) on {self.engine}"
        if self.parity is None:
            return text
        return f"{text}, {self.parity.max_difference:.1g} {self._spec.output.unit} from the trainer"

    @abstractmethod
    def _run(self, feeds: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """The output (K, A) of the graph for its named inputs."""

    def infer(self, observation: Observation) -> Inference:
        """The chunk for an observation; PolicyError for another shape and values that are not
        finite."""
        spec = self._spec
        feeds: dict[str, NDArray[Any]] = {
            spec.joint_input.name: np.ascontiguousarray(observation.joint_position, np.float32),
            **noise_of(spec, observation),
        }
        if spec.velocity_input is not None:
            if observation.joint_velocity is None:
                raise PolicyError(
                    f"policy '{spec.name}' takes joint velocities, which the observation has not"
                )
            velocity = np.ascontiguousarray(observation.joint_velocity, np.float32)
            feeds[spec.velocity_input.name] = velocity
        for image in spec.image_inputs:
            feeds[image.name] = np.ascontiguousarray(observation.images[image.camera])
        started = time.perf_counter()
        with self.engine_scope():
            rows = self._run(feeds)
        latency_s = time.perf_counter() - started
        if rows.shape != spec.chunk_shape:
            raise PolicyError(f"the chunk has shape {rows.shape}, expected {spec.chunk_shape}")
        wrong = int(np.count_nonzero(~np.isfinite(rows)))
        if wrong:
            raise PolicyError(f"{wrong} of {rows.size} values of the chunk are not finite")
        chunk = Chunk(observation.stamp_ns, spec.rate_hz, rows.astype(np.float64))
        return Inference(chunk, latency_s)

    def check_parity(self) -> Parity:
        """Replays the bundle's samples; raises BundleError when a chunk is too far off.

        Also the warm-up: the first inferences of an engine are slower than the others.
        """
        sample = self.bundle.parity_sample()
        tolerance = self.bundle.tolerance(self.variant)
        worst = 0.0
        what = f"{shown_path(self.bundle.folder)}: variant '{self.variant}' on {self.engine}"
        for index in range(len(sample)):
            try:
                rows = self.infer(sample.observation(index)).chunk.rows
            except Exception as error:  # the engines' exceptions have no common base but this
                raise BundleError(f"{what}: parity sample {index}: {error}") from error
            difference = np.abs(rows - sample.chunks[index])
            worst = max(worst, float(difference.max()))
            if not worst <= tolerance:
                row, value = np.unravel_index(int(difference.argmax()), difference.shape)
                raise BundleError(
                    f"{what}: parity sample {index} is "
                    f"{worst:.3g} {self._spec.output.unit} from the trainer's at row {row}, "
                    f"'{self._spec.output.joints[value]}' (tolerance {tolerance:g})"
                )
        self.parity = Parity(worst, tolerance, len(sample))
        return self.parity


def check_graph(
    graph: Path, spec: PolicySpec, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> None:
    """Raises BundleError with every difference between a graph and what policy.json says of it."""
    expected_inputs = [Tensor(name, *array) for name, array in spec.input_types.items()]
    expected_outputs = [Tensor(spec.output.name, spec.chunk_shape, "float32")]
    differences = [
        *_differences("input", expected_inputs, inputs),
        *_differences("output", expected_outputs, outputs),
    ]
    if differences:
        told = "\n  ".join(differences)
        raise BundleError(f"{shown_path(graph)}: the graph does not fit policy.json:\n  {told}")


def _differences(kind: str, expected: Sequence[Tensor], actual: Sequence[Tensor]) -> list[str]:
    wanted = {tensor.name: tensor for tensor in expected}
    there = {tensor.name: tensor for tensor in actual}
    lines = [
        f"{kind} '{name}' is not in the graph, which has {', '.join(there)}"
        for name in wanted
        if name not in there
    ]
    lines += [
        f"{kind} '{name}' of the graph is not in policy.json"
        for name in there
        if name not in wanted
    ]
    lines += [
        f"{kind} '{name}' is {there[name].dtype} {list(there[name].shape)} in the graph, "
        f"{wanted[name].dtype} {list(wanted[name].shape)} in policy.json"
        for name in wanted
        if name in there and there[name] != wanted[name]
    ]
    return lines
