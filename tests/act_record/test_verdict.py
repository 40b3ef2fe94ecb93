"""The verdict on an episode, from timelines that are known to the millisecond."""

from __future__ import annotations

import json

import numpy as np
import pytest
from act_core import topics
from act_core.robots.so101 import SO101_LIMITS
from act_record.bag_reader import open_bag
from act_record.cli import main
from act_record.timeline import Frame, Sample, Timeline
from act_record.verdict import CameraVerdict, judge
from hypothesis import given
from hypothesis import strategies as st
from rosbag_lite import BagMessage

from tests.act_record import bags
from tests.act_record.bags import MS, T0


def verdict_of(messages: list[BagMessage], rate_hz: float | None = None):
    timeline = Timeline()
    for message in messages:
        timeline.add(message)
    return judge(timeline, rate_hz)


def test_a_good_episode_is_kept():
    verdict = verdict_of(bags.episode(4.0))
    assert verdict.keep
    assert verdict.length_s == pytest.approx(4.0, abs=0.05)
    assert verdict.idle == 0.0
    assert verdict.lag_s == pytest.approx(0.04)  # as the arm of these bags was made
    assert verdict.worst_skew_s == pytest.approx(0.004)
    assert verdict.cameras["front"] == CameraVerdict(
        120, pytest.approx(30.0), 0, 0, pytest.approx(0.008)
    )
    # Third derivative of 0.4 sin(2 t): amplitude 3.2, over the square root of two.
    assert verdict.jerk_rad_s3 == pytest.approx(3.2 / np.sqrt(2), rel=0.1)
    assert verdict.limits_touched == ()
    assert str(verdict).startswith("keep (4.0 s, idle 0%, front 120 images, wrist 120 images")
    assert json.loads(json.dumps(verdict.as_values()))["keep"] is True


def test_an_arm_at_rest_is_told():
    moving = bags.episode(1.5)
    at = moving[-1].log_ns
    still = [bags.joints(topics.JOINT_STATES, at + 10 * MS * k, bags.target(1.5))
             for k in range(1, 350)]  # fmt: skip
    assert verdict_of([*moving, *still]).idle == 0.0  # nobody commands it any more: no data
    held = bags.joints(topics.JOINT_COMMANDS, at + 3490 * MS, bags.target(1.5))
    verdict = verdict_of([*moving, *still, held])
    assert verdict.idle == pytest.approx(0.7, abs=0.05)
    assert verdict.problems[0].startswith("the arm rests in")


def test_missing_and_late_frames_are_counted():
    messages = bags.episode(4.0)
    front = [m for m in messages if "front" in m.topic]
    gone = {id(m) for m in (*front[10:13], front[50])}
    late = front[80]._replace(log_ns=front[80].log_ns + 300 * MS)
    kept = [late if m is front[80] else m for m in messages if id(m) not in gone]
    verdict = verdict_of(sorted(kept, key=lambda m: m.log_ns))
    assert verdict.cameras["front"] == CameraVerdict(
        116, pytest.approx(29.0, abs=0.2), 4, 1, pytest.approx(0.308)
    )
    assert verdict.cameras["wrist"].missing == 0
    assert verdict.worst_skew_s > 0.05
    assert [problem.split(":")[0] for problem in verdict.problems[:2]] == ["camera front"] * 2
    assert "4 frames missing" in str(verdict)


def test_gaps_of_joints_and_commands_are_told():
    verdict = verdict_of(bags.episode(4.0))
    assert (verdict.joint_gap_s, verdict.command_gap_s) == (pytest.approx(0.01),) * 2
    lost = [
        m
        for m in bags.episode(4.0)
        if not (m.topic.endswith("joint_states") and 500 * MS <= m.log_ns - T0 < 650 * MS)
        and not (m.topic.endswith("joint_commands") and 2000 * MS <= m.log_ns - T0 < 2300 * MS)
    ]
    verdict = verdict_of(lost)
    assert verdict.problems == ("no joint states for 0.16 s", "no commands for 0.31 s")


@pytest.mark.parametrize(
    ("topic", "says"),
    [
        ("joint_states", "joint states: nothing of the last 0.98 s"),
        ("front/image_raw", "camera front: nothing of the last 1.0"),
    ],
)
def test_a_stream_that_ends_before_the_others_is_told(topic, says):
    whole = bags.episode(4.0)
    cut = [m for m in whole if not m.topic.endswith(topic) or m.log_ns - T0 < 3000 * MS]
    (problem,) = verdict_of(cut).problems
    assert problem.startswith(says)
    held = [m for m in whole if not m.topic.endswith(topic) or m.log_ns - T0 < 3800 * MS]
    assert verdict_of(held).keep


def test_a_camera_that_is_too_slow_is_told():
    assert verdict_of(bags.episode(4.0), rate_hz=30.0).keep
    verdict = verdict_of(bags.episode(4.0), rate_hz=60.0)
    assert verdict.problems[0] == "camera front: 30.0 Hz instead of 60"


def test_a_joint_at_its_limit_is_named():
    limits = SO101_LIMITS
    position = np.zeros(6)
    position[1] = limits.lower_rad[1]
    position[5] = limits.lower_rad[5]  # a closed gripper is no problem
    messages = [bags.joints(topics.JOINT_STATES, T0 + 10 * MS * k, position) for k in range(200)]
    verdict = verdict_of(messages)
    assert verdict.limits_touched == ("shoulder_lift",)
    assert verdict.lag_s is None
    assert set(verdict.problems) >= {"no commands", "no images"}


def test_an_empty_recording_has_nothing_to_measure():
    verdict = verdict_of([])
    assert not verdict.keep
    assert (verdict.idle, verdict.jerk_rad_s3, verdict.worst_skew_s) == (None, None, None)
    assert "no joint states" in verdict.problems


def test_the_command_judges_bags_that_exist(tmp_path, capsys):
    bags.write_bag(tmp_path / "good", bags.episode(4.0))
    assert main(["verdict", str(tmp_path)]) == 0
    assert "good: keep (4.0 s" in capsys.readouterr().out
    bags.write_bag(tmp_path / "short", bags.episode(0.4))
    assert main(["verdict", str(tmp_path)]) == 1
    assert "short: REDO: only 0.4 s long" in capsys.readouterr().out
    assert main(["verdict", str(tmp_path / "none")]) == 2
    assert "there is no" in capsys.readouterr().err


def test_the_command_repairs(tmp_path, capsys):
    cut = bags.write_bag(tmp_path / "cut", bags.episode(4.0), close=False)
    cut.flush()
    bags.write_bag(tmp_path / "whole", bags.episode(0.4))
    assert main(["repair", str(tmp_path)]) == 1
    assert "cut is being recorded" in capsys.readouterr().out
    cut.abandon()
    assert main(["repair", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "cut: repaired: 1040 messages, 4.0 s" in out
    assert "whole: nothing to repair" in out
    assert open_bag(tmp_path / "cut").is_whole


VALUES = st.floats(allow_nan=True, allow_infinity=True)
STAMPS = st.sampled_from([0, 1, T0, 2 * T0, (2**31 - 1) * 10**9, -(2**31) * 10**9]) | st.integers(
    T0, T0 + 3 * 10**9
)
NAMES = st.lists(st.sampled_from([*bags.JOINT_NAMES, "", "hip"]), max_size=8)
SAMPLES = st.builds(
    lambda stamp, log, names, position: Sample(
        stamp, max(log, 0), tuple(names), np.array(position), np.zeros(0)
    ),
    STAMPS, STAMPS, NAMES, st.lists(VALUES, max_size=8),
)  # fmt: skip
FRAMES = st.builds(
    lambda stamp, log, camera: Frame(stamp, max(log, 0), camera, 0, False),
    STAMPS, STAMPS, st.sampled_from(["front", "wrist"]),
)  # fmt: skip


@given(st.lists(SAMPLES | FRAMES, max_size=30), st.lists(SAMPLES, max_size=30))
def test_no_content_of_a_recording_ends_its_judge_or_passes_as_nan(events, commands):
    """Nothing is as long as a clock that was wrong says, and what is told is strict JSON."""
    timeline = Timeline(events=events, commands={"joint_commands": commands})
    timeline.image_sizes = {e.camera: (48, 64) for e in events if isinstance(e, Frame)}
    timeline.first_ns = min((e.log_ns for e in events), default=0)
    timeline.last_ns = max((e.log_ns for e in events), default=0)
    verdict = judge(timeline, 30.0)
    json.dumps(verdict.as_values(), allow_nan=False)
    str(verdict)
    if any(not np.isfinite(sample.position).all() for sample in commands):
        assert "without a finite position for each joint" in str(verdict)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_positions_that_are_not_finite_are_never_kept(value):
    messages = bags.episode(3.0)
    wrong = np.zeros(6)
    wrong[2] = value
    messages.append(bags.joints(topics.JOINT_COMMANDS, T0 + 2_500 * MS, wrong))
    timeline = Timeline()
    for message in messages:
        timeline.add(message)
    verdict = judge(timeline)
    assert "1 commands without a finite position for each joint" in verdict.problems
