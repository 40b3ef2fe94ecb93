"""A policy bundle: one folder with everything that is needed to run a policy, and to check it.

    policy.json    names, shapes, units, rates (`PolicySpec`)
    policy.onnx    the graph: radians and uint8 images in, a chunk of radians out, no batch axis
    parity.npz     sample inputs and the trainer's outputs for them
    <variant>.onnx faster graphs for the same policy, as far as there are any
    training/      record of the training run, for a person

The exporter writes it, the runtime reads it; both with this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from act_core.errors import suggest
from act_core.files import replacing, settle, write_json
from act_core.foreign_file import shown_path
from act_core.policy_json import (
    SPEC_FILE,
    bundle_folder,
    check_is_content,
    contents,
    is_there,
    read_spec,
    spec_to_json,
)
from act_core.policy_spec import ArrayType, BundleError, ParitySpec, PolicySpec
from numpy.typing import NDArray

from act_policy.observation import Observation
from act_policy.onnx_file import check_graph_file
from act_policy.parity_file import read_arrays

GRAPH_FILE = "policy.onnx"
PARITY_FILE = ParitySpec().file
RECORD_FOLDER = "training"
FP32 = "fp32"
FAST = "fast"
BF16 = "bf16"  # the variant whose graph is policy.onnx, computed in bfloat16


@dataclass(frozen=True)
class ParitySample:
    """N recorded observations and the chunks that the trainer computed for them.

    Attributes:
        joint_position: (N, J) float32, or (N, T, J) of several steps.
        images: for each camera (N, H, W, 3) uint8, or (N, T, H, W, 3); of depth uint16 and
            one channel.
        chunks: (N, K, A) float32.
        noise: for each noise input (N, ...) float32: what the trainer's sampler started from.
        joint_velocity: (N, J) or (N, T, J) float32 where the policy takes it, else None.
    """

    joint_position: NDArray[np.float32]
    images: Mapping[str, NDArray[Any]]
    chunks: NDArray[np.float32]
    noise: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    joint_velocity: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.chunks)

    def observation(self, index: int) -> Observation:
        images = {camera: stack[index] for camera, stack in self.images.items()}
        noise = {name: stack[index] for name, stack in self.noise.items()}
        velocity = None if self.joint_velocity is None else self.joint_velocity[index]
        return Observation(0, self.joint_position[index], images, noise, velocity)


@dataclass(frozen=True)
class Bundle:
    """A folder that was read and found complete."""

    folder: Path
    spec: PolicySpec

    def graph_file(self, variant: str = FP32) -> Path:
        """The graph of a variant; ``fp32`` is policy.onnx. BundleError for an unknown variant."""
        if variant == FP32:
            return self.folder / GRAPH_FILE
        if variant not in self.spec.variants:
            raise BundleError(suggest("variant", variant, [FP32, *self.spec.variants]))
        return self.folder / self.spec.variants[variant].file

    def lost_variants(self) -> dict[str, str]:
        """The variants whose files are not there, with what is wrong."""
        lost = {}
        for variant in self.spec.variants:
            try:
                check_file_is_there(self.graph_file(variant))
            except BundleError as error:
                lost[variant] = str(error)
        return lost

    def checked_graph(self, variant: str) -> Path:
        """`graph_file`, which is there and complete; BundleError says what it is instead."""
        path = self.graph_file(variant)
        check_file_is_there(path)
        check_graph_file(path)
        return path

    def tolerance(self, variant: str = FP32) -> float:
        """How far a variant's chunk may be from the trainer's, in the output's unit."""
        if variant == FP32:
            return self.spec.parity.tolerance
        return self.spec.variants[variant].tolerance

    def parity_sample(self) -> ParitySample:
        """Reads and checks the parity file; BundleError names what does not fit the spec."""
        path = self.folder / self.spec.parity.file
        return _check_sample(self.spec, read_arrays(path, _sample_types(self.spec)), path)


def read_bundle(folder: str | Path) -> Bundle:
    """Reads ``policy.json`` and checks that graph and parity file are there.

    A variant whose file is not there is no obstacle to the others: see `Bundle.lost_variants`.
    Raises BundleError with the value, what was expected and what exists.
    """
    folder = bundle_folder(folder)
    settle(folder)
    bundle = Bundle(folder, read_spec(folder))
    for path in (bundle.graph_file(), bundle.folder / bundle.spec.parity.file):
        check_file_is_there(path)
    return bundle


def check_file_is_there(path: Path) -> None:
    """Raises BundleError where a file of a bundle is missing, cannot be read or is a pointer."""
    if not is_there(path):
        where = shown_path(path.parent)
        raise BundleError(f"'{path.name}' is missing in {where}: {contents(path.parent)}")
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no file, or a link that leads to none"
        raise BundleError(f"{shown_path(path)} is {kind}, expected a file")
    try:
        with path.open("rb") as file:
            check_is_content(path, file.read(64))
    except OSError as error:
        raise BundleError(
            f"{shown_path(path)} cannot be read: {error.strerror or error}"
        ) from error


def write_bundle(
    folder: str | Path, spec: PolicySpec, graphs: Mapping[str, bytes], sample: ParitySample
) -> Bundle:
    """Writes a bundle and returns it; one in that folder is replaced whole or not at all.

    What else is in the folder (see ``is_foreign``) stays.

    Args:
        folder: made if it is not there.
        spec: written as policy.json.
        graphs: serialised ONNX models by variant, ``fp32`` and every one of ``spec.variants``.
        sample: written as the parity file, after a check against ``spec``.

    Raises BundleError for a missing or unexpected graph, or a sample of other names or shapes.
    """
    expected = {FP32, *spec.variants}
    if set(graphs) != expected:
        raise BundleError(f"graphs are {sorted(graphs)}, expected {sorted(expected)}")
    inputs = {image.name: sample.images[image.camera] for image in spec.image_inputs
              if image.camera in sample.images}  # fmt: skip
    content: dict[str, Any] = {spec.joint_input.name: sample.joint_position, **inputs,
               **sample.noise, spec.output.name: sample.chunks}  # fmt: skip
    if spec.velocity_input is not None and sample.joint_velocity is not None:
        content[spec.velocity_input.name] = sample.joint_velocity
    _check_sample(spec, content, Path(spec.parity.file))

    with replacing(Path(folder), keep=is_foreign) as new:
        new.mkdir()
        for variant, graph in graphs.items():
            Bundle(new, spec).graph_file(variant).write_bytes(graph)
        np.savez_compressed(new / spec.parity.file, **content)
        write_json(new / SPEC_FILE, spec_to_json(spec), indent=2)
    return Bundle(Path(folder), spec)


def is_foreign(name: str) -> bool:
    """Whether a file or folder of this name in a bundle is somebody else's (a README, .git)."""
    return not name.endswith(".onnx") and name not in (SPEC_FILE, PARITY_FILE, RECORD_FOLDER)


def _sample_types(spec: PolicySpec) -> dict[str, ArrayType]:
    return {
        **spec.input_types,
        spec.output.name: ArrayType(spec.chunk_shape, "float32"),
    }


def _check_sample(
    spec: PolicySpec, content: Mapping[str, NDArray[Any]], path: Path
) -> ParitySample:
    types, file = _sample_types(spec), shown_path(path)
    if set(content) != set(types):
        raise BundleError(f"{file} has {sorted(content)}, expected {sorted(types)}")
    count = len(content[spec.output.name])
    if count < 1:
        raise BundleError(f"{file} holds no sample, expected at least one")
    for key, (shape, dtype) in types.items():
        array = content[key]
        if array.shape != (count, *shape) or array.dtype != dtype:
            raise BundleError(f"{file}: '{key}' is {array.dtype} {array.shape}, expected "
                              f"{dtype} {(count, *shape)}")  # fmt: skip
        if not np.isfinite(array).all():
            raise BundleError(f"{file}: '{key}' has values that are not finite")
    images = {image.camera: content[image.name] for image in spec.image_inputs}
    noise = {noise.name: content[noise.name] for noise in spec.noise_inputs}
    velocity = spec.velocity_input
    return ParitySample(
        content[spec.joint_input.name], images, content[spec.output.name], noise,
        None if velocity is None else content[velocity.name],
    )  # fmt: skip
