"""From a checkpoint to the bundle that the runtime loads without torch: `act-export`.

The graph takes what a robot has (joint values in the dataset's units, uint8 images as captured) and
gives a chunk in the action's units: scaling, normalisation, z = 0 and un-normalisation are inside,
and no dimension is a batch. Parity is checked where it counts: the written bundle is loaded by the
runtime, which replays the sample and compares.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import onnx
import torch
from act_core.errors import ConfigurationError
from act_core.files import replacing, write_json
from act_core.policy_spec import ExecutionSpec, PolicySpec, StartRange, VariantSpec
from act_policy.bundle import (
    BF16,
    FP32,
    GRAPH_FILE,
    RECORD_FOLDER,
    ParitySample,
    is_foreign,
    write_bundle,
)
from act_policy.load_policy import cpu_engine, load_policy
from act_policy.modes import text_of
from act_policy.openvino_policy import has_bf16
from numpy.typing import NDArray
from torch import Tensor, nn

from act_training.bundle_spec import NOISE_INPUT, make_spec
from act_training.checkpoint import CONFIG_FILE, Checkpoint, load_checkpoint
from act_training.cli import quiet_libraries, run_command
from act_training.datasets.episode_file import read_episode
from act_training.hub import on_disk, parse_address, publish
from act_training.onnx_notes import strip_notes
from act_training.quantization import (
    FAST_FILE,
    LARGEST_ERROR,
    make_fast_graph,
    measure_error,
)
from act_training.trainable_policy import ActingPolicy, obs_steps_of, takes_noise
from act_training.training_log import CURVES_FILE, LOG_FILE

OPSET = 18
PARITY_SAMPLES = 4
CALIBRATION_SAMPLES = 64
MEASURED_SAMPLES = 128
# Of the largest error in torch, which keeps sums and normalisations in fp32 as OpenVINO does not:
# OpenVINO's was 1.1 times as large for the full-size network, 1.3 times for the policy that ships
# and 2.2 times for one of the debug preset.
BF16_MARGIN = 4.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExportOptions:
    """What to export to where."""

    checkpoint: Path
    """A checkpoint's folder, or a run's (its final/ is taken); may be hf://owner/name."""
    out: Path
    """Folder of the bundle."""
    name: str | None = None
    """Name of the policy; None makes it from the task, e.g. so101_pick_place."""
    data: tuple[Path, ...] = ()
    """Datasets for the parity sample and the fast variant, if they have moved since training, in
    the order of the run; may be hf://owner/name."""
    fast: bool = True
    """Add what is accurate enough: the variant bf16 (for OpenVINO), and an int8 graph, if one is
    faster, as the variant fast."""
    mode: str = "ensemble"
    """Default execution: ensemble, newest, open_loop or a mode of one's own."""
    m: float = 0.01
    """Ensemble weights are exp(-m i), i = 0 for the oldest."""
    open_loop_rows: int | None = None
    """Rows played before the next inference in mode open_loop."""
    push: str | None = None
    """Then upload the bundle to hf://owner/name on the Hugging Face hub."""
    private: bool = False
    """A bundle that is new on the hub can be seen by its owner only."""


def export(options: ExportOptions) -> Path:
    """Write the policy bundle of a checkpoint."""
    if options.push is not None:
        parse_address(options.push)
    options = replace(
        options,
        checkpoint=on_disk(options.checkpoint, "model"),
        data=tuple(on_disk(folder, "dataset") for folder in options.data),
    )
    with replacing(options.out, keep=is_foreign, wait=False) as new:
        _export(options, new)
    if options.push is not None:
        log.info(publish(options.out, options.push, "model", private=options.private))
    return options.out


def _export(options: ExportOptions, out: Path) -> None:
    checkpoint = load_checkpoint(options.checkpoint)
    config = checkpoint.config
    execution = ExecutionSpec(options.mode, options.m, options.open_loop_rows)
    text_of(execution)  # raises for a mode that is not there
    spec = make_spec(config, checkpoint.step, name=options.name, execution=execution)
    graphs = {FP32: to_onnx(checkpoint.policy, spec)}
    data = options.data or tuple(checkpoint.data(dataset) for dataset in config.datasets)
    observed = draw_observations(checkpoint, data)
    spec = replace(spec, start=start_range(checkpoint, data))
    expected = predict(checkpoint.policy, observed)
    if options.fast:
        measured = sample_of(observed, expected)
        action_std = checkpoint.policy.actions_std.numpy()
        fast = make_fast_graph(
            spec,
            graphs[FP32],
            calibration=take(measured, slice(CALIBRATION_SAMPLES)),
            measured=take(measured, slice(CALIBRATION_SAMPLES, None)),
            action_std=action_std,
        )
        variants = {}
        if fast is not None:
            graphs["fast"] = fast.graph
            variants["fast"] = VariantSpec(FAST_FILE, fast.tolerance)
        bf16 = bf16_variant(checkpoint.policy, observed, expected, action_std)
        if bf16 is not None:
            graphs[BF16] = graphs[FP32]
            variants[BF16] = bf16
        spec = replace(spec, variants=variants)
    chosen = np.linspace(0, len(expected) - 1, PARITY_SAMPLES).astype(int)
    sample = take(sample_of(observed, expected), chosen)
    write_checked_bundle(out, spec, graphs, sample)
    copy_training_record(options.checkpoint, checkpoint, out / RECORD_FOLDER)


def bf16_variant(
    policy: ActingPolicy,
    observed: Observations,
    expected: NDArray[np.float32],
    action_std: NDArray[np.float32],
) -> VariantSpec | None:
    """The variant bf16, or None where bfloat16 is too inaccurate; what was measured is logged.

    Measured with torch, so that it needs neither OpenVINO nor a processor with bfloat16.

    Args:
        observed: N observations.
        expected: (N, K, A) `predict` of them.
        action_std: (A,) of the training data; errors are in shares of it.
    """
    with torch.autocast("cpu", torch.bfloat16):
        rounded = predict(policy, observed)
    error = measure_error(rounded, expected, action_std)
    log.info(f"bf16: {error}")
    if not error.share <= LARGEST_ERROR:  # NaN is no accuracy
        log.info("bfloat16 is not accurate enough: the bundle has no variant bf16")
        return None
    return VariantSpec(GRAPH_FILE, BF16_MARGIN * error.largest)


def write_checked_bundle(
    folder: Path, spec: PolicySpec, graphs: Mapping[str, bytes], sample: ParitySample
) -> PolicySpec:
    """Write a bundle of the variants that the runtime can load and that reproduce the sample; how
    far each is from it is logged, and which one is left out. Returns the spec that was written.

    Raises BundleError, leaving what was in `folder`, when not even fp32 does.
    """
    with replacing(folder, keep=is_foreign) as new:
        write_bundle(new, spec, graphs, sample)
        failed = [variant for variant in graphs if not _reproduces(new, variant)]
        if failed:
            spec = replace(
                spec, variants={v: s for v, s in spec.variants.items() if v not in failed}
            )
            write_bundle(new, spec, {v: g for v, g in graphs.items() if v not in failed}, sample)
    return spec


def _reproduces(folder: Path, variant: str) -> bool:
    """Whether a variant of a bundle passes the runtime's own check; what it gave is logged."""
    if variant == BF16 and not has_bf16():
        log.info("bf16: not checked, it takes OpenVINO and a processor with bfloat16")
        return True
    try:
        policy = load_policy(folder, engine=cpu_engine(variant), variant=variant, threads=1)
    except ConfigurationError as error:
        if variant == FP32:
            raise
        log.warning(f"{variant}: left out of the bundle, which has fp32 all the same: {error}")
        return False
    parity = policy.parity
    assert parity is not None
    log.info(
        f"{variant}: largest difference from torch {parity.max_difference:.2g} "
        f"{policy.spec.output.unit} on {parity.samples} samples (tolerance {parity.tolerance:.2g})"
    )
    return True


def copy_training_record(folder: Path, checkpoint: Checkpoint, out: Path) -> None:
    """Configuration, log and curves of the run, beside the policy that came of it."""
    out.mkdir(exist_ok=True)
    config = checkpoint.config.for_others().to_json()
    write_json(out / CONFIG_FILE, {"step": checkpoint.step, **config})
    run = folder if (folder / LOG_FILE).is_file() else folder.parent
    for name in (LOG_FILE, CURVES_FILE):
        if (run / name).is_file():
            shutil.copy(run / name, out)


def to_onnx(policy: ActingPolicy, spec: PolicySpec) -> bytes:
    """The serialised fp32 graph; inputs and output as `spec` names them, without a batch."""
    types = spec.input_types
    inputs = [torch.zeros(shape, dtype=getattr(torch, dtype)) for shape, dtype in types.values()]
    with quiet_libraries():
        program = torch.onnx.export(
            _Graph(policy.eval(), len(spec.image_inputs)),
            tuple(inputs),
            input_names=list(types),
            output_names=[spec.output.name],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # as it always is with dynamo
    model = program.model_proto
    strip_notes(model)
    onnx.checker.check_model(model)
    return model.SerializeToString()


class _Graph(nn.Module):
    """A policy without the batch dimension.

    The batch is only around the network, so that normalisation touches nothing but input and
    output. There OpenVINO keeps fp32 when it computes in bfloat16; with a batch in between it
    rounds radians to 8 bits, which takes the chunks three times as far from the trainer's.
    """

    def __init__(self, policy: ActingPolicy, cameras: int) -> None:
        super().__init__()
        self.policy = policy
        self.cameras = cameras

    def forward(self, joints: Tensor, *rest: Tensor) -> Tensor:
        images, noise = rest[: self.cameras], rest[self.cameras :]
        normalised = self.policy.normalise(joints)
        small = [self.policy.downscale(image[None]) for image in images]
        chunk = self.policy.chunk(normalised[None], small, *(n[None] for n in noise))[0]
        return self.policy.restore(chunk)


@dataclass(frozen=True)
class Observations:
    """N observations: joints (N, J) and per camera, in the policy's order, (N, H, W, 3) uint8; of
    several steps (N, T, J) and (N, T, H, W, 3). For each noise input (N, ...) float32."""

    joint_position: NDArray[np.float32]
    images: Mapping[str, NDArray[np.uint8]]
    noise: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


def start_range(checkpoint: Checkpoint, data: Sequence[Path]) -> StartRange | None:
    """Where the joints were in the first frames of the demonstrations that are there.

    None where all of them were begun by something else, a policy or the lost part of a recording:
    where they begin is then no place to enable the policy at.
    """
    paths = _files(checkpoint, data, "episodes")
    episodes = [read_episode(path, with_images=False) for path in paths]
    whole = [episode for episode in episodes if not episode.begun_by]
    if not whole:
        print(
            "no episode was recorded from its start: the bundle does not say where the policy may "
            "be enabled (start_pose of the policy node does)"
        )
        return None
    first = np.stack([episode.joints[0] for episode in whole])
    lowest, highest = first.min(axis=0).astype(float), first.max(axis=0).astype(float)
    return StartRange(tuple(lowest.round(4).tolist()), tuple(highest.round(4).tolist()))


def _files(checkpoint: Checkpoint, data: Sequence[Path], which: str) -> list[Path]:
    """Those that are there of the run's training_episodes, validation_episodes or episodes.

    Args:
        data: the folder of each dataset of the run.
    """
    datasets = checkpoint.config.datasets
    if len(data) != len(datasets):
        raise ConfigurationError(
            f"--data has {len(data)} folders, but the run was trained on {len(datasets)} datasets: "
            f"{', '.join(dataset.name for dataset in datasets)}, in this order"
        )
    paths = [
        folder / name
        for folder, dataset in zip(data, datasets, strict=True)
        for name in getattr(dataset, which)
    ]
    return [path for path in paths if path.is_file()]


def draw_observations(checkpoint: Checkpoint, data: Sequence[Path]) -> Observations:
    """Random frames of held-out episodes (of training episodes when none were held out).

    Raises ConfigurationError when the dataset is not there.
    """
    config = checkpoint.config
    held_out = any(dataset.validation_episodes for dataset in config.datasets)
    which = "validation_episodes" if held_out else "training_episodes"
    paths = _files(checkpoint, data, which)
    if not paths:
        example = next(name for dataset in config.datasets for name in getattr(dataset, which))
        raise ConfigurationError(
            f"none of the episodes that were held out ({example}, ...) is in "
            f"{', '.join(map(str, data))}: their frames make the parity sample; say where the "
            "dataset is now with --data"
        )
    rng = np.random.default_rng(config.training.seed)
    paths = [paths[i] for i in rng.permutation(len(paths))[:16]]
    steps = obs_steps_of(config.model)
    count = -(-(CALIBRATION_SAMPLES + MEASURED_SAMPLES) // len(paths))
    joints: list[NDArray[np.float32]] = []
    images: dict[str, list[NDArray[np.uint8]]] = {c: [] for c in config.features.camera_names}
    for path in paths:
        episode = read_episode(path)
        rows = rng.integers(len(episode), size=count)
        if steps > 1:
            rows = np.maximum(rows[:, None] - np.arange(steps)[::-1], 0)
        joints.append(episode.joints[rows])
        for camera, frames in images.items():
            frames.append(episode.images[camera][rows])
    order = rng.permutation(count * len(paths))
    noise = {}
    if takes_noise(config.model):
        shape = (len(order), config.model.chunk_size, len(config.features.actions))
        noise[NOISE_INPUT] = rng.standard_normal(shape, dtype=np.float32)
    return Observations(
        np.concatenate(joints)[order],
        {camera: np.concatenate(frames)[order] for camera, frames in images.items()},
        noise,
    )


@torch.inference_mode()
def predict(policy: ActingPolicy, observed: Observations) -> NDArray[np.float32]:
    """The trainer's chunks (N, K, A), computed in fp32 on the CPU one by one."""
    chunks = [
        policy.predict(
            torch.from_numpy(observed.joint_position[i : i + 1]),
            [torch.from_numpy(images[i : i + 1]) for images in observed.images.values()],
            *(torch.from_numpy(noise[i : i + 1]) for noise in observed.noise.values()),
        )[0].numpy()
        for i in range(len(observed.joint_position))
    ]
    if not np.isfinite(chunks).all():
        raise ConfigurationError(
            "the policy answers recorded frames with values that are not finite: it is not fit for "
            "use; take an earlier checkpoint"
        )
    return np.stack(chunks)


def sample_of(observed: Observations, chunks: NDArray[np.float32]) -> ParitySample:
    """Observations with the trainer's chunks for them."""
    return ParitySample(observed.joint_position, observed.images, chunks, observed.noise)


def take(sample: ParitySample, index: slice | NDArray[np.int64]) -> ParitySample:
    """Some of the samples."""
    images = {camera: frames[index] for camera, frames in sample.images.items()}
    noise = {name: stack[index] for name, stack in sample.noise.items()}
    return ParitySample(sample.joint_position[index], images, sample.chunks[index], noise)


def main() -> None:
    run_command(
        export,
        ExportOptions,
        kept=lambda options: f"what was in {options.out} before is as it was, start it again",
        then=lambda options: f"act-evaluate --policy {options.out}",
    )


if __name__ == "__main__":
    main()
