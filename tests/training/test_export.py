from __future__ import annotations

import dataclasses
import errno
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from act_core.errors import ConfigurationError
from act_core.files import InUseError, lock
from act_core.policy_spec import BundleError
from act_policy.bundle import ParitySample, read_bundle, write_bundle
from act_policy.load_policy import load_policy
from act_policy.observation import Observation
from act_policy.openvino_policy import has_bf16
from act_training import export as export_module
from act_training import quantization
from act_training.bundle_spec import make_spec
from act_training.checkpoint import load_checkpoint
from act_training.config import TrainingConfig
from act_training.datasets.episode_file import episode_path, write_episode
from act_training.evaluate import stamp_bundle
from act_training.export import ExportOptions, export, start_range
from act_training.quantization import FastGraph, make_fast_graph
from act_training.torch_policy import TorchPolicy
from act_training.train import TrainOptions, train
from safetensors.torch import load_file, save_file

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def options(tmp_path_factory, make_episode, tiny) -> ExportOptions:
    """Of a policy that was trained for two steps, and of which there is a bundle."""
    folder = tmp_path_factory.mktemp("export")
    data = folder / "data"
    data.mkdir()
    for seed in range(4):
        write_episode(episode_path(data, seed), make_episode(seed))
    training = TrainingConfig(steps=2, batch_size=2, precision="fp32", validation_batches=1)
    model = dataclasses.replace(tiny, image_downscale=2)
    run = train(TrainOptions(data=(data,), out=folder / "run", model=model, training=training))
    options = ExportOptions(checkpoint=run, out=folder / "bundle", fast=False)
    export(options)
    return options


def test_the_bundle_says_what_the_policy_is(options):
    spec = read_bundle(options.out).spec
    assert spec.name == "toy"
    assert (spec.rate_hz, spec.chunk_size) == (20.0, 4)
    assert spec.joint_input.joints == ("shoulder", "elbow", "gripper")
    assert spec.output.joints == ("shoulder", "gripper")
    assert spec.output.unit == "rad"
    assert [image.shape for image in spec.image_inputs] == [(16, 24, 3), (16, 16, 3)]
    assert spec.execution.max_jump == 0.005
    assert spec.provenance["steps"] == 2
    assert spec.provenance["episodes"] == 3


def test_the_bundle_says_where_episodes_start(options, make_episode):
    first = np.stack([make_episode(seed).joints[0] for seed in range(4)])
    start = read_bundle(options.out).spec.start
    assert start.lower == pytest.approx(first.min(axis=0), abs=1e-4)
    assert start.upper == pytest.approx(first.max(axis=0), abs=1e-4)


def test_where_a_policy_got_to_is_not_where_episodes_start(options, make_episode, tmp_path):
    for seed, begun_by in enumerate(("", "", "", "toy")):
        shifted = make_episode(seed).joints + (9.0 if begun_by else 0.0)
        episode = make_episode(seed, joints=shifted, begun_by=begun_by)
        write_episode(episode_path(tmp_path, seed), episode)
    start = start_range(load_checkpoint(options.checkpoint), [tmp_path])
    first = np.stack([make_episode(seed).joints[0] for seed in range(3)])
    assert start.upper == pytest.approx(first.max(axis=0), abs=1e-4)


def test_pieces_that_begin_in_the_middle_say_nothing_of_the_start(
    options, make_episode, tmp_path, capsys
):
    """A wider start would let a policy be enabled where no episode ever began."""
    for seed in range(4):
        write_episode(episode_path(tmp_path, seed), make_episode(seed, begun_by="a lost piece"))
    assert start_range(load_checkpoint(options.checkpoint), [tmp_path]) is None
    assert "no episode was recorded from its start" in capsys.readouterr().out


def test_the_training_record_travels_with_the_bundle(options):
    folder = options.out / "training"
    assert (folder / "log.jsonl").read_text() == (options.checkpoint / "log.jsonl").read_text()
    config = json.loads((folder / "config.json").read_text())
    assert config["step"] == 2
    assert config["datasets"][0]["data"] == "data"  # a name: no path of this machine


def test_the_bundle_equals_torch_on_images_it_never_saw(options):
    """Raw uint8 images and raw units; downscaling, normalisation and z = 0 are in the graph."""
    bundle = load_policy(options.out, engine="cpu", variant="fp32", threads=1)
    trainer = TorchPolicy(load_checkpoint(options.checkpoint).policy, bundle.spec)
    rng = np.random.default_rng(0)
    observation = Observation(
        5,
        rng.normal(size=3).astype(np.float32),
        {
            "front": rng.integers(0, 256, (16, 24, 3), dtype=np.uint8),
            "wrist": rng.integers(0, 256, (16, 16, 3), dtype=np.uint8),
        },
    )
    ours, theirs = bundle.infer(observation).chunk, trainer.infer(observation).chunk
    np.testing.assert_allclose(ours.rows, theirs.rows, atol=1e-5)
    assert ours.stamp_ns == theirs.stamp_ns == 5


def test_the_graph_has_plain_operators_and_no_batch(options):
    graph = onnx.load(options.out / "policy.onnx")
    assert [(o.domain, o.version) for o in graph.opset_import] == [("", export_module.OPSET)]
    dimensions = [d.dim_value for d in graph.graph.output[0].type.tensor_type.shape.dim]
    assert dimensions == [4, 2]


def test_units_that_are_no_radians_switch_the_jump_limit_off(options):
    config = load_checkpoint(options.checkpoint).config
    features = dataclasses.replace(config.features, action_units=("m", "1"))
    spec = make_spec(dataclasses.replace(config, features=features), step=2)
    assert spec.output.unit == "m,1"
    assert spec.execution.max_jump is None


def test_a_dataset_that_has_moved(options, tmp_path):
    with pytest.raises(ValueError, match=r"none of the episodes .* say where .* with --data"):
        export_module.draw_observations(load_checkpoint(options.checkpoint), [tmp_path])


def test_a_fast_variant_is_added_when_there_is_one(options, tmp_path, monkeypatch):
    """The search is replaced: what it chooses on this machine depends on timing."""
    monkeypatch.setattr(
        export_module, "make_fast_graph", lambda spec, graph, **_: FastGraph(graph, 0.5)
    )
    bundle = read_bundle(export(dataclasses.replace(options, out=tmp_path, fast=True)))
    assert bundle.tolerance("fast") == 0.5
    assert bundle.graph_file("fast").name == "policy_int8.onnx"


def far_from_zero(options):
    """The policy of these tests as one of joints that stay near 50 rad, and what it should give.

    bfloat16 has 8 bits: next to 50 it tells 49.75 from 50.
    """
    policy = load_checkpoint(options.checkpoint).policy
    policy.joints_mean += 50.0
    policy.actions_mean += 50.0
    rng = np.random.default_rng(0)
    joints = (policy.joints_mean + policy.joints_std * torch.randn(8, 3)).numpy()
    images = {"front": (8, 16, 24, 3), "wrist": (8, 16, 16, 3)}
    observed = export_module.Observations(
        joints, {c: rng.integers(0, 256, shape, np.uint8) for c, shape in images.items()}
    )
    return policy, observed, export_module.predict(policy, observed)


def test_the_bf16_variant_is_for_policies_that_lose_little_by_it(options, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    policy, observed, expected = far_from_zero(options)
    std = policy.actions_std.numpy()
    variant = export_module.bf16_variant(policy, observed, expected, std)
    assert variant.file == "policy.onnx"
    assert 0 < variant.tolerance < 0.2 * std.max()
    assert export_module.bf16_variant(policy, observed, expected, std / 1000) is None
    assert "bfloat16 is not accurate enough" in caplog.text


@pytest.mark.skipif(
    not has_bf16(), reason="needs: pip install openvino, and a processor with bfloat16"
)
def test_bfloat16_does_not_round_what_goes_in_and_comes_out(options, tmp_path):
    policy, observed, expected = far_from_zero(options)
    spec = read_bundle(options.out).spec
    variant = export_module.bf16_variant(policy, observed, expected, policy.actions_std.numpy())
    spec = dataclasses.replace(spec, variants={"bf16": variant})
    graph = export_module.to_onnx(policy, spec)
    sample = ParitySample(observed.joint_position, observed.images, expected)
    write_bundle(tmp_path, spec, {"fp32": graph, "bf16": graph}, sample)
    parity = load_policy(tmp_path, variant="bf16").parity
    assert parity.max_difference < variant.tolerance


def search(options, monkeypatch, *, gain: float, error: float) -> FastGraph | None:
    monkeypatch.setattr(quantization, "LEAST_GAIN", gain)
    monkeypatch.setattr(quantization, "LARGEST_ERROR", error)
    monkeypatch.setattr(quantization, "TIMED_RUNS", 1)
    monkeypatch.setattr(quantization, "CHOICES", (("MatMul",),))
    bundle = read_bundle(options.out)
    sample = bundle.parity_sample()
    graph = bundle.graph_file().read_bytes()
    std = np.ones(2, np.float32)
    return make_fast_graph(bundle.spec, graph, calibration=sample, measured=sample, action_std=std)


def test_the_fast_graph_is_quantised_and_close(options, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    fast = search(options, monkeypatch, gain=1e-9, error=1.0)
    operators = {node.op_type for node in onnx.load_from_string(fast.graph).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= operators
    assert 0 < fast.tolerance < 1
    assert "int8 MatMul:" in caplog.text


@pytest.mark.parametrize(("gain", "error"), [(1e9, 1.0), (1e-9, 0.0)])
def test_a_slow_or_inaccurate_variant_is_left_out(options, monkeypatch, caplog, gain, error):
    caplog.set_level(logging.INFO)
    assert search(options, monkeypatch, gain=gain, error=error) is None
    assert "no int8 graph is both accurate and faster" in caplog.text


def test_success_is_stamped_into_the_bundle(options):
    condition = {"condition": "newest", "successes": 8, "episodes": 10, "interval_95": [0.4, 0.9]}
    record = {
        "env": "toy", "level": 1, "variant": "fp32", "seeds": [1, 10], "conditions": [condition],
    }  # fmt: skip
    stamp_bundle(options.out, record)
    success = read_bundle(options.out).spec.provenance["success"]["toy level 1: newest"]
    assert (success["successes"], success["episodes"], success["seeds"]) == (8, 10, [1, 10])
    load_policy(options.out, engine="cpu", threads=1)


def test_a_variant_that_is_not_the_policy_is_left_out(options, tmp_path, monkeypatch, caplog):
    """Its search is replaced by one that promises more than the graph keeps."""

    def promise(spec, graph, **_):
        model = onnx.load_from_string(graph)
        for node in model.graph.node:
            if node.op_type == "Relu":
                node.op_type = "Neg"
        return FastGraph(model.SerializeToString(), 1e-6)

    monkeypatch.setattr(export_module, "make_fast_graph", promise)
    bundle = read_bundle(export(dataclasses.replace(options, out=tmp_path / "b", fast=True)))
    assert "fast" not in bundle.spec.variants
    assert "fast: left out of the bundle, which has fp32 all the same: " in caplog.text
    assert not (tmp_path / "b/policy_int8.onnx").exists()
    load_policy(tmp_path / "b", engine="cpu", variant="auto", threads=1)


def test_an_export_that_fails_leaves_the_good_bundle(options, tmp_path, monkeypatch):
    out = tmp_path / "bundle"
    shutil.copytree(options.out, out)
    (out / "README.md").write_text("mine")
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    wrong = dataclasses.replace(options, out=out, name="other")
    with monkeypatch.context() as patch:
        patch.setattr(export_module, "to_onnx", lambda policy, spec: b"no graph")
        with pytest.raises(BundleError):
            export(wrong)
        patch.undo()
        patch.setattr(export_module, "copy_training_record", fail)
        with pytest.raises(OSError, match="No space left"):
            export(wrong)
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    export(wrong)
    assert read_bundle(out).spec.name == "other"
    assert (out / "README.md").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def fail(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_two_exports_to_one_folder(options):
    with lock(options.out.with_name(".bundle.lock"), "the bundle"):
        with pytest.raises(InUseError, match="is in use by process"):
            export(options)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_passes_no_gate(options, tmp_path, value):
    policy, observed, expected = far_from_zero(options)
    std = policy.actions_std.numpy()
    assert export_module.bf16_variant(policy, observed, expected * value, std) is None
    error = quantization.measure_error(expected + value, expected, std)
    assert not error.share <= quantization.LARGEST_ERROR
    run = tmp_path / "run"
    shutil.copytree(options.checkpoint, run)
    tensors = load_file(run / "final/model.safetensors")
    tensors["act.action_head.bias"][0] = value
    save_file(tensors, run / "final/model.safetensors")
    with pytest.raises(ConfigurationError, match=r"weights act.action_head.bias hold values that"):
        export(dataclasses.replace(options, checkpoint=run, out=tmp_path / "bundle"))
    assert not (tmp_path / "bundle").exists()


def test_a_policy_whose_answers_are_not_finite(options, tmp_path):
    """Weights near the largest number are finite; what they give is not."""
    run = tmp_path / "run"
    shutil.copytree(options.checkpoint, run)
    tensors = load_file(run / "final/model.safetensors")
    tensors["act.action_head.weight"][:] = 3e38
    save_file(tensors, run / "final/model.safetensors")
    data = options.checkpoint.parent / "data"
    with pytest.raises(ConfigurationError, match="values that are not finite: it is not fit"):
        export(dataclasses.replace(options, checkpoint=run, data=(data,), out=tmp_path / "bundle"))


def test_the_graph_tells_nothing_of_its_maker(options):
    graph = (options.out / "policy.onnx").read_bytes()
    assert b".py" not in graph
    assert str(Path(export_module.__file__).parent).encode() not in graph
