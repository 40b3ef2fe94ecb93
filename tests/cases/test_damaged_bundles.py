"""Everything in a bundle is damaged until it is checked: a policy, or one declared error.

Seen: a parity.npz of 1 kB whose header asks for 20 GB, one of NaN that passed the gate, pointers of
Git LFS, weights in files outside of the folder.
"""

from __future__ import annotations

import io
import json
import resource
import tracemalloc
import zipfile

import numpy as np
import onnx
import pytest
from act_core.policy_json import spec_from_json, spec_to_json
from act_core.policy_spec import BundleError, PolicySpec
from act_policy.bundle import read_bundle
from act_policy.load_policy import load_policy
from act_policy.policy import PolicyError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from tests.act_policy.policies import make_bundle, make_graph, make_spec, observation_at
from tests.exploring import EXPLORING

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 13574141\n"
CHECKED = settings(max_examples=1_000 if EXPLORING else 40, suppress_health_check=list(HealthCheck))


@pytest.fixture
def toy(tmp_path):
    return make_bundle(tmp_path / "toy").folder


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def sample(**changes) -> dict:
    arrays = {
        "joint_position": np.zeros((2, 2), np.float32),
        "image_front": np.zeros((2, 6, 8, 3), np.uint8),
        "action": np.zeros((2, 4, 2), np.float32),
    }
    return {**arrays, **changes}


def npy(shape: object, descr: str = "<f4", data: bytes = b"") -> bytes:
    """An array file whose header says what it likes."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def refusal(folder, **options) -> str:
    with pytest.raises(BundleError) as refused:
        load_policy(folder, engine="cpu", **options)
    text = str(refused.value)
    assert len(text) < 2000
    assert text.isprintable() or "\n  " in text
    return text


@pytest.mark.parametrize("file", ["policy.json", "policy.onnx", "parity.npz"])
def test_a_pointer_of_git_lfs_is_named_with_the_remedy(toy, file):
    (toy / file).write_bytes(POINTER)
    text = refusal(toy)
    assert f"{file} is a pointer of Git LFS" in text
    assert "git lfs pull" in text


@pytest.mark.parametrize("file", ["policy.json", "policy.onnx", "parity.npz"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.99])
def test_a_file_that_is_cut_off_is_refused_by_name(toy, file, share):
    content = (toy / file).read_bytes()
    (toy / file).write_bytes(content[: int(share * len(content))])
    assert file in refusal(toy)


@pytest.mark.parametrize("name", ["joint_position", "action"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_passes_no_parity(toy, name, value):
    arrays = sample()
    arrays[name][1, ..., 1] = value
    (toy / "parity.npz").write_bytes(npz(**arrays))
    assert f"parity.npz: '{name}' has values that are not finite" in refusal(toy)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (npy((5_000_000_000, 2)), "would have 40000000000 bytes"),
        (npy((10**30, 2)), "bytes, expected at most"),
        (npy((-1, 2)), "bytes, expected at most"),
        (npy((2, 10**9)), "is float32 (2, 1000000000), expected float32 (2, 2)"),
        (npy((2, 2), "|O"), "is object (2, 2), expected float32"),
        (npy((2, 2), "<f4", b"\x00" * 15), "has 15 bytes, expected 16: the file is cut off"),
        (npy("(" * 5000), "cannot be read"),
        (npy((2, 2), "9999999999f4"), "cannot be read"),
        (b"", "cannot be read"),
        (b"\x93NUMPY\x02\x00" + b"\xff" * 4, "version (2, 0)"),
    ],
)
def test_what_a_header_says_is_checked_before_it_is_believed(toy, entry, text):
    with zipfile.ZipFile(toy / "parity.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in sample().items():
            file = io.BytesIO()
            np.save(file, array)
            archive.writestr(f"{name}.npy", entry if name == "joint_position" else file.getvalue())
    tracemalloc.start()
    told = refusal(toy)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert text in told
    assert peak < 50_000_000


def test_weights_in_another_file_are_refused(toy, tmp_path):
    model = onnx.load(toy / "policy.onnx")
    (tmp_path / "weights").write_bytes(b"\x00" * 64)
    for where in ("../weights", str(tmp_path / "weights"), "weights"):
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        del tensor.external_data[:]
        tensor.external_data.add(key="location", value=where)
        (toy / "policy.onnx").write_bytes(model.SerializeToString())
        text = refusal(toy)
        assert "weights of it are in another file" in text
        assert "export it again into one file" in text


@CHECKED
@given(data=st.data())
def test_damaged_files_give_the_declared_error(tmp_path_factory, data):
    """Bytes changed, put in and cut out, of each file: what loads computes what it should."""
    folder = tmp_path_factory.mktemp("fuzz") / "toy"
    make_bundle(folder)
    file = folder / data.draw(st.sampled_from(["policy.json", "policy.onnx", "parity.npz"]))
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, max(len(content) - 1, 0)))
        length = data.draw(st.sampled_from([0, 1, 1, 4, 100]))
        content[at : at + length] = data.draw(st.binary(max_size=8))
    file.write_bytes(content)
    try:
        policy = load_policy(folder, engine="cpu", threads=1)
    except BundleError:
        return
    assert policy.parity.max_difference <= policy.parity.tolerance


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5)
    | st.sampled_from([0, -1, 1, 2**70, 10**400, 1e300, float("nan"), float("inf"), "\x1b[2J", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)  # fmt: skip


def places(content, path=()):
    yield path
    if isinstance(content, dict):
        for key, value in content.items():
            yield from places(value, (*path, key))
    elif isinstance(content, list):
        for index, value in enumerate(content):
            yield from places(value, (*path, index))


VALID = spec_to_json(make_spec())
PLACES = [path for path in places(VALID) if path]


@CHECKED
@given(st.lists(st.tuples(st.sampled_from(PLACES), JSON), min_size=1, max_size=2))
def test_any_value_in_policy_json_is_taken_or_refused(changes):
    content = json.loads(json.dumps(VALID))
    for path, value in changes:
        at = content
        try:
            for key in path[:-1]:
                at = at[key]
            at[path[-1]] = value
        except (TypeError, KeyError, IndexError):
            continue  # what was there is replaced already
    try:
        spec = spec_from_json(content)
    except BundleError as error:
        refused = str(error)
    else:
        assert isinstance(spec, PolicySpec)
        refused = json.dumps(spec_to_json(spec))
    assert "\x1b" not in refused


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 100_000, "is not JSON"),
        ('{"schema": 1, "schema": 1}', "the key 'schema' twice"),
        ("[]", "policy.json is list, expected an object"),
        ('{"schema": ' + "9" * 5000 + "}", "is not JSON"),
        (" " * 5_000_000, "is larger than 4000000 bytes"),
    ],
)
def test_a_policy_json_that_is_none(toy, text, told):
    (toy / "policy.json").write_text(text)
    with pytest.raises(BundleError, match=told):
        read_bundle(toy)


def test_a_folder_of_somebody_unknown():
    with pytest.raises(BundleError, match="is no path"):
        read_bundle("~nobody_of_this_name/policy")


def graph_that_asks_for(values: int, *, only_beyond: float | None = None) -> bytes:
    """The toy's graph, with so many values in between: always, or where a joint is beyond that."""
    model = onnx.load_from_string(make_graph(make_spec()))
    last = model.graph.node[-1]
    nodes = [
        helper.make_node("Gather", ["joint_position", "at"], ["joint"]),
        helper.make_node("Greater", ["joint", "limit"], ["is_beyond"]),
        helper.make_node("Cast", ["is_beyond"], ["factor"], to=TensorProto.INT64),
        helper.make_node("Mul", ["factor", "values"], ["size"]),
        helper.make_node("ConstantOfShape", ["size"], ["many"]),
        helper.make_node("ReduceSum", ["many"], ["sum"], keepdims=0),
        helper.make_node("Add", ["sum", last.input[0]], ["with_many"]),
    ]
    last.input[0] = "with_many"
    limit = np.float32([-100 if only_beyond is None else only_beyond])
    constants = {"at": np.int64([0]), "limit": limit, "values": np.int64([values])}
    model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in constants.items())
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*rest[:-1], *nodes, rest[-1]])
    return model.SerializeToString()


def test_a_graph_that_asks_for_more_memory_than_it_may_have(toy):
    """16 GB, of which nothing is taken; and only for an observation that no sample shows."""
    (toy / "policy.onnx").write_bytes(graph_that_asks_for(1000))
    assert load_policy(toy, engine="cpu").parity.max_difference < 1e-6
    (toy / "policy.onnx").write_bytes(graph_that_asks_for(4 * 2**30))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "the graph needs more than the 4 GB of memory it may have" in refusal(toy)
    (toy / "policy.onnx").write_bytes(graph_that_asks_for(4 * 2**30, only_beyond=1.0))
    policy = load_policy(toy, engine="cpu")
    with pytest.raises(PolicyError, match="more than the 4 GB of memory"):
        policy.infer(observation_at(0, (2.0, 0.0)))
    assert policy.infer(observation_at(0)).chunk.rows.shape == (4, 2)  # and it goes on
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
