from dataclasses import replace

import numpy as np
import pytest
from act_core import topics
from act_core.errors import ConfigurationError
from act_training.identify.bag_log import check_motion, read_log
from act_training.identify.motion_log import MotionLog

from tests.act_record import bags
from tests.training.identify.hidden import motion, write

PLAN = motion(20.0)


def following(plan=PLAN) -> MotionLog:
    """An arm that is where its commands were 30 ms before: nothing here is fitted."""
    times_s = np.arange(len(plan.target_rad)) / plan.rate_hz
    late = np.maximum(np.arange(len(times_s)) - 3, 0)
    return MotionLog("log", times_s + 0.003, plan.target_rad, times_s, plan.target_rad[late])


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return write(tmp_path_factory.mktemp("identify") / "bag", following())


def test_a_bag_gives_what_was_recorded_around_its_motion(bag):
    log, whole = read_log(bag), following()
    assert log.name == "bag"
    assert log.duration_s == pytest.approx(whole.duration_s, abs=3.0)
    first = int(np.argmin(np.abs(whole.position_rad - log.position_rad[0]).sum(axis=1)))
    assert log.position_rad[-1] == pytest.approx(whole.position_rad[-1])
    assert first >= 0
    # Times of both topics are on one axis.
    latest = np.searchsorted(log.command_s, log.state_s[1000])
    assert log.position_rad[1000] == pytest.approx(log.command_rad[latest - 3], abs=1e-9)


def test_an_arm_in_a_namespace(tmp_path):
    path = write(tmp_path / "bag", following(), prefix="left/")
    assert len(read_log(path, "left").state_s) > 2000
    with pytest.raises(ConfigurationError, match="has no /joint_commands/applied; its topics: /le"):
        read_log(path)


def test_stamps_from_two_clocks_are_refused(tmp_path):
    path = write(tmp_path / "bag", following(), commands_late_ns=-7_000_000_000)
    with pytest.raises(ConfigurationError, match=r"stamps from two clocks: .* [67].* s apart"):
        read_log(path)


def test_a_clock_that_was_set_is_refused(tmp_path):
    log = following()
    times_s = log.state_s.copy()
    times_s[1200:] -= 2.0
    path = write(tmp_path / "bag", replace(log, state_s=times_s))
    with pytest.raises(ConfigurationError, match=r"stamps of /joint_states go back by up to 1.99"):
        read_log(path)


def test_a_hole_is_refused_with_its_place(tmp_path):
    log = following()
    kept = np.delete(np.arange(len(log.state_s)), np.arange(1500, 1600))
    holed = replace(log, state_s=log.state_s[kept], position_rad=log.position_rad[kept])
    with pytest.raises(ConfigurationError, match=r"joint_states is silent for 1.01 s, 1"):
        read_log(write(tmp_path / "bag", holed))


def test_short_gaps_are_left_out(bag):
    log = read_log(bag)
    kept = np.delete(np.arange(len(log.state_s)), np.arange(1000, 1010))
    holed = replace(log, state_s=log.state_s[kept], position_rad=log.position_rad[kept])
    counts = holed.counts()
    assert not counts[1000:1080].any()
    assert counts[1100:].all()
    assert not log.counts()[:50].any()
    assert log.counts()[1000:].all()


def test_degrees_are_refused(tmp_path):
    log = following()
    path = write(tmp_path / "bag", replace(log, position_rad=np.degrees(log.position_rad)))
    with pytest.raises(ConfigurationError, match=r"joint_states has .* rad: probably degrees"):
        read_log(path)


def test_a_bag_without_motion_is_too_short(tmp_path):
    log = following()
    still = replace(log, command_rad=np.tile(log.command_rad[:1], (len(log.command_s), 1)))
    with pytest.raises(ConfigurationError, match="no target ever changes"):
        read_log(write(tmp_path / "bag", still))


def test_a_short_motion_is_refused_with_its_length():
    with pytest.raises(ConfigurationError, match=r"too short: 9\.5 s of motion, expected at least"):
        check_motion(following().between(5.0, 11.5))


def test_a_gentle_motion_is_refused_by_joint():
    log = following()
    gentle = log.command_rad.copy()
    gentle[:, 3] = gentle[0, 3] + 0.1 * (gentle[:, 3] - gentle[0, 3])
    with pytest.raises(ConfigurationError) as error:
        check_motion(replace(log, command_rad=gentle))
    assert "too gentle: wrist_flex: range" in str(error.value)
    assert "expected 0.3" in str(error.value)
    assert "shoulder_pan" not in str(error.value)


def test_a_joint_that_did_not_follow_is_named():
    log = following()
    held = log.position_rad.copy()
    held[:, 2] = held[0, 2]
    with pytest.raises(ConfigurationError, match="elbow_flex followed 0% of the range"):
        check_motion(replace(log, position_rad=held))


def test_another_robot_is_refused(tmp_path):
    message = bags.joints(topics.JOINT_STATES, bags.T0, np.zeros(6))
    bags.write_bag(tmp_path / "bag", [message])
    with pytest.raises(ConfigurationError, match="has no /joint_commands/applied"):
        read_log(tmp_path / "bag")


def test_no_bag_is_said(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no"):
        read_log(tmp_path / "nothing")
