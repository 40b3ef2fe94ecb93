"""LeRobot's calibration files, and counts to radians."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.robots.so101 import JOINT_NAMES, JOINTS, SO101_LIMITS
from so101_driver import calibration as cal
from so101_driver.calibration_checks import doubts
from so101_driver.emulator.arm import emulated_calibration

# As a LeRobot user published it (legalaspro/so101-ros-physical-ai), in LeRobot's own layout.
OFFSETS = (530, -369, -98, 725, 1704, 1573)
RANGES = ((866, 3231), (896, 3211), (866, 3066), (1039, 3121), (123, 3955), (2027, 3483))
PUBLISHED = "{\n" + ",\n".join(
    f'    "{name}": {{\n        "id": {i},\n        "drive_mode": 0,\n        "homing_offset": '
    f'{offset},\n        "range_min": {low},\n        "range_max": {high}\n    }}'
    for i, (name, offset, (low, high)) in enumerate(
        zip(JOINT_NAMES, OFFSETS, RANGES, strict=True), start=1
    )
) + "\n}"  # fmt: skip


def test_a_file_comes_back_byte_for_byte(tmp_path):
    path = tmp_path / "deep" / "arm.json"
    calibration = cal.loads(PUBLISHED)
    calibration.save(path)
    assert path.read_text() == PUBLISHED
    assert cal.load(path) == calibration
    assert calibration.servo_ids == (1, 2, 3, 4, 5, 6)
    assert calibration["elbow_flex"].homing_offset == -98


def test_both_folder_names_are_searched(lerobot_home):
    for folder, name in (("so_follower", "new"), ("so101_follower", "old")):
        path = lerobot_home / "robots" / folder / f"{name}.json"
        cal.loads(PUBLISHED).save(path)
        assert cal.find(name) == path
    assert cal.known_ids() == ["new", "old"]
    assert cal.known_ids("leader") == []
    assert cal.path_to_write("x", "leader") == lerobot_home / "teleoperators/so_leader/x.json"
    with pytest.raises(ConfigurationError, match="unknown follower calibration 'olda'; did you"):
        cal.find("olda")
    with pytest.raises(ConfigurationError, match="no calibration is named; known: new, old"):
        cal.find("")


def test_what_is_written_goes_where_the_lerobot_in_use_looks(lerobot_home):
    old, new = lerobot_home / "robots/so101_follower", lerobot_home / "robots/so_follower"
    assert cal.path_to_write("a") == new / "a.json", "nothing there yet: today's"
    cal.loads(PUBLISHED).save(old / "b.json")
    assert cal.path_to_write("a") == old / "a.json", "an older LeRobot"
    cal.loads(PUBLISHED).save(new / "c.json")
    assert cal.path_to_write("a") == new / "a.json"
    assert cal.path_to_write("b") == old / "b.json", "in place of the one that find() finds"


def test_lerobots_own_variable_wins(lerobot_home, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path / "elsewhere"))
    assert cal.calibration_root() == tmp_path / "elsewhere"
    assert str(cal.find("some/file.json")) == "some/file.json"


def edited(joint: str = "elbow_flex", **values) -> str:
    content = json.loads(PUBLISHED)
    content[joint] = {**content[joint], **values}
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "arm.json is not JSON"),
        ("[]", "expected an object with a key for each joint"),
        ("{}", "joints missing in the calibration: shoulder_pan, shoulder_lift"),
        (PUBLISHED.replace('"gripper"', '"griper"'), "unknown joint 'griper'; did you mean 'gripp"),
        (
            edited(range_max=866),
            "elbow_flex: the range is 0 counts wide, less than 100: the joint was not moved",
        ),
        (
            edited(range_max=900),
            "the range is 34 counts wide, less than 100: the joint was not",
        ),
        (edited(homing_offset=2073), "homing_offset is 2073, expected -2047 to 2047"),
        (edited(homing_offset=1.5), "homing_offset is 1.5, expected a whole number"),
        (edited(drive_mode=2), "drive_mode is 2, expected 0 or 1"),
        (edited(id=300), "id is 300, expected 0 to 253"),
        (edited(id=1), "two joints have the same servo id"),
        (edited(offset=3), "unknown key 'offset'; did you mean 'homing_offset'"),
    ],
)
def test_damaged_files_are_named(text, message):
    with pytest.raises(ConfigurationError, match="^arm.json") as caught:
        cal.loads(text, "arm.json")
    assert message in str(caught.value)


def test_a_missing_key_and_a_missing_file_are_named(tmp_path):
    content = json.loads(PUBLISHED)
    del content["gripper"]["range_min"]
    with pytest.raises(ConfigurationError, match="gripper: range_min missing"):
        cal.loads(json.dumps(content))
    with pytest.raises(ConfigurationError, match="no calibration can be read from .*nothing.json"):
        cal.load(tmp_path / "nothing.json")


def test_counts_to_radians():
    conversion = cal.JointConversion(cal.loads(PUBLISHED))
    middle = [(low + high) / 2 for low, high in RANGES]
    at_zero = conversion.to_rad(middle)
    assert at_zero[:5].tolist() == [0.0] * 5
    lows = conversion.to_rad([low for low, _ in RANGES])
    highs = conversion.to_rad([high for _, high in RANGES])
    assert highs[0] == pytest.approx((3231 - 866) / 2 * 2 * math.pi / 4096)
    assert (lows[5], highs[5]) == pytest.approx((JOINTS[5].lower_rad, JOINTS[5].upper_rad))
    fully_wide = {"range_min": 1024, "range_max": 3072}
    docstring = cal.JointConversion(cal.loads(edited("shoulder_pan", **fully_wide)))
    assert docstring.to_rad([3072] * 6)[0] == pytest.approx(math.pi / 2)


def test_every_count_comes_back_and_goals_stay_inside_the_range():
    conversion = cal.JointConversion(cal.loads(PUBLISHED))
    for step in np.linspace(0, 1, 50):
        counts = np.array([round(low + step * (high - low)) for low, high in RANGES])
        assert conversion.to_counts(conversion.to_rad(counts)).tolist() == counts.tolist()
    far = conversion.to_counts([9.0] * 6)
    assert far.tolist() == [high for _, high in RANGES]
    assert conversion.to_counts([-9.0] * 6).tolist() == [low for low, _ in RANGES]


def test_an_inverted_joint_turns_the_other_way():
    plain = cal.JointConversion(cal.loads(PUBLISHED))
    inverted = cal.JointConversion(cal.loads(edited(drive_mode=1)))
    counts = [2000] * 6
    assert inverted.to_rad(counts)[2] == -plain.to_rad(counts)[2]
    assert inverted.to_counts(inverted.to_rad(counts))[2] == 2000
    assert inverted.limits().lower_rad[2] == pytest.approx(-plain.limits().upper_rad[2])


def test_limits_are_those_of_model_and_calibration():
    limits = cal.JointConversion(cal.loads(PUBLISHED)).limits()
    assert limits.upper_rad[0] == pytest.approx((3231 - 866) / 2 * cal.RAD_PER_COUNT)
    assert limits.upper_rad[0] < SO101_LIMITS.upper_rad[0]
    assert limits.upper_rad[4] == SO101_LIMITS.upper_rad[4], "the stored range is wider"
    full_turn = cal.JointConversion(emulated_calibration()).limits()
    assert full_turn.upper_rad[4] == SO101_LIMITS.upper_rad[4]


J = JOINT_NAMES
OLD_LISTS = {
    "homing_offset": [-2049] * 6, "drive_mode": [0] * 6, "start_pos": [2010] * 6,
    "end_pos": [3073] * 6, "calib_mode": ["DEGREE"] * 5 + ["LINEAR"], "motor_names": list(J),
}  # fmt: skip
PHOSPHOBOT = {"name": "so-100", "servos_offsets": [2048] * 6, "servos_calibration_position": [0]}
SO100_NAMES = ["Rotation", "Pitch", "Elbow", "Wrist_Pitch", "Wrist_Roll", "Jaw"]


def renamed(names) -> dict:
    return dict(zip(names, json.loads(PUBLISHED).values(), strict=True))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (OLD_LISTS, "the layout is lists of LeRobot from before June 2025"),
        (PHOSPHOBOT, "the layout is phosphobot's"),
        (renamed(SO100_NAMES), "the joints are named as in the SO-100 model"),
        (renamed(f"main_{name}" for name in J), "named as in LeRobot from before June 2025"),
        (renamed(f"{name}_joint" for name in J), "named as in ROS packages"),
        (renamed(f"left_{name}" for name in J), "the joints have sides (left_elbow_flex"),
    ],
    ids=["old lists", "phosphobot", "so100", "main_", "_joint", "left_"],
)
def test_files_of_other_programs_are_known_by_name(content, message):
    with pytest.raises(ConfigurationError) as caught:
        cal.loads(json.dumps(content))
    assert message in str(caught.value)
    assert "expected LeRobot's file of today" in str(caught.value)


@pytest.mark.parametrize(
    ("joint", "values", "message"),
    [
        ("elbow_flex", {"range_min": 0, "range_max": 4095}, "(360 degrees), but this joint goes"),
        ("gripper", {"range_min": 500, "range_max": 2500}, "(176 degrees), but this joint goes"),
        ("shoulder_lift", {"range_min": 60, "range_max": 2000}, "is 89 degrees from count 2047"),
        ("wrist_roll", {"range_min": 2000, "range_max": 4095}, "is 88 degrees from count 2047"),
    ],
)
def test_a_range_that_the_joint_cannot_have_is_refused(joint, values, message):
    with pytest.raises(ConfigurationError, match=f"arm.json: {joint}: ") as caught:
        cal.loads(edited(joint, **values), "arm.json")
    assert message in str(caught.value)
    assert "so101-setup calibrate" in str(caught.value)


@pytest.mark.parametrize(
    ("joint", "values", "message"),
    [
        (
            "wrist_flex",
            {"range_min": 1700, "range_max": 2400},
            "less than half of this joint's 190",
        ),
        ("elbow_flex", {"range_min": 1400, "range_max": 3600}, "is 40 degrees from count 2047"),
        ("gripper", {"drive_mode": 1}, "drive_mode is 1"),
    ],
)
def test_what_is_odd_is_warned_of_with_what_to_do(joint, values, message):
    (text,) = doubts(cal.loads(edited(joint, **values)))
    assert text.startswith(f"{joint}: ")
    assert message in text


def test_published_and_emulated_arms_leave_no_doubt():
    assert doubts(cal.loads(PUBLISHED)) == []
    assert doubts(emulated_calibration()) == []


def test_a_mark_in_front_of_the_text_is_no_fault(tmp_path):
    path = tmp_path / "arm.json"
    path.write_text(PUBLISHED, encoding="utf-8-sig")
    assert cal.load(path) == cal.loads(PUBLISHED)
    path.write_bytes(b" " * (cal.LARGEST_FILE + 1))
    with pytest.raises(ConfigurationError, match="it is too large"):
        cal.load(path)
