"""A checkpoint of LeRobot's ACT becomes a policy bundle, which runs without LeRobot and torch.

What the bundle needs and no file of the checkpoint says, a person says: the units that the arm was
recorded in (unless the statistics prove them) and the rate.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from act_core.policy_spec import (
    ActionOutput,
    ExecutionSpec,
    ImageInput,
    JointInput,
    ParitySpec,
    PolicySpec,
)
from act_core.robots.so101 import JOINT_NAMES
from act_policy.bundle import BF16, FP32, SPEC_FILE, ParitySample
from numpy.typing import NDArray
from so101_driver.calibration import Calibration

from act_training.bundle_spec import ACTION_OUTPUT, JOINT_INPUT
from act_training.datasets.errors import DatasetError
from act_training.datasets.lerobot.arm_names import ArmColumns, find_arm
from act_training.datasets.lerobot.so101_units import (
    CONVERTED,
    GRIPPER_OPEN,
    RAD,
    scheme_notes,
    so101_units,
)
from act_training.datasets.lerobot.unit_evidence import (
    Recorded,
    check_fits,
    check_gripper,
    find_scheme,
    limit_warnings,
)
from act_training.datasets.source import Declared
from act_training.export import (
    PARITY_SAMPLES,
    Observations,
    bf16_variant,
    predict,
    to_onnx,
    write_checked_bundle,
)
from act_training.hub import SCHEME
from act_training.lerobot_checkpoint import LerobotCheckpoint, read_checkpoint
from act_training.policies.act.lerobot import Affine, LerobotPolicy

OPTIONS = ("--joint-names", "--action-names")
PATCH = 40  # pixels of one colour in the images of the parity sample
SEED = 0
STILL = 1e-6  # spread, in any unit

log = logging.getLogger(__name__)


def import_checkpoint(
    folder: Path, out: Path, declared: Declared, calibration: Calibration | None, origin: str
) -> Path:
    """Write the bundle of the LeRobot checkpoint in `folder`.

    Args:
        out: folder of the bundle; a bundle that is there is replaced.
        declared: what a person says of the checkpoint.
        calibration: of the arm that recorded, see `so101_units`.
        origin: goes into the bundle's provenance; of a path only the last part.

    Raises DatasetError for a checkpoint that cannot be carried over, or of which too little is
    known.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / SPEC_FILE).is_file():
        raise DatasetError(f"'{out}' holds something else than a bundle: name a new folder")
    if declared.cameras:
        raise DatasetError("--cameras chooses those of a dataset; a policy needs all that it has")
    imported = describe(read_checkpoint(folder), declared, calibration, origin)
    spec, policy = imported.spec, imported.policy
    observed = draw_observations(imported)
    sample = ParitySample(observed.joint_position, observed.images, predict(policy, observed))
    graphs = {FP32: to_onnx(policy, spec)}
    bf16 = bf16_variant(policy, observed, sample.chunks, policy.actions.spread.abs().numpy())
    if bf16 is not None:
        graphs[BF16] = graphs[FP32]
        spec = replace(spec, variants={BF16: bf16})
    write_checked_bundle(out, spec, graphs, sample)
    for note in imported.notes:
        log.info(f"note: {note}")
    cameras = ", ".join(f"{i.camera} {i.width}x{i.height}" for i in spec.image_inputs)
    log.info(
        f"bundle {out}: {spec.rate_hz:g} Hz, {spec.execution.mode}, cameras {cameras}; next: "
        f"ros2 launch act_bringup real_so101.launch.py policy:={out}"
    )
    for warning in imported.warnings:  # last, where they are seen
        log.warning(f"warning: {warning}")
    return out


class Imported(NamedTuple):
    """A policy as the bundle has it; `notes` and `warnings` are for a person."""

    spec: PolicySpec
    policy: LerobotPolicy
    joints: Affine
    notes: list[str]
    warnings: list[str]


def describe(
    checkpoint: LerobotCheckpoint,
    declared: Declared,
    calibration: Calibration | None = None,
    origin: str = "",
) -> Imported:
    """Names, units, rate and execution of a checkpoint; arguments as of `import_checkpoint`."""
    robot = _describe_robot(checkpoint, declared, calibration)
    spec = _make_spec(checkpoint, robot, declared, origin)
    policy = LerobotPolicy(checkpoint.network, robot.joints, robot.actions, checkpoint.images)
    notes = [*checkpoint.notes, *robot.notes, *_still(robot)]
    if spec.execution.open_loop_rows == 1:
        notes.append(
            "it plays one row of each chunk (n_action_steps 1) without an ensemble, at which ACT "
            "policies stall: try the node's mode ensemble"
        )
    return Imported(spec, policy, robot.joints, notes, robot.warnings)


class Robot(NamedTuple):
    """Names, unit and normalisation of joints and actions, as the bundle has them."""

    joint_names: tuple[str, ...]
    action_names: tuple[str, ...]
    unit: str
    scheme: str | None  # of LeRobot's units, for an SO-101
    joints: Affine
    actions: Affine
    notes: list[str]
    warnings: list[str]


def _describe_robot(
    checkpoint: LerobotCheckpoint, declared: Declared, calibration: Calibration | None
) -> Robot:
    sizes = checkpoint.network.config
    counts = (sizes.state_dim, sizes.action_dim)
    notes = []
    names = (declared.joints, declared.actions or declared.joints)
    if not declared.joints and counts == (len(JOINT_NAMES),) * 2:
        names = (JOINT_NAMES, declared.actions or JOINT_NAMES)
        notes.append("taken for an SO-101 arm; another one needs its --joint-names")
    arms = [find_arm(vector) for vector in names]
    if arms[0] is not None and arms[1] is not None:
        for option, vector, count in zip(OPTIONS, names, counts, strict=True):
            if len(vector) != count:
                raise DatasetError(f"{option} has {len(vector)} names, the policy {count} values")
        return _describe_arm(checkpoint, (arms[0], arms[1]), declared, calibration, notes)
    if calibration is not None:
        raise DatasetError(
            f"a calibration is for an SO-101 arm; this policy has {counts[0]} joints"
        )
    if declared.units in CONVERTED or declared.gripper_open is not None:
        raise DatasetError(
            "--units and --gripper-open convert the joints of an SO-101 arm, and would convert "
            f"nothing: this policy has {counts[0]} joint and {counts[1]} action values "
            f"({', '.join(declared.joints) or 'without names'}). If it is one, --joint-names says "
            f"in which order they are ({' '.join(JOINT_NAMES)}); of another robot --units only "
            "names the unit, rad or a word of your own"
        )
    if not declared.joints:
        raise DatasetError(
            f"the policy has {counts[0]} joint and {counts[1]} action values, which is no SO-101 "
            "arm, and no file names them: say --joint-names and, if they differ, --action-names"
        )
    joint_names = declared.rename_joints(("",) * counts[0])
    action_names = declared.rename_actions(("",) * counts[1])
    if not declared.units:
        raise DatasetError(
            "nothing says in which units the values are, and without them no robot can run the "
            "policy: say --units, e.g. rad"
        )
    return Robot(
        joint_names,
        action_names,
        declared.units,
        None,
        checkpoint.joints,
        checkpoint.actions,
        notes,
        [],
    )


def _describe_arm(
    checkpoint: LerobotCheckpoint,
    arms: tuple[ArmColumns, ArmColumns],
    declared: Declared,
    calibration: Calibration | None,
    notes: list[str],
) -> Robot:
    """An SO-101, or two, in rad; the order of its values stays that of the network."""
    for arm in arms:
        if arm.left_out:
            raise DatasetError(
                f"the policy has {', '.join(arm.left_out)} beside the joints of an SO-101: a "
                "policy that runs here takes and commands joints only"
            )
    if calibration is not None and len(arms[0].kinds) > len(JOINT_NAMES):
        raise DatasetError("a calibration is of one arm, and this policy is of two")
    gripper_open = GRIPPER_OPEN if declared.gripper_open is None else declared.gripper_open
    evidence = [
        Recorded(
            f"the statistics of the {what}",
            arm.kinds,
            poses.min(axis=0)[list(arm.columns)],
            poses.max(axis=0)[list(arm.columns)],
            float((np.abs(poses) == 100).any()),  # an extreme of exactly 100: it was clipped
        )
        for what, arm, poses in zip(
            ("state", "action"), arms, (checkpoint.known_poses, checkpoint.known_actions),
            strict=True,
        )
        if len(poses)
    ]  # fmt: skip
    scheme = find_scheme(declared.units, evidence, None, gripper_open)
    for recorded in evidence:
        check_gripper([recorded], scheme, said=declared.gripper_open is not None)
    names, affines, warnings = [], [], []
    for arm, (centre, spread) in zip(arms, (checkpoint.joints, checkpoint.actions), strict=True):
        units = so101_units(scheme, calibration, arm.kinds, gripper_open)
        back = np.argsort(arm.columns)  # from our order to the network's
        scale, offset = units.scale[back], units.offset[back]
        names.append(tuple(arm.names[i] for i in back))
        affines.append(Affine(offset + scale * centre, scale * spread))
    if not declared.trust_units:
        check_fits(scheme, evidence, gripper_open)
    for recorded in evidence:
        warnings += limit_warnings(
            recorded, so101_units(scheme, calibration, recorded.joints, gripper_open)
        )
    notes += scheme_notes(scheme, calibration)
    return Robot(names[0], names[1], RAD, scheme, affines[0], affines[1], notes, warnings)


def _still(robot: Robot) -> list[str]:
    """A note on joints that did not move in training: LeRobot divides by almost nothing there."""
    still = [name for name, spread in zip(robot.joint_names, robot.joints.spread, strict=True)
             if abs(spread) < STILL]  # fmt: skip
    if not still:
        return []
    return [
        f"{', '.join(still)} did not move in the recordings: any other value than theirs is far "
        "beyond what the policy has seen"
    ]


def _make_spec(
    checkpoint: LerobotCheckpoint, robot: Robot, declared: Declared, origin: str
) -> PolicySpec:
    sizes = checkpoint.network.config
    if checkpoint.rate_hz is not None:
        declared.check_rate(checkpoint.rate_hz)
    rate_hz = checkpoint.rate_hz or declared.needed_rate("30 is LeRobot's default")
    max_jump = ExecutionSpec().max_jump if robot.unit == RAD else None  # the default is in radians
    if checkpoint.ensemble_m is not None:
        execution = ExecutionSpec("ensemble", m=checkpoint.ensemble_m, max_jump=max_jump)
    else:
        rows = checkpoint.action_steps
        execution = ExecutionSpec("open_loop", open_loop_rows=rows, max_jump=max_jump)
    # The graph is as exact as float32: 1e-4 is for radians, others may have larger numbers.
    tolerance = ParitySpec().tolerance * max(1.0, float(np.abs(robot.actions.spread).max()))
    dataset = checkpoint.dataset
    return PolicySpec(
        name=declared.task or (dataset.rpartition("/")[2] if dataset else "lerobot_act"),
        rate_hz=rate_hz,
        chunk_size=sizes.chunk_size,
        joint_input=JointInput(JOINT_INPUT, robot.joint_names, robot.unit),
        image_inputs=tuple(
            ImageInput(f"image_{camera.name}", camera.name, camera.height, camera.width)
            for camera in checkpoint.cameras
        ),
        output=ActionOutput(ACTION_OUTPUT, robot.action_names, robot.unit),
        execution=execution,
        parity=ParitySpec(tolerance=tolerance),
        provenance={
            "task": declared.task,
            "imported_from": origin if origin.startswith(SCHEME) else Path(origin).name,
            "format": "LeRobot ACT",
            "dataset": dataset,
            "units": robot.scheme,
            "model": asdict(sizes),
            "success": {},
        },
    )


def draw_observations(imported: Imported) -> Observations:
    """Made-up poses that are likely in training, and images of coloured squares.

    The frames that the policy was trained on are not at hand; what is compared is a graph with the
    network that it came from.
    """
    rng = np.random.default_rng(SEED)
    centre, spread = imported.joints
    poses = centre + spread * rng.uniform(-1.0, 1.0, (PARITY_SAMPLES, len(centre)))
    images: dict[str, NDArray[np.uint8]] = {}
    for image in imported.spec.image_inputs:
        size = (-(-image.height // PATCH), -(-image.width // PATCH))
        colours = rng.integers(0, 256, (PARITY_SAMPLES, *size, 3), dtype=np.uint8)
        squares = colours.repeat(PATCH, axis=1).repeat(PATCH, axis=2)
        images[image.camera] = squares[:, : image.height, : image.width]
    return Observations(poses.astype(np.float32), images)
