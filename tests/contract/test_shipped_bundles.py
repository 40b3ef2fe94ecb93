"""Every bundle in policies/ loads, computes what its trainer computed, and fits the SO-101."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from act_core.robots.so101 import JOINT_NAMES
from act_policy.bundle import BF16, FP32, read_bundle
from act_policy.load_policy import cpu_engine, load_policy
from act_policy.openvino_policy import has_bf16

POLICIES = Path(__file__).resolve().parents[2] / "policies"
BUNDLES = sorted(path.parent for path in POLICIES.glob("*/policy.json"))


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda folder: folder.name)
def test_parity_of_every_variant(folder):
    for variant in (FP32, *read_bundle(folder).spec.variants):
        if variant == BF16 and not has_bf16():
            continue  # this computer cannot run it
        policy = load_policy(folder, engine=cpu_engine(variant), variant=variant, threads=1)
        parity = policy.parity
        assert parity.max_difference <= parity.tolerance


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda folder: folder.name)
def test_so101_bundles_name_its_joints(folder):
    spec = read_bundle(folder).spec
    if not spec.name.startswith("so101"):
        assert spec.joint_input.joints  # another robot: nothing more to compare with
        return
    assert spec.joint_input.joints == spec.output.joints == JOINT_NAMES
    assert spec.joint_input.unit == spec.output.unit == "rad"
    assert {"preset", "seed", "commit", "success"} <= set(spec.provenance)


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda folder: folder.name)
def test_a_shipped_graph_has_no_notes_of_the_computer_that_made_it(folder):
    """torch's exporter writes a stack trace for each node; see `act_training.onnx_notes`."""
    for graph in folder.glob("*.onnx"):
        content = graph.read_bytes()
        assert re.findall(rb"[\w/.-]+\.py\b", content) == []
        assert b"stack_trace" not in content


def test_the_demo_policy_does_its_task():
    """Four starts that nobody trained or tuned on; docs/results.md has the rate."""
    pytest.importorskip("mujoco", reason="MuJoCo is not installed")
    from act_training.rollout import Condition, open_environment_for, run_episode

    policy = load_policy(POLICIES / "so101_pick_place", engine="cpu", threads=1)
    env = open_environment_for(policy.spec, "so101/pick_place")
    condition = Condition(policy.spec.execution)
    results = [run_episode(env, policy, condition, seed) for seed in range(300_000, 300_004)]
    env.close()
    assert sum(result.success for result in results) >= 3, results
