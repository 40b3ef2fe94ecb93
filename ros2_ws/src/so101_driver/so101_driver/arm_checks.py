"""Is this the arm that the calibration says? Asked before anything moves; errors say what to do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from act_core.limits import JointLimits
from act_core.robots.so101 import JOINT_NAMES

from so101_driver import registers as reg
from so101_driver.arm import So101Arm
from so101_driver.bus import Bus, Identity
from so101_driver.bus_errors import ArmError, BusError, MissingError, NoReplyError
from so101_driver.calibration import Calibration, Vector

CALIBRATION_REGISTERS = {
    "homing_offset": reg.HOMING_OFFSET,
    "range_min": reg.MIN_POSITION_LIMIT,
    "range_max": reg.MAX_POSITION_LIMIT,
}
TOO_LATE = (
    "servos answer, but too late: the adapter keeps their replies. FTDI adapters collect bytes for "
    "16 ms; as root: echo 1 > /sys/bus/usb-serial/devices/ttyUSB0/latency_timer (its own name)"
)
DOUBLE_ID_READS = 4  # two servos under one id are rarely in the same place


def open_checked(
    open_arm: Callable[[], So101Arm], prepare: Callable[[So101Arm], object]
) -> So101Arm:
    """An arm on an open port that is the calibrated one, after ``prepare``.

    Raises what any of the steps does; the port is closed then.
    """
    arm = open_arm()
    try:
        check(arm)
        prepare(arm)
    except BusError:
        arm.bus.close()
        raise
    return arm


def check(arm: So101Arm) -> None:
    """An arm is the calibrated one. Raises what the steps do."""
    check_servos(arm)
    check_calibration(arm)


def check_servos(arm: So101Arm) -> None:
    """All six servos are there, once each, and are STS3215.

    Raises MissingError for missing servos, and ArmError for another baud rate, other models and ids
    given twice.
    """
    before = arm.bus.counters.discarded
    identities, doubled = {}, []
    for servo_id in arm.servo_ids:
        identity, damaged = _ask(arm.bus, servo_id)
        if identity is not None:
            identities[servo_id] = identity
        if damaged:
            doubled.append(servo_id)
    missing = [i for i in arm.servo_ids if i not in identities and i not in doubled]
    if len(missing) == len(arm.servo_ids):
        late = arm.bus.counters.discarded > before
        raise MissingError(TOO_LATE if late else _nobody_answers(arm))
    if doubled:
        names = ", ".join(arm.joint_of(i) for i in doubled)
        lacking = ", ".join(arm.joint_of(i) for i in missing)
        raise ArmError(
            f"the replies of {names} are damaged again and again: do two servos have that id? "
            + (f"Nobody answers as {lacking}. " if missing else "")
            + "Connect the servos one at a time and give each its own id: so101-setup assign-id"
        )
    if missing:
        names = ", ".join(arm.joint_of(i) for i in missing)
        raise MissingError(
            f"{names} does not answer: check the cables at it and at the servo before it "
            f"({len(arm.servo_ids) - len(missing)} of {len(arm.servo_ids)} servos answer)"
        )
    for identity in identities.values():
        if not identity.is_sts3215:
            expected = " or ".join(map(str, reg.MODEL_NUMBERS))
            raise ArmError(
                f"{arm.joint_of(identity.servo_id)} has model number {identity.model_number}, "
                f"expected {expected} (STS3215): other servos have other units and limits"
            )


def _ask(bus: Bus, servo_id: int) -> tuple[Identity | None, bool]:
    """Who answers, and whether what comes is damaged every time: two servos that answer at once
    garble each other's replies."""
    before = bus.counters.damaged + bus.counters.noise
    identity = bus.ping(servo_id)
    silent = 0 if identity is not None else DOUBLE_ID_READS
    if identity is not None:
        for _ in range(DOUBLE_ID_READS):
            try:
                bus.read(servo_id, reg.PRESENT_POSITION)
            except NoReplyError:
                silent += 1
    damaged = bus.counters.damaged + bus.counters.noise > before
    return identity, damaged and silent > DOUBLE_ID_READS // 2


def _nobody_answers(arm: So101Arm) -> str:
    """Looks for the servos at other rates."""
    bus, wanted = arm.bus, arm.bus.transport.baud
    found = None
    for baud in reg.BAUD_RATES:
        if baud == wanted:
            continue
        bus.transport.set_baud(baud)
        if any(bus.ping(i, retries=0) for i in arm.servo_ids):
            found = baud
            break
    bus.transport.set_baud(wanted)
    if found is not None:
        return (
            f"no servo answers at {wanted} baud, but some do at {found}: start with baud:={found}, "
            "or run so101-setup assign-id, which sets the rate too"
        )
    return (
        f"no servo answers (ids {', '.join(map(str, arm.servo_ids))}): is the arm's own power "
        "supply on, the first cable plugged in, the adapter's jumper at B (USB)?"
    )


def check_calibration(arm: So101Arm) -> None:
    """The servos hold the calibration. Raises ArmError with the differences."""
    held = read_calibration(arm)
    differences = []
    for joint in JOINT_NAMES:
        for key in CALIBRATION_REGISTERS:
            wanted, found = getattr(arm.calibration[joint], key), held[joint][key]
            if wanted != found:
                differences.append(f"{joint} {key}: file {wanted}, servo {found}")
    if differences:
        raise ArmError(
            "the servos hold another calibration than the file: is it this arm's? "
            f"({'; '.join(differences)}) Write the file to the servos (so101-setup check "
            "--restore), or calibrate again (so101-setup calibrate)"
        )


def check_position(here: Vector, limits: JointLimits, tolerance_rad: float) -> None:
    """No joint (6,) [rad] is further past a limit than ``tolerance_rad``. Raises ArmError that
    names one."""
    beyond = np.maximum(limits.lower_rad - here, here - limits.upper_rad)
    worst = int(np.argmax(beyond))
    if beyond[worst] > tolerance_rad:
        raise ArmError(
            f"{JOINT_NAMES[worst]} is at {here[worst]:.3f} rad, outside "
            f"{limits.lower_rad[worst]:.3f} to {limits.upper_rad[worst]:.3f}: torque is not "
            "switched on; move the joint by hand, then call the service driver/torque, or "
            "calibrate again (so101-setup calibrate)"
        )


def read_calibration(arm: So101Arm) -> dict[str, dict[str, int]]:
    """What the servos hold: joint -> homing_offset, range_min, range_max [counts]."""
    return {
        joint: {key: arm.bus.read_sure(i, r) for key, r in CALIBRATION_REGISTERS.items()}
        for joint, i in zip(JOINT_NAMES, arm.servo_ids, strict=True)
    }


def write_calibration(arm: So101Arm, calibration: Calibration | None = None) -> None:
    """Writes a calibration (the arm's own by default) to the servos, with their torque off.

    Raises BusError where a servo does not take it.
    """
    calibration = arm.calibration if calibration is None else calibration
    arm.release()
    for joint, servo_id in zip(JOINT_NAMES, arm.servo_ids, strict=True):
        values = {r: getattr(calibration[joint], key) for key, r in CALIBRATION_REGISTERS.items()}
        arm.write_eeprom(servo_id, values)
