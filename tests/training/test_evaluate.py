from __future__ import annotations

from pathlib import Path

import pytest
from act_core.errors import ConfigurationError
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
        monkeypatch.setattr(evaluate_module, "load", lambda _: policy)
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
    conditions = evaluate_module.conditions_of(chosen, spec())
    assert [str(condition) for condition in conditions] == [
        "newest chunk, latency 0 ms",
        "newest chunk, latency 100 ms",
        "open loop, 5 rows, latency 0 ms",
        "open loop, 5 rows, latency 100 ms",
    ]


def test_modes_have_options_and_conditions_a_network(options):
    chosen = options(
        spec(), mode=("replan,replan_rows=5", "ensemble,m=-0.1", "open_loop,open_loop_rows=3"),
        latency_ms=(100.0,), jitter=(0.0, 0.5), loss=(0.02,), max_jump=0.0,
    )  # fmt: skip
    conditions = evaluate_module.conditions_of(chosen, spec())
    assert [str(condition) for condition in conditions] == [
        "replan, after 5 rows, latency 100 ms, loss 0.02",
        "replan, after 5 rows, latency 100 ms, jitter 50%, loss 0.02",
        "ensemble m=-0.1, latency 100 ms, loss 0.02",
        "ensemble m=-0.1, latency 100 ms, jitter 50%, loss 0.02",
        "open loop, 3 rows, latency 100 ms, loss 0.02",
        "open loop, 3 rows, latency 100 ms, jitter 50%, loss 0.02",
    ]
    assert {condition.execution.max_jump for condition in conditions} == {None}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"mode": ("replan,rows=5",)}, "unknown parameter 'rows'; did you mean 'replan_rows'"),
        ({"mode": ("replan,5",)}, "--mode replan,5: '5' is no option, expected e.g. replan,"),
        ({"jitter": (2.0,)}, "jitter is 2, expected a share, 0 to 1"),
        ({"loss": (1.0,)}, "loss is 1, expected a share below 1"),
    ],
)
def test_what_no_condition_can_be(options, changes, text):
    with pytest.raises(ConfigurationError, match=text):
        evaluate_module.conditions_of(options(spec(), **changes), spec())


def test_without_a_mode_the_policys_own_execution_is_kept(options):
    own = spec(execution=ExecutionSpec("open_loop", open_loop_rows=7))
    (condition,) = evaluate_module.conditions_of(options(own), own)
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
