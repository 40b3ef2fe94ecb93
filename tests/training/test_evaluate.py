from __future__ import annotations

from pathlib import Path

import pytest
from act_core.policy_spec import ActionOutput, ExecutionSpec, ImageInput, JointInput, PolicySpec
from act_training import evaluate as evaluate_module
from act_training.evaluate import ConditionResult, EvaluateOptions, evaluate
from act_training.rollout import Result


def spec(**changes) -> PolicySpec:
    values = {
        "name": "toy",
        "rate_hz": 30.0,
        "chunk_size": 10,
        "joint_input": JointInput("joint_position", ("x",)),
        "image_inputs": (ImageInput("image_front", "front", 24, 32),),
        "output": ActionOutput("action", ("x",)),
    }
    return PolicySpec(**{**values, **changes})


@pytest.fixture
def options(monkeypatch):
    def use(policy_spec: PolicySpec, **changes) -> EvaluateOptions:
        policy = type("Policy", (), {"spec": policy_spec})
        monkeypatch.setattr(evaluate_module, "_load", lambda _: policy)
        return EvaluateOptions(policy=Path("bundle"), **changes)

    return use


def test_a_policy_for_another_robot_is_refused(options):
    pytest.importorskip("mujoco", reason="MuJoCo is not installed")
    with pytest.raises(
        ValueError, match=r"joints of policy 'toy' are x, but so101/reach has should"
    ):
        evaluate(options(spec(), env="so101/reach"))


def test_a_policy_that_does_not_say_where_it_is_from(options):
    with pytest.raises(
        ValueError, match=r"does not say what it was trained on: name it with --env"
    ):
        evaluate(options(spec()))


def test_image_sizes_must_agree(options):
    images = (ImageInput("a", "front", 24, 32), ImageInput("b", "wrist", 48, 64))
    with pytest.raises(ValueError, match="has images of 2 sizes"):
        evaluate(options(spec(image_inputs=images), env="so101/reach"))


def test_conditions_are_modes_times_latencies(options):
    chosen = options(
        spec(), mode=("newest", "open_loop"), open_loop_rows=5, latency_ms=(0.0, 100.0)
    )
    conditions = evaluate_module._conditions(chosen, spec())
    assert [str(condition) for condition in conditions] == [
        "newest chunk, latency 0 ms",
        "newest chunk, latency 100 ms",
        "open loop, 5 rows, latency 0 ms",
        "open loop, 5 rows, latency 100 ms",
    ]


def test_without_a_mode_the_policys_own_execution_is_kept(options):
    own = spec(execution=ExecutionSpec("open_loop", open_loop_rows=7))
    (condition,) = evaluate_module._conditions(options(own), own)
    assert condition.execution == own.execution


def test_only_bundles_are_stamped(options):
    with pytest.raises(ValueError, match=r"--stamp: 'bundle' is no bundle, export it first"):
        evaluate(options(spec(), stamp=True))


def test_a_rate_comes_with_its_interval():
    results = tuple(Result(i, i < 8, 10 + i, 0.0, True, 5, 0, None) for i in range(10))
    result = ConditionResult("newest", results)
    assert str(result) == "newest: 8/10 = 80.0% [49.0%, 94.3%], median 14 steps to success"
    json = result.to_json()
    assert (json["successes"], json["episodes"], len(json["results"])) == (8, 10, 10)
