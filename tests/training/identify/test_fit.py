import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_sim.identified_arm import JOINT_NAMES, NOMINAL_ARM, read_arm
from act_sim.simulation import Simulation
from act_training.identify.cli import (
    IdentifyOptions,
    ambiguous_groups,
    identify,
    summary,
)
from act_training.identify.fit import memory_samples, names, tracking_rms

from tests.training.identify.hidden import hidden_arm, motion, recorded, write

TRUTH = hidden_arm()
GRAVITY = ("shoulder_lift", "elbow_flex", "wrist_flex")  # what gravity turns


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    folder = tmp_path_factory.mktemp("identify")
    bag = write(folder / "bag", recorded(TRUTH, motion()))
    return IdentifyOptions(bag, folder / "my_arm.yaml")


@pytest.fixture(scope="module")
def result(options):
    return identify(options)


@pytest.fixture(scope="module")
def found(result):
    return result.fit


def value(arm, label):
    joint, parameter = label.split(".")
    return getattr(arm.joints[joint], parameter)


def test_nearly_all_intervals_hold_the_truth(found):
    """42 intervals of 95 %: more than five misses are a chance of 2 %, and of wrong intervals."""
    outside = [
        label for label in names()
        if not found.low[label] <= value(TRUTH, label) <= found.high[label]
    ]  # fmt: skip
    assert len(outside) <= 5, outside


@pytest.mark.parametrize("joint", GRAVITY)
def test_where_gravity_pulls_gain_and_offset_are_found(found, joint):
    true, seen = TRUTH.joints[joint], found.arm.joints[joint]
    assert seen.gain_nm_per_rad == pytest.approx(true.gain_nm_per_rad, rel=0.03)
    assert seen.zero_offset_rad == pytest.approx(true.zero_offset_rad, abs=np.radians(0.3))


@pytest.mark.parametrize("joint", JOINT_NAMES)
def test_delay_and_play_of_every_joint_are_found(found, joint):
    true, seen = TRUTH.joints[joint], found.arm.joints[joint]
    assert seen.delay_s == pytest.approx(true.delay_s, abs=0.0015)
    assert seen.backlash_rad == pytest.approx(true.backlash_rad, abs=0.001)


def test_another_motion_is_predicted_ten_times_better(found):
    other = recorded(TRUTH, motion(20.0, seed=7))
    before, after = tracking_rms(other, [NOMINAL_ARM, found.arm])
    assert (after < before / 10).all()


def test_what_no_motion_can_tell_is_said(found):
    """The pan axis is vertical, and what the roll and the gripper move weighs next to nothing."""
    assert "shoulder_pan.zero_offset_rad" in found.unknown
    assert found.arm.joints["shoulder_pan"].zero_offset_rad == pytest.approx(0.0, abs=1e-3)
    groups = ambiguous_groups(found)
    (roll,) = (group for group in groups if "wrist_roll.gain_nm_per_rad" in group)
    assert {"wrist_roll.damping_nm_s_per_rad", "wrist_roll.armature_kg_m2"} <= set(roll)
    assert not any("elbow_flex.gain_nm_per_rad" in group for group in groups)


def test_the_file_is_the_arm_and_the_simulation_takes_it(options, result):
    arm = read_arm(options.out)
    for label in names():
        assert value(arm, label) == pytest.approx(value(result.fit.arm, label), rel=1e-4, abs=1e-6)
    sim = Simulation("reach", arm_parameters=options.out)
    assert sim.joint_offset_rad[1] == pytest.approx(arm.joints["shoulder_lift"].zero_offset_rad)


def test_the_report_needs_nothing_else(options, result):
    page = (options.report / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    assert "http" not in page
    for label in ("tracking", "motion", "residuals", "correlation"):
        assert (options.report / f"{label}.png").stat().st_size > 5000
    assert "cannot be told apart" in page


def test_the_summary_says_what_it_is_worth(result):
    first, *rest = summary(result)
    assert result.gain > 5.0
    assert f"({result.gain:.1f} times less)" in first
    assert any(
        "says nothing of" in line and "shoulder_pan.zero_offset_rad" in line for line in rest
    )
    assert any("cannot be told apart" in line and "wrist_roll.gain" in line for line in rest)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ConfigurationError, match="is a folder, expected a file's name"):
        identify(IdentifyOptions(tmp_path / "bag", tmp_path))


def test_memory_of_white_noise_is_one_and_of_smoothed_noise_its_width():
    rng = np.random.default_rng(0)
    white = rng.standard_normal((20000, 6))
    smooth = np.stack([np.convolve(column, np.ones(20), "same") for column in white.T], axis=1)
    assert memory_samples(white, 100) == pytest.approx(1.0, abs=0.1)
    assert memory_samples(smooth, 100) == pytest.approx(20.0, rel=0.15)
