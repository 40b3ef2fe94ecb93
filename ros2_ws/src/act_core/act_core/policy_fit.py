"""Whether a policy fits what it meets: a dataset, an environment, an arm, cameras.

Every rule is here once; launch files, evaluator and `act-check` ask for what they know of.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from act_core.policy_spec import RGB, PolicySpec


@dataclass(frozen=True)
class Meeting:
    """What a policy meets, as far as that is known; None for what is not.

    name: for the text, e.g. "the episode".
    cameras: name -> (height, width).
    """

    name: str
    joints: tuple[str, ...] | None = None
    actions: tuple[str, ...] | None = None
    joint_unit: str | None = None
    action_unit: str | None = None
    rate_hz: float | None = None
    cameras: Mapping[str, tuple[int, int]] | None = field(default=None)


def misfits(spec: PolicySpec, met: Meeting) -> list[str]:
    """One line for each thing that differs, with both sides; empty: the policy fits exactly, order
    and image sizes included."""
    pairs: tuple[tuple[str, object, object], ...] = (
        ("joints", spec.joint_input.joints, met.joints),
        ("actions", spec.output.joints, met.actions),
        ("unit of joints", spec.joint_input.unit, met.joint_unit),
        ("unit of actions", spec.output.unit, met.action_unit),
        ("rate_hz", spec.rate_hz, met.rate_hz),
    )
    found = [
        f"{what} of policy '{spec.name}' {'are' if isinstance(ours, tuple) else 'is'} "
        f"{_text(ours)}, but {met.name} has {_text(theirs)}"
        for what, ours, theirs in pairs
        if theirs is not None and ours != theirs
    ]
    if met.cameras is None:
        return found
    found += [
        f"policy '{spec.name}' needs depth ({image.encoding}) of camera {image.camera}, but "
        f"{met.name} shows colours"
        for image in spec.image_inputs
        if image.encoding != RGB
    ]
    there = ", ".join(f"{name} {w}x{h}" for name, (h, w) in sorted(met.cameras.items())) or "none"
    return found + [
        f"policy '{spec.name}' needs camera {image.camera} with {image.width}x{image.height} "
        f"pixels, but {met.name} shows {there}"
        for image in spec.image_inputs
        if met.cameras.get(image.camera) != (image.height, image.width)
    ]


def other_joints(spec: PolicySpec, joints: Sequence[str]) -> str | None:
    """What to say where a policy commands other joints than there are, in whatever order."""
    if set(spec.output.joints) == set(joints):
        return None
    return (
        f"policy '{spec.name}' is for another robot: it commands "
        f"{', '.join(spec.output.joints)}; here are {', '.join(joints)}"
    )


def missing_cameras(cameras: Sequence[str], there: Collection[str], where: str) -> str | None:
    """What to say where a policy's cameras are not all ``there``; ``where`` that is, in words."""
    missing = [name for name in cameras if name not in there]
    if not missing:
        return None
    return (
        f"the policy sees with {', '.join(cameras)}, but there is no "
        f"{', '.join(missing)} in {where}"
    )


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
