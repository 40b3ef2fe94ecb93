"""A set-up against the policy: arm, calibration, cameras, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from act_camera.camera_parameters import parameters_of
from act_core.errors import ConfigurationError
from act_core.parameters import from_values
from act_core.policy_fit import missing_cameras, other_joints
from act_core.policy_spec import ImageInput, PolicySpec
from act_core.robots import find_robot
from act_core.setup_file import EMULATED, Setup
from act_policy.image_fit import other_proportions
from so101_driver import calibration
from so101_driver.so_arm import find_arm

from act_console.check.findings import Finding, fine, note, wrong
from act_console.journey import OPEN, WRONG, hardware

ROBOT = "so101"  # what a set-up is of


def check_setup(spec: PolicySpec, setup: Setup) -> Iterator[Finding]:
    """Everything that a set-up's file and its devices tell."""
    for step in hardware(setup):
        if step.state in (WRONG, OPEN):
            yield wrong(step.name, step.text, step.cure)
        else:
            yield fine(step.name, step.text)
    other = other_joints(spec, find_robot(ROBOT).joint_names)
    if other is not None:
        yield wrong("joints", other, "choose a policy of this robot")
        return
    yield from _calibrated(spec, setup)
    if setup.hardware != EMULATED:
        yield from _cameras(spec, setup)


def _calibrated(spec: PolicySpec, setup: Setup) -> Iterator[Finding]:
    named = setup.launch_arguments().get("calibration", "")
    if setup.hardware == EMULATED or not named or spec.start is None:
        return
    try:
        arm = find_arm(setup.launch_arguments().get("robot", ROBOT))
        stored = calibration.load(calibration.find(named, robot=arm), arm)
        limits = calibration.JointConversion(stored).limits()
    except ConfigurationError:
        return  # told with the arm already
    lower = dict(zip(limits.names, limits.lower_rad, strict=True))
    upper = dict(zip(limits.names, limits.upper_rad, strict=True))
    starts = zip(spec.joint_input.joints, spec.start.lower, spec.start.upper, strict=True)
    outside = [
        f"{name} {low:.2f} to {high:.2f} rad, the arm's {lower[name]:.2f} to {upper[name]:.2f}"
        for name, low, high in starts
        if name in lower and not (lower[name] <= low and high <= upper[name])
    ]
    if outside:
        yield wrong(
            "calibration", f"the policy starts outside of the calibrated range: "
            f"{'; '.join(outside)}", "is it this arm's calibration? else: so101-setup calibrate",
        )  # fmt: skip
    else:
        yield fine("calibration", "the policy's start is inside the calibrated ranges")


def _cameras(spec: PolicySpec, setup: Setup) -> Iterator[Finding]:
    missing = missing_cameras(spec.cameras, setup.cameras, f"{setup.file}: {setup.cameras_text}")
    if missing is not None:
        yield wrong("cameras", missing, f"so101-setup save {setup.name}: names are the policy's")
    unused = [name for name in setup.cameras if name not in spec.cameras]
    if unused:
        yield note("cameras", f"the policy does not look at {', '.join(unused)}")
    for image in spec.image_inputs:
        if image.camera in setup.cameras:
            yield from _camera(spec, image, setup.cameras[image.camera])


def _camera(spec: PolicySpec, image: ImageInput, entry: Mapping[str, object]) -> Iterator[Finding]:
    if "topic" in entry:
        yield note("cameras", f"{image.camera} is another driver's: its size shows while it runs")
        return
    source = str(entry.get("source", "v4l2" if "device" in entry else "video"))
    try:
        camera = from_values(parameters_of(source), {**entry, "source": source})
    except ConfigurationError as error:
        yield wrong("cameras", f"{image.camera}: {error}", "correct it in the set-up's file")
        return
    size = camera.image_size()
    if size is not None:
        yield size_finding(image, size[1], size[0])
    if camera.rate_hz < spec.rate_hz:
        yield slow_finding(spec, image.camera, camera.rate_hz)


def size_finding(image: ImageInput, height: int, width: int) -> Finding:
    """Whether pictures of that size can be shown to the policy."""
    bad = other_proportions(height, width, image)
    if bad is not None:
        return wrong("cameras", bad, "set width and height of the camera to those proportions")
    scaled = "" if (height, width) == (image.height, image.width) else (
        f", scaled to {image.width}x{image.height}"
    )  # fmt: skip
    return fine("cameras", f"{image.camera} {width}x{height}{scaled}")


def slow_finding(spec: PolicySpec, camera: str, rate_hz: float) -> Finding:
    return note(
        "rates",
        f"{camera} comes at {rate_hz:.3g} Hz, the policy was trained at {spec.rate_hz:g} Hz: it "
        "sees less often than it learnt",
        f"set rate_hz of the camera to {np.ceil(spec.rate_hz):g}",
    )
