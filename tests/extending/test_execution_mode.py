"""An execution mode from outside of the tree: one file, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.policy_json import spec_from_json, spec_to_json
from act_core.policy_spec import ExecutionSpec
from act_policy.inference_worker import VirtualWorker
from act_policy.modes import text_of
from act_policy.policy_node import PolicyNode
from act_policy.policy_runner import PolicyRunner
from rclpy.parameter import Parameter

from tests.act_policy.policies import FunctionPolicy, make_spec, observation_at
from tests.act_policy.test_policy_node import Robot
from tests.extending.document import example

MS = 1_000_000


@pytest.fixture
def patient(tmp_path) -> str:
    file = tmp_path / "patient.py"
    file.write_text(example("patient.py"))
    return f"{file}:Patient"


def commands(mode: str, **options) -> list[float]:
    """Of a policy whose plans are where the clock is: 10 of them a second, for half a second."""
    spec = make_spec()
    policy = FunctionPolicy(spec, lambda seen: np.full((4, 2), seen.stamp_ns / 1e9))
    execution = ExecutionSpec(mode, max_jump=None, options=options)
    runner = PolicyRunner(spec, VirtualWorker(policy), execution)
    found = []
    for t_ms in range(0, 500, 100):
        runner.observe(observation_at(t_ms * MS), t_ms * MS)
        found.append(float(runner.act(t_ms * MS).position[0]))
    return found


def test_it_runs_in_the_runner(patient):
    assert commands("newest") == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    assert commands(patient, patience_s=0.2) == pytest.approx([0.0, 0.0, 0.2, 0.2, 0.4])
    assert text_of(ExecutionSpec(patient, options={"patience_s": 0.2})) == "patient, 0.2 s"


def test_a_bundle_keeps_its_options(patient):
    spec = make_spec(execution=ExecutionSpec(patient, options={"patience_s": 0.2}))
    assert spec_from_json(spec_to_json(spec)).execution == spec.execution
    with pytest.raises(ConfigurationError, match="unknown parameter 'patience'; did you mean"):
        text_of(ExecutionSpec(patient, options={"patience": 0.2}))


def test_it_runs_in_the_node_with_a_parameter_of_its_own(ros, spin_until, patient):
    policy = FunctionPolicy(make_spec(), lambda seen: np.tile(seen.joint_position, (4, 1)))
    values = {"mode": patient, "patience_s": 0.3, "enabled": True, "realtime_priority": 0}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    node, robot = PolicyNode(policy, parameter_overrides=overrides), Robot()
    try:
        spin_until(lambda: len(robot.commands) > 5, node, robot)
        assert node.get_parameter("patience_s").value == 0.3
        assert node.runner.execution.options == {"patience_s": 0.3}
    finally:
        node.close()
        node.destroy_node()
        robot.destroy_node()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (("def text", "def words"), r"patient:Patient lacks text\(\)"),
        (("plays_s", "plays"), "patient:Patient lacks plays_s"),
        (("class Options", "class Choices"), "lacks Options, a frozen dataclass"),
        (("patience_s: float", "bundle: float"), "its parameter 'bundle' is one of every policy"),
    ],
)
def test_what_is_missing_is_named_before_the_node_begins(ros, patient, change, text):
    file = patient.partition(":")[0]
    with open(file) as old:
        content = old.read().replace(*change)
    with open(file, "w") as new:
        new.write(content)
    with pytest.raises(ConfigurationError, match=text):
        PolicyNode(None, parameter_overrides=[Parameter("mode", value=patient)])
