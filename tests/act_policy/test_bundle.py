from __future__ import annotations

import json

import numpy as np
import pytest
from act_core.policy_json import spec_from_json, spec_to_json
from act_core.policy_spec import (
    ActionOutput,
    BundleError,
    ExecutionSpec,
    ImageInput,
    JointInput,
    ParitySpec,
    PolicySpec,
    VariantSpec,
)
from act_policy.bundle import read_bundle, write_bundle

from tests.act_policy.policies import make_bundle, make_graph, make_sample, make_spec

SO101 = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")


def so101_spec() -> PolicySpec:
    return PolicySpec(
        "so101_pick_place", 30.0, 50,
        JointInput("joint_position", SO101),
        tuple(ImageInput(f"image_{camera}", camera, 240, 320) for camera in ("front", "wrist")),
        ActionOutput("action", SO101),
        ExecutionSpec("ensemble", 0.01),
        ParitySpec("parity.npz", 1e-4),
        {"fast": VariantSpec("policy_int8.onnx", 0.01)},
        {"preset": "compact", "seed": 0},
    )  # fmt: skip


def test_policy_json_is_what_the_documentation_says():
    content = spec_to_json(so101_spec())
    assert content == json.loads(json.dumps(content))
    assert content["schema"] == 1
    assert content["inputs"][0] == {
        "name": "joint_position", "kind": "joints", "shape": [6], "dtype": "float32",
        "unit": "rad", "joints": list(SO101),
    }  # fmt: skip
    assert content["inputs"][1] == {
        "name": "image_front", "kind": "image", "camera": "front", "shape": [240, 320, 3],
        "dtype": "uint8", "encoding": "rgb8",
    }  # fmt: skip
    assert content["output"]["shape"] == [50, 6]
    assert content["execution"] == {
        "mode": "ensemble", "m": 0.01, "open_loop_rows": None, "max_jump": 0.005
    }  # fmt: skip
    assert spec_from_json(content) == so101_spec()


def test_written_bundle_is_read_back(tmp_path):
    written = make_bundle(tmp_path / "new" / "toy", fast_error=0.001)
    bundle = read_bundle(tmp_path / "new" / "toy")
    assert bundle.spec == written.spec
    assert bundle.graph_file().name == "policy.onnx"
    assert bundle.graph_file("fast").name == "policy_int8.onnx"
    assert (bundle.tolerance(), bundle.tolerance("fast")) == (1e-4, 0.01)
    sample, original = bundle.parity_sample(), make_sample(bundle.spec)
    np.testing.assert_array_equal(sample.chunks, original.chunks)
    observation = sample.observation(1)
    np.testing.assert_array_equal(observation.joint_position, original.joint_position[1])
    np.testing.assert_array_equal(observation.images["front"], original.images["front"][1])
    with pytest.raises(BundleError, match="unknown variant 'fats'; did you mean 'fast'"):
        bundle.graph_file("fats")


def test_the_same_bundle_is_written_byte_for_byte(tmp_path):
    for name in ("one", "two"):
        make_bundle(tmp_path / name)
    for file in ("policy.json", "policy.onnx", "parity.npz"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_missing_files_are_named(tmp_path):
    with pytest.raises(BundleError, match=r"no policy\.json in .*nowhere: no such folder"):
        read_bundle(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BundleError, match=r"no policy\.json in .*: the folder has notes\.txt"):
        read_bundle(tmp_path)
    for number in range(300):  # somebody's home, perhaps
        (tmp_path / f"photo_{number:03}.jpg").touch()
    with pytest.raises(BundleError, match=r"photo_006\.jpg and 293 more") as refused:
        read_bundle(tmp_path)
    assert len(str(refused.value)) < 400
    bundle = make_bundle(tmp_path / "toy")
    bundle.graph_file().unlink()
    with pytest.raises(
        BundleError, match=r"'policy\.onnx' is missing .* parity\.npz, policy\.json"
    ):
        read_bundle(tmp_path / "toy")
    (tmp_path / "toy" / "policy.json").write_text("{")
    with pytest.raises(BundleError, match=r"policy\.json is not JSON"):
        read_bundle(tmp_path / "toy")


def changed(path: str, value) -> dict:
    """policy.json of the SO-101 example with one value changed (or removed: ...)."""
    content = spec_to_json(so101_spec())
    at = content
    *parents, last = path.split("/")
    for key in parents:
        at = at[int(key) if isinstance(at, list) else key]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("schema", 2, "schema is 2, this runtime reads 1"),
        ("rate_hz", "fast", r"policy.json.rate_hz is 'fast', expected a float"),
        ("rate_hz", 0, r"rate_hz is 0.0, expected above 0"),
        ("rate_hz", float("nan"), r"rate_hz is nan, expected above 0"),
        ("chunk_size", True, r"chunk_size is True, expected a int"),
        ("chunk_size", 40, r"output.shape is \(50, 6\), expected \(40, 6\)"),
        ("chunk_size", ..., r"key 'chunk_size' is missing; it has schema, name"),
        ("chunksize", 3, r"policy.json: unknown key 'chunksize'; did you mean 'chunk_size'"),
        ("inputs", [], r"inputs: 0 of kind 'joints', expected one"),
        ("inputs/0/shape", [5], r"inputs\[0\].shape is \(5,\), expected \(6,\)"),
        ("inputs/0/joints", ["a", "b", "a"], r"joints of input 'joint_position': a appears twice"),
        ("inputs/0/joints", [], r"joints of input 'joint_position' are \[\]"),
        ("inputs/1/kind", "images", r"unknown kind of input 'images'; did you mean 'image'"),
        ("inputs/1/dtype", "float32", r"inputs\[1\].dtype is 'float32', expected 'uint8'"),
        ("inputs/1/shape", [3, 240, 320], r"inputs\[1\].shape is \(3, 240, 320\), expected \(hei"),
        ("inputs/1/shape", [0, 320, 3], r"'image_front': shape is \(0, 320, 3\), expected posit"),
        ("inputs/1/encoding", "bgr8", r"inputs\[1\]: unknown encoding 'bgr8'; did you mean 'rgb8'"),
        ("inputs/1/encoding", "16UC1", r"inputs\[1\].dtype is 'uint8', expected 'uint16'"),
        ("inputs/0/kind", "joint_velocities", r"inputs: 0 of kind 'joints', expected one"),
        ("inputs/2/camera", "front", r"cameras: front appears twice"),
        ("inputs/2/name", "image_front", r"inputs: image_front appears twice"),
        ("output/unit", 3, r"output.unit is 3, expected a str"),
        ("execution/mode", "", r"execution.mode are \[''\], expected 1 to"),
        ("execution/mode", 3, r"execution.mode is 3, expected text"),
        ("execution/options", [1], r"execution.options is \[1\], expected an object"),
        ("execution/m", float("inf"), r"execution.m is inf, expected -1000 to 1000"),
        ("execution/n", 3, r"execution: unknown key 'n'; .*known: m, max_jump, mode"),
        ("execution/open_loop_rows", 51, r"open_loop_rows is 51, expected at most chunk_size, 50"),
        ("execution/open_loop_rows", 0, r"open_loop_rows is 0, expected a whole number above 0"),
        ("execution/open_loop_rows", 2.5, r"open_loop_rows is 2.5, expected a whole number"),
        ("inputs/1/shape", ["a", 320, 3], r"inputs\[1\].shape is \('a', 320, 3\), expected"),
        ("execution/max_jump", 0, r"execution.max_jump is 0, expected above 0 or null"),
        ("execution", [], r"policy.json.execution is \[\], expected a dict"),
        ("parity/tolerance", 0, r"parity.tolerance is 0, expected above 0"),
        ("parity/tolerance", "small", r"parity.tolerance is 'small', expected above 0"),
        ("parity/file", "../parity.npz", r"parity.file is '../parity.npz', expected the name of a"),
        ("variants/fast", {"file": "x"}, r"variants.fast: tolerance missing; it needs file, tol"),
        ("variants/fast/tolerance", -1, r"tolerance of 'policy_int8.onnx' is -1, expected above"),
        ("variants/fp32", {"file": "x", "tolerance": 1}, r"a variant is named 'fp32'"),
    ],
)
def test_wrong_values_are_refused_by_name(path, value, text):
    with pytest.raises(BundleError, match=text):
        spec_from_json(changed(path, value))


def test_write_refuses_what_could_not_be_read(tmp_path):
    spec = make_spec()
    sample, graph = make_sample(spec), make_graph(spec)
    with pytest.raises(BundleError, match=r"graphs are \[\], expected \['fp32'\]"):
        write_bundle(tmp_path, spec, {}, sample)
    other = make_sample(make_spec(image_inputs=()))
    with pytest.raises(BundleError, match=r"has \['action', 'joint_position'\], expected \['act"):
        write_bundle(tmp_path, spec, {"fp32": graph}, other)
    longer = make_sample(make_spec(chunk_size=5))
    with pytest.raises(BundleError, match=r"'action' is float32 \(2, 5, 2\), expected .*\(2, 4, 2"):
        write_bundle(tmp_path, spec, {"fp32": graph}, longer)
    with pytest.raises(BundleError, match="holds no sample"):
        write_bundle(tmp_path, spec, {"fp32": graph}, make_sample(spec, 0))
    assert list(tmp_path.iterdir()) == []


def test_damaged_parity_file_is_refused(tmp_path):
    bundle = make_bundle(tmp_path)
    (tmp_path / "parity.npz").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(BundleError, match=r"parity\.npz cannot be read"):
        bundle.parity_sample()
