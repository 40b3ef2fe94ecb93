"""What rcl passes over in silence is said."""

from __future__ import annotations

import pytest
import yaml
from act_core.node_arguments import (
    for_others,
    idle_remappings,
    matches,
    parameter_files,
    sections,
    unknown_section,
)

SHARED = """
act_policy: {ros__parameters: {m: 0.1}}
left:
  so101_driver: {ros__parameters: {rate_hz: 50.0}}
/right/so101_driver: {ros__parameters: {rate_hz: 50.0}}
/**: {ros__parameters: {use_sim_time: true}}
"""


def test_sections_are_found_below_namespaces():
    found = list(sections(yaml.safe_load(SHARED)))
    assert found == ["/act_policy", "/left/so101_driver", "/right/so101_driver", "/**"]


@pytest.mark.parametrize(
    ("pattern", "node", "fits"),
    [
        ("/act_policy", "/act_policy", True),
        ("/act_policy", "/left/act_policy", False),
        ("/**", "/left/act_policy", True),
        ("/**/act_policy", "/a/b/act_policy", True),
        ("/*/act_policy", "/a/b/act_policy", False),
        ("/*", "/act_policy", True),
        ("/act.policy", "/act_policy", False),
    ],
)
def test_wildcards_are_those_of_rcl(pattern, node, fits):
    assert matches(pattern, node) == fits


def test_a_file_for_another_node_is_said(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("policy_node: {ros__parameters: {m: 0.1}}\n")
    arguments = ["policy_node", "--ros-args", "--params-file", str(file), "-p", "a:=1"]
    text = f"{file} has no parameters for /act_policy: it is for policy_node"
    assert for_others(arguments, "/act_policy") == [text]
    assert for_others(arguments, "/policy_node") == []
    file.write_text(SHARED)
    assert for_others(arguments, "/act_policy") == []
    file.write_text("")
    assert for_others(arguments, "/act_policy")[0].endswith("it is for nobody")


def test_files_that_a_launch_wrote_are_not_looked_at():
    assert parameter_files(["--params-file", "/tmp/launch_params_ab12", "--params-file"]) == []


def test_a_remapping_of_nothing_is_said():
    arguments = ["--ros-args", "-r", "__node:=a", "-r", "joint_comands:=x", "--remap", "estop:=/y"]
    found = idle_remappings(arguments, lambda name: f"/{name.lstrip('/')}", {"/y", "/joint_states"})
    assert found == ["remapping joint_comands:=x changes nothing: there is no joint_comands here"]


def test_a_section_of_nobody_names_the_nearest():
    content = yaml.safe_load(SHARED)
    assert unknown_section(content, ["act_policy", "so101_driver"]) is None
    text = "unknown node 'so101_driver'; did you mean 'so101_drive'? known: act_policy, so101_drive"
    assert unknown_section(content, ["act_policy", "so101_drive"]) == text
