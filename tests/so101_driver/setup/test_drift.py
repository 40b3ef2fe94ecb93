"""An arm that is, or is not, as its calibration says."""

from __future__ import annotations

import math

import pytest
from act_core.robots.so101 import SO101
from so101_driver import registers as reg
from so101_driver.emulator.arm import emulated_calibration
from so101_driver.protocol import Packet
from so101_driver.setup.drift import drifts, outside_range
from so101_driver.setup.sweep import Range, Sweep, sweep, swept_joints

from tests.so101_driver.setup.arms import Person, Table, through_the_range

SWEPT = [joint.name for joint in swept_joints(SO101)]


def test_an_arm_as_calibrated():
    assert outside_range(Table().open(), emulated_calibration()) == []


def test_a_joint_past_its_range_is_named():
    table = Table()
    table.put("wrist_flex", 1.8)
    (text,) = outside_range(table.open(), emulated_calibration())
    assert text.startswith("wrist_flex is at ")
    assert "8.1 degrees past its range" in text


@pytest.mark.parametrize(
    ("slipped_deg", "verdict"), [(0.0, "good"), (4.0, "drifted"), (-14.4, "calibrate again")]
)
def test_a_horn_that_slipped_is_measured_at_the_ends_of_its_travel(slipped_deg, verdict):
    table = Table()
    servo = table.servo("shoulder_lift")
    servo._zero_count += slipped_deg / 360 * 4096
    servo.write(reg.LOCK.address, b"\x01")
    bus = table.open()
    recording = sweep(bus, Person({}, through_the_range(table, SWEPT)), swept_joints(SO101))
    found = {drift.joint: drift for drift in drifts(recording, emulated_calibration())}
    assert list(found) == SWEPT
    lift = found.pop("shoulder_lift")
    assert lift.lower_deg == pytest.approx(slipped_deg, abs=0.2)
    assert lift.upper_deg == pytest.approx(slipped_deg, abs=0.2)
    assert lift.verdict.startswith(verdict)
    assert all(drift.verdict == "good" for drift in found.values())
    assert math.isclose(lift.worst_deg, abs(slipped_deg), abs_tol=0.2)


def test_a_damaged_reading_with_a_right_checksum_widens_no_range():
    table = Table()
    servo, bus = table.servo("elbow_flex"), table.open()
    here = servo.motor.position
    recording = Sweep([servo.servo_id])
    answer, wrong = servo.read, [here + 900, here - 700]

    def read(address: int, count: int) -> Packet | None:
        reply = answer(address, count)
        if reply is None or address != reg.PRESENT_POSITION.address or not wrong:
            return reply
        data = reg.PRESENT_POSITION.encode(wrong.pop()) + reply.parameters[2:]
        return reply._replace(parameters=data)

    servo.read = read
    for _ in range(4):
        recording.read(bus)
    assert wrong == []
    assert recording.ranges == {servo.servo_id: Range(here, here)}
