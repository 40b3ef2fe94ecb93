from __future__ import annotations

import json

import numpy as np
import pytest
from act_training.datasets.report import (
    describe_dataset,
    format_report,
    report_dataset,
)


def test_figures(make_episode):
    episodes = [make_episode(seed, steps=10 + seed) for seed in range(4)]
    described = describe_dataset(episodes)
    assert described.lengths.tolist() == [10, 11, 12, 13]
    assert described.distinct_starts == 4
    assert (described.successes, described.missing_frames) == (4, 0)
    assert described.idle_share == 0.0
    np.testing.assert_allclose(described.jerk, 0, atol=1e-2)  # straight lines, up to rounding
    names = [spread.name for spread in described.starts]
    assert names == ["cube_x", "cube_y", "shoulder", "elbow", "gripper"]
    assert described.warnings == []


def test_jerk_of_a_cubic(make_episode):
    time_s = np.arange(12) / 20.0
    joints = np.stack([time_s**3, 2 * time_s**3, 0 * time_s], axis=1).astype(np.float32)
    described = describe_dataset([make_episode(0, joints=joints)])
    np.testing.assert_allclose(described.jerk, [6.0, 12.0, 0.0], rtol=0.05)


def test_missing_frames_and_idle_steps(make_episode):
    stamps = np.array([0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 14]) * 50_000_000
    actions = np.zeros((12, 2), np.float32)
    actions[6:, 0] = np.arange(6)
    described = describe_dataset([make_episode(0, stamps_ns=stamps, actions=actions)])
    assert described.missing_frames == 2 + 1
    assert described.idle_share == pytest.approx(6 / 11)
    assert "3 frames are missing by their stamps" in described.warnings


def test_warnings(make_episode):
    episodes = [make_episode(seed, placement={"x": 1.0}, success=seed > 0) for seed in range(3)]
    warnings = describe_dataset(episodes).warnings
    assert warnings[0].startswith("every episode starts alike")
    assert "1 episodes are failures" in warnings
    shared = [make_episode(seed, placement={"x": float(seed // 2)}) for seed in range(3)]
    assert describe_dataset(shared).warnings == ["3 episodes share 2 different starts"]


def test_episodes_that_nobody_judged_are_no_failures(make_episode):
    episodes = [make_episode(seed, success=(True, False, None)[seed % 3]) for seed in range(6)]
    described = describe_dataset(episodes)
    assert (described.successes, described.failures) == (2, 2)
    assert described.warnings == ["2 episodes are failures"]


def test_command(dataset, capsys):
    report_dataset(dataset)
    text = capsys.readouterr().out
    assert "episodes    4 (4 successes), 46 frames, 2 s at 20 Hz" in text
    assert "starts      4 different in 4 episodes" in text
    assert (dataset / "report.png").stat().st_size > 10_000


def test_facts_are_what_act_check_compares_a_policy_with(dataset, tmp_path):
    from act_console.check.data import data_of

    report_dataset(dataset, tmp_path / "facts.json")
    data = data_of(dataset, json.loads((tmp_path / "facts.json").read_text()))
    assert data.meeting.joints == ("shoulder", "elbow", "gripper")
    assert data.meeting.cameras == {"front": (16, 24), "wrist": (16, 16)}
    assert [spread.name for spread in data.starts] == list(data.meeting.joints)
    assert [spread.name for spread in data.actions] == ["shoulder", "gripper"]
    assert not (dataset / "report.png").exists()


def test_text_names_unjudged_episodes(make_episode):
    described = describe_dataset([make_episode(0, success=None)])
    assert "(not judged)" in format_report(described)
