"""Where a policy may be enabled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from act_core.errors import ConfigurationError
from act_core.policy_json import spec_from_json, spec_to_json
from act_core.policy_spec import BundleError, StartRange
from act_policy.start_gate import StartGate

from tests.act_policy.policies import make_spec

SPEC = replace(make_spec(), start=StartRange((0.0, -1.0), (0.2, -1.0)))


@pytest.mark.parametrize("position", [(0.1, -1.0), (-0.29, -1.29), (0.49, -0.71)])
def test_near_the_range_is_fine(position):
    assert StartGate(SPEC, 0.3).refusal(position) is None


def test_every_joint_that_is_too_far_is_named():
    text = StartGate(SPEC, 0.3).refusal((0.6, -0.2))
    assert text is not None
    first, second = SPEC.joint_input.joints
    assert f"{first} is at 0.60, expected 0.00 to 0.20" in text
    assert f"{second} is at -0.20, expected -1.00 to -1.00" in text
    assert "by more than 0.3 rad" in text


def test_a_joint_that_is_not_a_number_is_far():
    assert "nan" in (StartGate(SPEC, 0.3).refusal((float("nan"), -1.0)) or "")


def test_nobody_knows_where_the_joints_are():
    assert "no recent joint_states" in (StartGate(SPEC, 0.3).refusal(None) or "")


def test_a_bundle_without_a_start_is_refused_until_somebody_says_where():
    gate = StartGate(make_spec(), 0.3)
    assert "policy.json has no 'start'" in (gate.refusal((0.0, 0.0)) or "")
    assert StartGate(make_spec(), 0.3, (0.1, 0.1)).refusal((0.0, 0.0)) is None
    assert StartGate(make_spec(), 0.3, (0.5, 0.1)).refusal((0.0, 0.0)) is not None
    assert StartGate(make_spec(), 0.0).refusal(None) is None, "told not to look"


def test_a_pose_of_another_robot_is_refused():
    with pytest.raises(ConfigurationError, match="start_pose has 6 values, expected 2"):
        StartGate(SPEC, 0.3, (0.0,) * 6)


def test_the_range_is_kept_in_policy_json():
    content = spec_to_json(SPEC)
    assert content["start"] == {"lower": [0.0, -1.0], "upper": [0.2, -1.0]}
    assert spec_from_json(content) == SPEC
    assert "start" not in spec_to_json(make_spec())


@pytest.mark.parametrize(
    ("start", "text"),
    [
        ({"lower": [0.0], "upper": [0.0]}, "start has 1 values, expected 2"),
        ({"lower": [0.0, 0.1], "upper": [0.0, 0.0]}, "lower ones first"),
        ({"lower": [0.0, None], "upper": [0.0, 0.0]}, "expected finite numbers"),
        ({"lower": [0.0, 0.0]}, "start: .*upper"),
        ({"lower": [0.0, 0.0], "uper": [0.0, 0.0]}, "unknown key 'uper'; did you mean 'upper'"),
    ],
)
def test_a_wrong_range_is_named(start, text):
    content = {**spec_to_json(make_spec()), "start": start}
    with pytest.raises(BundleError, match=text):
        spec_from_json(content)
