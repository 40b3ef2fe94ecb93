"""Arms that differ from the SO-101 in their data: the SO-100, and an arm with another gripper."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.robots import find_robot, known_joints
from act_core.robots.so101 import JOINT_NAMES, SO101
from so101_driver import calibration as cal
from so101_driver.arm import So101Arm
from so101_driver.arm_driver import ArmDriver
from so101_driver.calibration_checks import doubts
from so101_driver.driver_parameters import DriverParameters
from so101_driver.driver_settings import DriverSettings
from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.emulator.hand import servos_for_a_hand
from so101_driver.exit_policy import REST, carry_out
from so101_driver.setup.sweep import swept_joints
from so101_driver.so_arm import find_arm

from tests.so101_driver.emulated_arm import EmulatedArm, Operator

DOCS = Path(__file__).resolve().parents[2] / "docs"
SO100 = find_arm("so_arm100")
HOME = SO100.pose("home")


class EmulatedSo100(EmulatedArm):
    def __init__(self) -> None:
        super().__init__(servos=emulated_servos(HOME, robot=SO100))

    def arm(self, calibration=None) -> So101Arm:
        return So101Arm(self.bus(), calibration or emulated_calibration(SO100))


def test_the_so100_has_the_joints_and_servos_of_the_so101_and_other_ends():
    assert SO100.joint_names == JOINT_NAMES
    assert [joint.servo_id for joint in SO100.joints] == [1, 2, 3, 4, 5, 6]
    travel_deg = np.rad2deg(SO100.limits.upper_rad - SO100.limits.lower_rad).round()
    assert travel_deg.tolist() == [229, 191, 180, 212, 360, 126]
    assert np.array_equal(SO100.limits.max_velocity_rad_s, SO101.limits.max_velocity_rad_s)
    np.testing.assert_array_equal(SO100.limits.max_acceleration_rad_s2, 40.0)
    # What is known by its names alone stays an SO-101's: nothing in a message says otherwise.
    assert known_joints(JOINT_NAMES)["elbow_flex"].upper_rad == 1.69


def test_it_moves_within_its_own_limits_and_not_those_of_the_so101():
    emulated = EmulatedSo100()
    driver = ArmDriver(emulated.arm, DriverSettings(), SO100.limits, emulated.clock)
    operator = Operator(emulated, driver)
    operator.until(lambda cycle: cycle.applied is not None)
    target = HOME.copy()
    target[[0, 2]] = 1.97, 1.69  # past the SO-101's pan; the SO-101's elbow
    for _ in range(300):
        assert driver.command(JOINT_NAMES, target, emulated.clock.now_ns()) is None
        cycle = operator.cycle()
    assert cycle.applied.position_rad[0] == pytest.approx(1.97)
    assert cycle.applied.position_rad[2] == pytest.approx(SO100.limits.upper_rad[2], abs=2e-3)
    assert abs(emulated.positions()[0] - 1.97) < 0.15


def test_its_gripper_goes_from_closed_to_open_as_lerobots_percent():
    stored = emulated_calibration(SO100)
    conversion = cal.JointConversion(stored)
    ends = [[joint.range_min for joint in stored.values()], [j.range_max for j in stored.values()]]
    assert conversion.to_rad(ends[0])[5] == pytest.approx(-0.2)
    assert conversion.to_rad(ends[1])[5] == pytest.approx(2.0)
    np.testing.assert_allclose(conversion.limits().upper_rad, SO100.limits.upper_rad, atol=2e-3)


def test_at_the_end_it_is_folded_into_its_own_rest_pose():
    emulated = EmulatedSo100()
    arm = emulated.arm()
    arm.enable_torque()
    assert carry_out(REST, arm, clock=emulated.clock) == "the arm is at rest; torque is off"
    assert SO100.pose("rest")[2] < SO101.pose("rest")[2]


def test_a_calibration_is_judged_by_the_arm_that_it_is_of():
    text = emulated_calibration(SO100).dumps()
    assert doubts(cal.loads(text, robot=SO100), SO100) == []
    wide = find_arm(str(gripper_file()))  # whose gripper goes 86 degrees
    with pytest.raises(ConfigurationError, match="gripper: the range is .* goes about 86 degrees"):
        cal.loads(text, robot=wide)


def test_the_other_arms_calibration_is_refused_by_its_folder(lerobot_home):
    (stored := emulated_calibration(SO100)).save(lerobot_home / "robots/so100_follower/old.json")
    stored.save(lerobot_home / "robots/so_follower/new.json")
    assert cal.find("old", robot=SO100) == lerobot_home / "robots/so100_follower/old.json"
    assert cal.find("new", robot=SO100) == cal.find("new")
    assert cal.known_ids(robot=SO100) == ["new", "old"]
    path = lerobot_home / "robots/so100_follower/old.json"
    for name in ("old", str(path)):
        with pytest.raises(ConfigurationError) as refused:
            cal.find(name)
        assert "is of an so_arm100, expected one of an so101" in str(refused.value)
        assert "if the arm is that one: robot:=so_arm100" in str(refused.value)
    emulated_calibration().save(lerobot_home / "robots/so101_follower/mine.json")
    with pytest.raises(ConfigurationError, match="is of an so101, expected one of an so_arm100"):
        cal.find("mine", robot=SO100)
    own = find_arm(str(gripper_file()))  # of whose making nobody knows
    assert cal.find("mine", robot=own).parent.name == "so101_follower"
    assert cal.find("old", robot=own) == path
    assert cal.path_to_write("x", robot=SO100) == lerobot_home / "robots/so_follower/x.json"


def test_hand_and_sweep_know_the_arms_own_ends():
    joint = servos_for_a_hand(SO100)[2].motor.joint
    assert joint.stops_rad[1] == pytest.approx(1.57079 + 0.03)
    assert [joint.upper_rad for joint in swept_joints(SO100)] == [2.0, 1.67079, 1.57079, 1.85, 2.0]


def gripper_file() -> Path:
    """The robot file that the documentation shows."""
    text = (DOCS / "real_robot.md").read_text()
    (block,) = re.findall(r"`soft_gripper.yaml`:\n\n```yaml\n(.*?)```", text, re.DOTALL)
    file = Path(gripper_file.folder) / "soft_gripper.yaml"
    file.write_text(block)
    return file


@pytest.fixture(autouse=True)
def _folder(tmp_path):
    gripper_file.folder = tmp_path


def test_another_gripper_is_a_file_as_the_documentation_shows():
    arm = find_arm(str(gripper_file()))
    parameters = DriverParameters(robot=str(gripper_file()), joint_prefix="left_")
    assert parameters.limits().names[5] == "left_gripper"
    assert parameters.limits().upper_rad[5] == arm.limits.upper_rad[5] == 1.5
    conversion = cal.JointConversion(emulated_calibration(arm))
    assert conversion.limits().lower_rad[5] == pytest.approx(0.0)
    np.testing.assert_array_equal(arm.limits.upper_rad[:5], SO101.limits.upper_rad[:5])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            ("name: wrist_roll", "name: wrist"),
            "this driver is for arms with shoulder_pan, shoulder",
        ),
        (("servo_id: 5, ", ""), "no servo_id of wrist_roll"),
        (("servo_id: 5", "servo_id: 4"), "two joints have the same servo_id: [1, 2, 3, 4, 4, 6]"),
        ((", is_gripper: true", ""), "is_gripper is for the joint gripper, and only it"),
        (("rest:", "resting:"), "has no pose rest"),
    ],
)
def test_what_is_no_arm_of_this_kind_is_refused(tmp_path, change, text):
    file = gripper_file()
    content = file.read_text()
    assert change[0] in content
    file.write_text(content.replace(*change))
    with pytest.raises(ConfigurationError) as refused:
        find_arm(str(file))
    assert text in str(refused.value)
    assert find_robot("so101") is SO101
