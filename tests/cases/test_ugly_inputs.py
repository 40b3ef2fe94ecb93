"""Calibrations, set-ups and bundles as people really have them: taken for what they say, or refused
in a line that names the file and what is wrong. Nothing hangs, nothing is taken by halves.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from act_core.errors import MOST_KNOWN, ConfigurationError, suggest
from act_core.files import read_json
from act_core.policy_spec import BundleError
from act_core.setup_file import read_setup
from act_core.yaml_file import read_yaml
from act_policy.load_policy import load_policy
from act_record.contract import attachments
from act_training.datasets.foreign import read_json as read_foreign_json
from so101_driver import calibration as cal
from so101_driver.calibration_checks import doubts
from so101_driver.emulator.arm import emulated_calibration

from tests.act_policy.policies import make_bundle

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1012\n"
ARM = emulated_calibration().dumps()
JOINT = '"shoulder_pan": {'


READERS: dict[str, Callable[[Path], Any]] = {
    "calibration.json": cal.load,
    "calibration of a recording.json": lambda file: attachments("{}", str(file)),
    "setup.yaml": lambda file: read_setup(str(file)),
    "robot.yaml": read_yaml,
    "record.json": read_json,
    "info.json": read_foreign_json,
    "policy.json": lambda file: load_policy(file.parent),
}


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as refused:
        call()
    text = str(refused.value)
    assert text.isprintable(), "one line, without what a terminal obeys"
    assert len(text) < 1500
    return text


# ------------------------------------------------------------------- of every file of persons


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda file: os.mkfifo(file), "pipe"),
        (lambda file: file.mkdir(), "folder"),
        (lambda file: file.symlink_to("/dev/zero"), "device"),
        (lambda file: file.symlink_to(file), "symbolic links"),
        (lambda file: file.symlink_to("nothing"), "No such file"),
        (lambda file: file.write_text(POINTER), "pointer of Git LFS"),
        (lambda file: file.write_text(ARM, "utf-16"), "not UTF-8 text (byte 0): save it as UTF-8"),
        (lambda file: file.write_text('{"a": 1, "b": 2, "a": 3}'), "the key 'a' twice in one pl"),
        (lambda file: file.write_text('{"a": {"\\u001b[2J": 1, "\\u001b[2J": 2}}'), "twice"),
    ],
    ids=["pipe", "folder", "device", "loop", "dangling", "lfs", "utf-16", "twice", "escape"],
)
def test_what_is_no_file_of_text_is_refused_by_every_reader(tmp_path, name, make, says):
    """A pipe and a device were waited for without an end, or filled the memory; of two equal keys
    the last counted without a word."""
    file = tmp_path / name
    make(file)
    read = READERS[name]
    if name in ("record.json", "info.json") and says in ("symbolic links", "No such file"):
        with pytest.raises((OSError, ConfigurationError), match=says):
            read(file)
    else:
        text = refusal(lambda: read(file))
        assert says in text
        assert name in text or name == "robot.yaml", "whose caller names the file"


@pytest.mark.parametrize("name", ["a\0b.json", "~nobody_of_this_name/a.json", "x" * 5000 + "/a"])
@pytest.mark.parametrize("kind", ["calibration", "setup", "bundle", "recording"])
def test_a_name_that_no_file_can_have(kind, name):
    if kind == "setup":
        name = name.removesuffix(".json") + ".yaml"
    refusal(
        {
            "calibration": lambda: cal.load(cal.find(name)),
            "setup": lambda: read_setup(name),
            "bundle": lambda: load_policy(name),
            "recording": lambda: attachments("{}", name),
        }[kind]
    )


def test_of_many_names_the_first_are_shown():
    text = suggest("set-up", "kitchn\x1b", ["kitchen", *(f"s{n}" for n in range(500))])
    assert text.startswith("unknown set-up 'kitchn?'; did you mean 'kitchen'? known: kitchen, s0,")
    assert text.endswith(f" and {501 - MOST_KNOWN} more")


# ------------------------------------------------------------------------------- calibrations


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace(JOINT, JOINT + '"homing_offset": 5,'), "'homing_offset' twice"),
        (lambda text: "{" + f'"gripper": {{"id": 6}},{text[1:]}', "the key 'gripper' twice"),
        (lambda text: "", "is empty"),
        (lambda text: " \r\n", "is empty"),
        (lambda text: text[:-1] + ",}", "is not JSON: "),
        (lambda text: "// my arm\n" + text, "is not JSON: "),
        (lambda text: text + text, "is not JSON: Extra data"),
        (lambda text: "<<<<<<< HEAD\n" + text, "is not JSON: "),
        (lambda text: f'{{"calibration": {text}}}', "calibration: unknown key"),
        (lambda text: text.replace("gripper", "gripper\u200b"), "unknown joint 'gripper?'; did yo"),
        (lambda text: text.replace("gripper", "g" * 9999), f"unknown joint '{'g' * 60}…'"),
        (lambda text: text.replace("gripper", "\\u001b[2J"), "unknown joint '?[2J'"),
        (lambda text: text.replace('"id": 6', '"id": true'), "gripper: id is True, expected a wh"),
        (lambda text: text.replace('"id": 6', f'"id": "{"6" * 999}"'), "expected a whole number"),
        (lambda text: text.replace('"id": 6', '"id": NaN'), "gripper: id is nan, expected a whole"),
        (lambda text: text.replace('"id": 6', '"id": 6.0'), "gripper: id is 6.0, expected a whole"),
    ],
)
def test_a_calibration_that_is_none(tmp_path, change, says):
    (tmp_path / "arm.json").write_text(change(ARM))
    text = refusal(lambda: cal.load(tmp_path / "arm.json"))
    assert says in text
    assert "arm.json" in text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_marks_and_line_ends_of_other_systems_are_read_alike(tmp_path, encoding, end):
    """By the recorder, too, which had refused the mark that the driver takes."""
    file = tmp_path / "arm.json"
    file.write_bytes(ARM.replace("\n", end).encode(encoding))
    assert cal.load(file) == emulated_calibration()
    assert json.loads(attachments("{}", str(file))["calibration.json"]) == json.loads(ARM)


def test_joints_whose_servos_are_mixed_up_are_doubted():
    content = json.loads(ARM)
    content["shoulder_pan"]["id"], content["shoulder_lift"]["id"] = 2, 1
    told = doubts(cal.loads(json.dumps(content)))
    assert [text.split(":")[0] for text in told] == ["shoulder_pan", "shoulder_lift"]
    assert "its servo is 2, which LeRobot always has as shoulder_lift" in told[0]
    for number, joint in enumerate(content.values()):  # the second arm on one bus
        joint["id"] = 11 + number
    assert doubts(cal.loads(json.dumps(content))) == []


@pytest.mark.parametrize("name", ["../../x", "arm.json", "", ".hidden", "a\nb", "x" * 300])
def test_a_calibration_is_not_written_under_a_name_that_is_not_found_again(name):
    assert "cannot be the name of a cal" in refusal(lambda: cal.path_to_write(name))


# -------------------------------------------------------------------------------------- set-ups

KITCHEN = """\
arm: {port: /dev/ttyACM0, calibration: my_arm}
cameras:
  front: {device: /dev/video0}
task: put it there
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("task:", "arm: {port: /dev/b}\ntask:", "the key 'arm' twice in one place (again in line"),
        ("task:", "  front: {device: /dev/b}\ntask:", "the key 'front' twice in one place"),
        ("port: /dev/ttyACM0", "port: a, port: b", "the key 'port' twice"),
        ("my_arm", "007", "arm: calibration is 7, expected text: put it in quotes"),
        ("my_arm", "1:30", "arm: calibration is 90, expected text: put it in quotes"),
        ("my_arm", "on", "arm: calibration is True, expected text: put it in quotes"),
        ("my_arm", "2026-01-02", "calibration is datetime.date(2026, 1, 2), expected text"),
        ("my_arm", "''", "arm: calibration is '', expected text"),
        ("/dev/ttyACM0", "' '", "arm: port is ' ', expected text"),
        ("/dev/ttyACM0", "0", "arm: port is 0, expected text: put it in quotes"),
        ("/dev/ttyACM0", '"\\e[2J"', r"arm: port is '\x1b[2J', expected text"),
        ("/dev/ttyACM0", '"\\ud800"', r"arm: port is '\ud800', expected text"),
        ("/dev/video0", "yes", "camera front: device is True, expected text"),
        ("/dev/video0", "-1", "camera front: device is -1, expected text"),
        ("/dev/video0}", '/dev/video0, encoding: "a\\nb"}', "encoding is 'a\\nb', expected one"),
        ("front:", "on:", "cameras: a name is True, expected text: put it in quotes"),
        ("front:", f"{'x' * 101}:", "cannot be the name of a camera"),
        ("task:", "  wrist: {device: /dev/video0}\ntask:", "front and wrist have the same device"),
        ("put it there", '"a\\rb"', r"task is 'a\rb', expected one line of words"),
        ("task:", "episodes: 1_000_000_000\ntask:", "episodes is 1000000000, expected a number of"),
    ],
)  # fmt: skip
def test_a_set_up_that_says_something_else_than_was_meant(tmp_path, old, new, says):
    assert KITCHEN.count(old) == 1
    (tmp_path / "setup.yaml").write_text(KITCHEN.replace(old, new))
    text = refusal(lambda: read_setup(f"{tmp_path}/"))
    assert says in text
    assert str(tmp_path / "setup.yaml") in text


def test_a_set_up_with_all_that_is_in_order(tmp_path):
    told = KITCHEN.replace("/dev/video0", "0").replace("my_arm", "'007'")
    told += "leader: &one {port: /dev/b}\n"
    (tmp_path / "setup.yaml").write_text("\ufeff---\n" + told.replace("\n", "\r\n") + "...\n")
    setup = read_setup(f"{tmp_path}/")
    assert setup.launch_arguments()["calibration"] == "007"
    assert setup.cameras_text == "front=0"
    setup.save()
    assert read_setup(f"{tmp_path}/").launch_arguments() == setup.launch_arguments()


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("a: &x {b: 1}\nc: {<<: *x, b: 2}", {"a": {"b": 1}, "c": {"b": 2}}),
        ("a: &x {b: 1}\nc: &y {<<: *x, b: 2}\nd: {<<: *y, b: 3}", {"d": {"b": 3}}),
        ("- {a: 1}\n- {a: 2}", [{"a": 1}, {"a": 2}]),
        ("{1: a, '1': b}", {1: "a", "1": "b"}),
    ],
)
def test_keys_that_are_not_the_same_are_left_alone(tmp_path, text, content):
    (tmp_path / "a.yaml").write_text(text)
    found = read_yaml(tmp_path / "a.yaml")
    assert found == content if isinstance(found, list) else found | content == found


# -------------------------------------------------------------------------------------- bundles


@pytest.fixture
def toy(tmp_path):
    return make_bundle(tmp_path / "toy").folder


def edit(folder: Path, **values: Any) -> None:
    file = folder / "policy.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


VARIANT = {"file": "policy.onnx", "tolerance": 0.01}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"parity": {"file": "parity.npz", "tolerance": 10}}, "tolerance is 10, expected above 0"),
        ({"parity": {"file": "parity.npz", "tolerance": 1e300}}, "expected above 0 and at most 1"),
        ({"variants": {"fast": VARIANT | {"tolerance": 1e30}}}, "is 1e+30, expected above 0"),
        ({"variants": {"auto": VARIANT}}, "a variant is named 'auto', which chooses among them"),
        ({"execution": {"m": 1e308}}, "execution.m is 1e+308, expected -1000 to 1000"),
        ({"execution": {"m": -1e308}}, "execution.m is -1e+308, expected -1000 to 1000"),
        ({"start": {"lower": [0, 0]}}, "start: upper missing; it needs lower, upper"),
        ({"start": {}}, "start: lower and upper missing"),
        ({"start": {"lower": 1, "upper": 2}}, "start.lower is 1, expected a number for each joint"),
        ({"start": {"lower": "ab", "upper": "cd"}}, "start.lower is 'ab', expected a number for"),
        ({"chunk_size": 0}, "chunk_size is 0, expected 1 to 10000"),
        ({"n_obs_steps": 0}, "n_obs_steps is 0, expected 1 to 64"),
        ({"provenance": {"success": float("nan")}}, "holds the number NaN, expected finite ones"),
        ({"rate_hz": float("inf")}, "holds the number Infinity, expected finite ones"),
        ({"name": "  "}, "'  ' is no name"),
    ],
)  # fmt: skip
def test_a_spec_that_says_what_cannot_be(toy, values, says):
    edit(toy, **values)
    text = refusal(lambda: load_policy(toy, engine="cpu"))
    assert says in text
    assert str(toy / "policy.json") in text


def test_a_mark_in_front_of_policy_json_is_no_fault(toy):
    file = toy / "policy.json"
    file.write_text(file.read_text().replace("\n", "\r\n"), encoding="utf-8-sig")
    assert load_policy(toy, engine="cpu").spec.name == "toy"


@pytest.mark.parametrize("variant", ["bf16", "mine"])
def test_a_variant_that_nobody_asks_for_is_not_lost_in_silence(toy, variant):
    edit(toy, variants={variant: VARIANT | {"file": "gone.onnx"}})
    policy = load_policy(toy, engine="cpu")
    assert policy.variant == "fp32"
    (warning,) = policy.warnings
    assert f"variant '{variant}': 'gone.onnx' is missing in {toy}" in warning
    assert "'gone.onnx' is missing" in refusal(
        lambda: load_policy(toy, engine="openvino_bf16" if variant == "bf16" else "cpu",
                            variant=variant)
    )  # fmt: skip


@pytest.mark.parametrize("m", [-1000.0, -1.0, 0.0, 1e-320, 1000.0])
def test_every_weight_that_is_allowed_gives_numbers(m):
    """1e308 gave NaN with three chunks: the arm held for ever."""
    from act_policy.chunk import Chunk
    from act_policy.temporal_ensemble import TemporalEnsemble

    ensemble = TemporalEnsemble(m)
    for stamp in range(200):
        ensemble.add(Chunk(stamp, 10.0, np.full((4, 2), float(stamp))))
    with np.errstate(all="raise", under="ignore"):
        target = ensemble.target(200)
    assert ((target >= 0) & (target <= 199)).all()


def replaced(file: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / file).unlink()
        make(folder / file)

    return change


def graph(change: Callable[[onnx.ModelProto], object]) -> Callable[[Path], None]:
    def edit_graph(folder: Path) -> None:
        model = onnx.load(folder / "policy.onnx")
        change(model)
        (folder / "policy.onnx").write_bytes(model.SerializeToString())

    return edit_graph


def elsewhere(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (replaced("policy.onnx", lambda file: file.mkdir()), "policy.onnx is a folder, expected"),
        (replaced("policy.onnx", os.mkfifo), "policy.onnx is no file, or a link that leads to"),
        (replaced("parity.npz", os.mkfifo), "parity.npz is no file, or a link that leads to none"),
        (replaced("policy.onnx", lambda file: file.symlink_to(file)), "a link that leads to none"),
        (replaced("policy.onnx", lambda file: None), "'policy.onnx' is missing in"),
        (graph(lambda model: setattr(model, "ir_version", 99)), "policy.onnx does not load: "),
        (graph(lambda model: setattr(model.opset_import[0], "version", 99)), "does not load: "),
        (graph(lambda model: setattr(model.graph.node[0], "op_type", "No\nSuch")), "does not load"),
        (graph(elsewhere), "weights of it are in another file ('weights.bin'), but"),
        (graph(lambda model: model.graph.output[0].ClearField("name")), "does not load: "),
    ],
)  # fmt: skip
def test_a_graph_that_is_none_is_told_in_a_line_with_its_file(toy, change, says):
    """ONNX Runtime's own text has several lines."""
    change(toy)
    text = refusal(lambda: load_policy(toy, engine="cpu"))
    assert says in text
    assert str(toy) in text


def test_a_graph_or_a_sample_of_another_policy_is_told_with_its_file(toy, tmp_path):
    other = make_bundle(tmp_path / "other", chunk_size=5).folder
    shutil.copy(other / "parity.npz", toy)
    text = refusal(lambda: load_policy(toy, engine="cpu"))
    assert f"{toy / 'parity.npz'}: 'action' is float32 (2, 5, 2), expected" in text
    shutil.copy(other / "policy.onnx", toy)
    with pytest.raises(BundleError, match="does not fit policy.json") as refused:
        load_policy(toy, engine="cpu")
    assert str(toy / "policy.onnx") in str(refused.value)


@pytest.mark.parametrize("name", ["toy.zip", "toy/policy.json", "toy/policy.onnx"])
def test_a_file_in_place_of_a_bundle_is_told_as_such(toy, tmp_path, name):
    shutil.make_archive(str(toy), "zip", toy)
    text = refusal(lambda: load_policy(tmp_path / name))
    assert (
        f"no policy.json in {tmp_path / name}: it is a file, expected the bundle's folder" in text
    )
