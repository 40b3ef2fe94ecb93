"""A bundle by itself: is it whole, in the right units, and does it answer like a policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from act_core.errors import ConfigurationError
from act_core.policy_json import SPEC_FILE, read_spec
from act_core.policy_spec import PolicySpec
from act_core.policy_units import RAD, check_units
from act_core.robots import known_joints
from act_policy.bundle import ParitySample
from act_policy.load_policy import check_recorded, load_policy
from act_policy.modes import make_mode

from act_console.check.findings import Finding, fine, note, wrong

EXPORT = "export it again (act-export --checkpoint RUN --data DATASET --out BUNDLE)"
SAME_ANSWER = 1e-4  # of all chunks to different observations: nothing that is seen matters
FAR_FROM_JOINTS_RAD = 0.8  # between where the joints are and where a chunk begins, at the median
BEYOND_LIMIT_RAD = 0.1  # which the limiter clips without harm


def check_spec(folder: Path) -> tuple[PolicySpec | None, list[Finding]]:
    """The spec of a bundle, None where it cannot be read, and what was found."""
    try:
        spec = read_spec(folder)
    except (ConfigurationError, OSError) as error:
        return None, [wrong("policy", str(error), f"name the folder of a bundle, or {EXPORT}")]
    cameras = ", ".join(f"{i.camera} {i.width}x{i.height}" for i in spec.image_inputs) or "none"
    found = [
        fine(
            "policy",
            f"'{spec.name}': {len(spec.joint_input.joints)} joints, {len(spec.output.joints)} "
            f"actions, cameras {cameras}, {spec.chunk_size} rows at {spec.rate_hz:g} Hz",
        )
    ]
    try:
        check_units(spec)
        found.append(fine("units", f"{spec.joint_input.unit} in, {spec.output.unit} out"))
    except ConfigurationError as error:
        found.append(wrong("units", str(error)))
    try:
        make_mode(spec.execution, spec)
    except ConfigurationError as error:
        found.append(wrong("execution", str(error), f"correct execution in {folder / SPEC_FILE}"))
    if spec.start is None:
        found.append(
            note(
                "start",
                "the bundle does not say where its episodes start: it could be enabled anywhere",
                f"{EXPORT}: with --data it is known",
            )
        )
    if not spec.provenance.get("success"):
        found.append(
            note("success", "nobody has measured it", f"act-evaluate --policy {folder} --stamp")
        )
    return spec, found


def check_bundle(folder: Path, spec: PolicySpec) -> Iterator[Finding]:
    """The files beside policy.json: graph, parity, and what the parity sample tells."""
    try:
        policy = load_policy(folder)
    except (ConfigurationError, OSError) as error:
        yield wrong("graph", str(error), EXPORT)
        return
    yield fine("graph", f"{policy.description}; gives what the trainer computed")
    for warning in policy.warnings:
        yield note("graph", warning)
    try:
        check_recorded(policy.bundle)
    except ConfigurationError as error:
        yield wrong("units", str(error))
    yield from check_normalisation(policy.bundle.parity_sample(), spec)


def check_normalisation(sample: ParitySample, spec: PolicySpec) -> Iterator[Finding]:
    """Whether the answers have the size of motions: what statistics of other data would spoil.

    sample: recorded observations with what the policy answers to them, as every bundle has it.
    """
    about = "normalisation"
    chunks = sample.chunks.astype(np.float64)  # (N, K, A)
    problems = []
    if len(sample) > 1 and float(np.ptp(chunks, axis=0).max()) < SAME_ANSWER:
        problems.append("the policy answers every observation alike")
    if spec.output.unit == RAD == spec.joint_input.unit:
        problems += [*_far_from_joints(sample, spec), *_beyond_limits(chunks, spec)]
    for text in problems:
        yield wrong(about, text, f"were its statistics another dataset's? {EXPORT}")
    if not problems:
        ends = f"{chunks.min():.2f} to {chunks.max():.2f} {spec.output.unit}"
        yield fine(about, f"actions of the recorded sample are {ends}")


def _far_from_joints(sample: ParitySample, spec: PolicySpec) -> list[str]:
    """Positions that a policy wants at once are near those that it sees."""
    names = [name for name in spec.output.joints if name in spec.joint_input.joints]
    seen = sample.joint_position.reshape(len(sample), -1, len(spec.joint_input.joints))[:, -1]
    gaps = {}
    for name in names:
        wanted = sample.chunks[:, 0, spec.output.joints.index(name)]
        gap = np.median(np.abs(wanted - seen[:, spec.joint_input.joints.index(name)]))
        if not gap <= FAR_FROM_JOINTS_RAD:
            gaps[name] = float(gap)
    return [
        f"its chunks begin {gap:.2f} rad away from where {name} is: are its actions differences?"
        for name, gap in gaps.items()
    ]


def _beyond_limits(chunks: np.ndarray, spec: PolicySpec) -> list[str]:
    known = known_joints(spec.output.joints)
    found = []
    for index, name in enumerate(spec.output.joints):
        if name not in known:
            continue
        rows, joint = chunks[..., index], known[name]
        share = float(
            np.mean(
                (rows < joint.lower_rad - BEYOND_LIMIT_RAD)
                | (rows > joint.upper_rad + BEYOND_LIMIT_RAD)
            )
        )
        if share > 0.1:
            found.append(
                f"{share:.0%} of its targets for {name} are outside {joint.lower_rad:.2f} to "
                f"{joint.upper_rad:.2f} rad"
            )
    return found
