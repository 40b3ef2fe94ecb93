from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from act_core.errors import ConfigurationError
from act_core.policy_spec import ActionOutput, BundleError, ImageInput, JointInput
from act_policy.bundle import read_bundle
from act_policy.cores import inference_cores, run_apart
from act_policy.load_policy import ENGINES, load_policy
from act_policy.observation import Observation
from act_policy.onnx_policy import OnnxPolicy, choose_provider
from act_policy.openvino_policy import OpenVinoPolicy, has_bf16, is_installed
from act_policy.policy import PolicyError

from tests.act_policy.policies import H, W, chunk_rows, make_bundle, make_graph, make_spec

BOTH = [
    OnnxPolicy,
    pytest.param(
        OpenVinoPolicy,
        marks=pytest.mark.skipif(not is_installed(), reason="needs: pip install openvino"),
    ),
]


def grey(value: int) -> np.ndarray:
    return np.full((H, W, 3), value, dtype=np.uint8)


@pytest.mark.parametrize("policy_type", BOTH)
def test_infers_the_known_answer(tmp_path, policy_type):
    policy = policy_type(make_bundle(tmp_path), threads=1)
    observation = Observation(123, np.array([0.5, -0.5], np.float32), {"front": grey(51)})
    inference = policy.infer(observation)
    expected = chunk_rows(policy.spec, [0.5, -0.5], 51)
    np.testing.assert_allclose(inference.chunk.rows, expected, atol=1e-6)
    assert inference.chunk.stamp_ns == 123
    assert inference.chunk.rate_hz == 10.0
    assert inference.latency_s > 0
    # The chunk is the caller's: the next inference does not change it.
    policy.infer(Observation(124, np.zeros(2, np.float32), {"front": grey(0)}))
    np.testing.assert_allclose(inference.chunk.rows, expected, atol=1e-6)


def test_takes_views_that_are_not_contiguous(tmp_path):
    policy = OnnxPolicy(make_bundle(tmp_path), threads=1)
    wide = np.full((H, 2 * W, 3), 255, dtype=np.uint8)
    wide[:, ::2] = 51
    rows = policy.infer(Observation(0, np.zeros(2), {"front": wide[:, ::2]})).chunk.rows
    np.testing.assert_allclose(rows, chunk_rows(policy.spec, [0, 0], 51), atol=1e-6)


@pytest.mark.parametrize("policy_type", BOTH)
def test_parity_is_replayed(tmp_path, policy_type):
    bundle = make_bundle(tmp_path, fast_error=0.001)
    parity = policy_type(bundle, "fp32").check_parity()
    assert parity.max_difference < 1e-6
    assert (parity.tolerance, parity.samples) == (1e-4, 2)
    assert policy_type(bundle, "fast").check_parity().max_difference == pytest.approx(1e-3, rel=0.1)


def test_a_graph_that_computes_something_else_is_refused(tmp_path):
    bundle = make_bundle(tmp_path, fast_error=0.02)
    with pytest.raises(
        BundleError,
        match=r"variant 'fast' on onnxruntime cpu: parity sample 0 is 0\.02 rad from the trainer's "
        r"at row \d, '(left|right)' \(tolerance 0\.01\)",
    ):
        load_policy(bundle.folder, variant="fast")


def test_a_variant_that_fails_is_passed_over_with_a_warning(tmp_path):
    bundle = make_bundle(tmp_path, fast_error=0.02)
    policy = load_policy(bundle.folder)
    assert policy.variant == "fp32"
    (warning,) = policy.warnings
    assert "variant 'fast' on onnxruntime cpu: parity sample 0 is 0.02 rad" in warning
    assert warning.endswith("going on with variant 'fp32'")
    for damage in (lambda path: path.write_bytes(b"none"), lambda path: path.unlink()):
        damage(bundle.graph_file("fast"))
        policy = load_policy(bundle.folder, engine="cpu")
        assert (policy.variant, len(policy.warnings)) == ("fp32", 1)
    assert load_policy(make_bundle(tmp_path / "good", fast_error=0.001).folder).warnings == ()


def test_a_graph_of_other_names_or_shapes_is_refused_with_every_difference(tmp_path):
    bundle = make_bundle(tmp_path)
    other = make_spec(
        joint_input=JointInput("joints", ("left", "right")),
        image_inputs=(ImageInput("image_front", "front", 3, W),),
        output=ActionOutput("action", ("left", "right")),
        chunk_size=5,
    )
    bundle.graph_file().write_bytes(make_graph(other))
    with pytest.raises(BundleError) as caught:
        OnnxPolicy(bundle)
    assert str(caught.value).splitlines() == [
        f"{bundle.folder / 'policy.onnx'}: the graph does not fit policy.json:",
        "  input 'joint_position' is not in the graph, which has joints, image_front",
        "  input 'joints' of the graph is not in policy.json",
        "  input 'image_front' is uint8 [3, 8, 3] in the graph, uint8 [6, 8, 3] in policy.json",
        "  output 'action' is float32 [5, 2] in the graph, float32 [4, 2] in policy.json",
    ]


@pytest.mark.parametrize("policy_type", BOTH)
def test_a_normalisation_that_changes_nothing_hides_no_name(tmp_path, policy_type):
    """OpenVINO leaves the division out; its input then has the division's name, too."""
    bundle = make_bundle(tmp_path)
    model = onnx.load(bundle.graph_file())
    nodes = model.graph.node
    for node in nodes:
        node.input[:] = ["div" if name == "joint_position" else name for name in node.input]
    nodes.insert(0, onnx.helper.make_node("Div", ["joint_position", "one"], ["div"]))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(1), "one"))
    onnx.save(model, bundle.graph_file())
    assert policy_type(bundle).check_parity().max_difference < 1e-6


def test_a_file_that_is_no_graph_is_refused(tmp_path):
    bundle = make_bundle(tmp_path)
    bundle.graph_file().write_bytes(b"not a graph")
    with pytest.raises(BundleError, match=r"policy\.onnx does not load"):
        OnnxPolicy(bundle)


def test_non_finite_output_is_refused(tmp_path):
    policy = OnnxPolicy(make_bundle(tmp_path, nan_above=2.0), threads=1)
    good = Observation(0, np.array([1.0, 0.0], np.float32), {"front": grey(0)})
    policy.infer(good)
    bad = Observation(0, np.array([3.0, 0.0], np.float32), {"front": grey(0)})
    with pytest.raises(PolicyError, match="8 of 8 values of the chunk are not finite"):
        policy.infer(bad)
    policy.infer(good)


def test_load_policy_chooses_the_fast_variant_on_a_cpu(tmp_path):
    make_bundle(tmp_path, fast_error=0.001)
    assert load_policy(tmp_path, engine="cpu").variant == "fast"
    assert load_policy(tmp_path, engine="cpu", variant="fp32").variant == "fp32"
    assert OnnxPolicy(read_bundle(tmp_path), "fp32").engine.startswith("onnxruntime ")
    with pytest.raises(ConfigurationError, match=r"unknown engine 'gpu'.* known: auto, cpu, cuda"):
        load_policy(tmp_path, engine="gpu")
    with pytest.raises(BundleError, match="unknown variant 'int8'"):
        load_policy(tmp_path, variant="int8")
    assert set(ENGINES) >= {"auto", "cpu", "cuda", "tensorrt", "openvino_fp32", "openvino_bf16"}


needs_bf16 = pytest.mark.skipif(
    not has_bf16(), reason="needs: pip install openvino, and a processor with bfloat16"
)


@needs_bf16
def test_load_policy_chooses_bfloat16_where_bundle_and_computer_have_it(tmp_path):
    make_bundle(tmp_path, fast_error=0.001, bf16=True)
    for values in ({}, {"variant": "bf16"}, {"engine": "openvino_bf16"}):
        policy = load_policy(tmp_path, **values)
        assert (policy.engine, policy.variant) == ("openvino bf16", "bf16")
    assert load_policy(tmp_path, engine="openvino_fp32").variant == "fast"
    assert load_policy(tmp_path, variant="fp32").engine.startswith("onnxruntime ")


def test_load_policy_does_without_bfloat16(tmp_path, monkeypatch):
    make_bundle(tmp_path / "with", bf16=True)
    make_bundle(tmp_path / "without")
    assert load_policy(tmp_path / "without").variant == "fp32"
    monkeypatch.setattr("act_policy.load_policy.has_bf16", lambda: False)
    policy = load_policy(tmp_path / "with")
    assert (policy.engine, policy.variant) == ("onnxruntime cpu", "fp32")


def test_engines_without_bfloat16_say_so(tmp_path, monkeypatch):
    make_bundle(tmp_path, bf16=True)
    with pytest.raises(ConfigurationError, match="variant 'bf16' is for engine openvino_bf16"):
        load_policy(tmp_path, engine="cpu", variant="bf16")
    if not is_installed():
        return
    with pytest.raises(ConfigurationError, match="variant 'bf16' is for engine openvino_bf16"):
        load_policy(tmp_path, engine="openvino_fp32", variant="bf16")
    monkeypatch.setattr("act_policy.openvino_policy._capabilities", lambda: ["FP32", "INT8"])
    with pytest.raises(ConfigurationError, match="no bfloat16 instructions.* FP32, INT8"):
        load_policy(tmp_path, variant="bf16")


def test_provider_choice():
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert choose_provider(None, both) == "cuda"
    assert choose_provider(None, ["TensorrtExecutionProvider", *both]) == "cuda"
    assert choose_provider(None, ["CPUExecutionProvider"]) == "cpu"
    assert choose_provider("cpu", both) == "cpu"
    with pytest.raises(
        ConfigurationError, match="'cuda' is not in this ONNX Runtime, which has cpu"
    ):
        choose_provider("cuda", ["CPUExecutionProvider"])
    with pytest.raises(ConfigurationError, match="unknown provider 'cudo'; did you mean 'cuda'"):
        choose_provider("cudo", both)


def test_openvino_asks_to_be_installed(tmp_path, monkeypatch):
    bundle = make_bundle(tmp_path)
    monkeypatch.setattr("act_policy.openvino_policy.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="not installed; pip install openvino"):
        OpenVinoPolicy(bundle)


def test_inference_leaves_a_core_unless_control_has_priority():
    assert inference_cores(True, {0, 1, 2, 3}) == (0, 1, 2, 3)
    assert inference_cores(False, {0, 1, 2, 3}) == (0, 1, 2)
    assert inference_cores(False, {0, 1}) == (0,)
    assert inference_cores(False, {5}) == (5,)


def test_run_apart_moves_the_threads_that_are_started_inside():
    before = os.sched_getaffinity(0)
    core = min(before)

    def here() -> tuple[set[int], int]:
        niceness = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        return os.sched_getaffinity(0), niceness

    def in_a_child() -> tuple[set[int], int]:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(here).result()

    assert run_apart(in_a_child, (core,), 19) == ({core}, 19)
    assert here()[0] == before
    assert here()[1] < 19
    with pytest.raises(ZeroDivisionError):
        run_apart(lambda: 1 // 0, (core,))
