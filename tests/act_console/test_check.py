"""`act-check`: every thing that could be silently wrong is found, with what to do about it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from act_console.check import cli
from act_console.check.data import check_data, data_of
from act_console.check.findings import NOTE, WRONG
from act_console.check.graph import Graph, Stream, check_graph
from act_console.check.policy import check_normalisation
from act_console.check.view import odd_view
from act_core.policy_spec import ActionOutput, ImageInput, JointInput, StartRange
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES
from act_core.setup_file import FILE, Setup
from so101_driver.emulator.arm import emulated_calibration

from tests.act_policy.policies import make_bundle, make_spec

SHIPPED = Path(__file__).resolve().parents[2] / "policies/so101_pick_place"
OF_ARM = {
    "joint_input": JointInput("joint_position", JOINT_NAMES),
    "output": ActionOutput("action", JOINT_NAMES),
    "start": StartRange(tuple(HOME_POSE_RAD - 0.1), tuple(HOME_POSE_RAD + 0.1)),
}


@pytest.fixture
def kitchen(tmp_path, monkeypatch) -> Setup:
    monkeypatch.setenv("ACT_HOME", str(tmp_path))
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path / "none"))
    (tmp_path / "port").touch()
    emulated_calibration().save(tmp_path / "kitchen" / "arm.json")
    setup = Setup(
        tmp_path / "kitchen" / FILE,
        arm={"port": str(tmp_path / "port"), "calibration": "arm.json"},
        cameras={"front": {"source": "synthetic"}},
    )
    setup.save()
    return setup


def check(capsys, *arguments: object) -> tuple[int, str]:
    code = cli.main([*map(str, arguments), "--no-graph"])
    return code, capsys.readouterr().out


def saved(setup: Setup, **changes: object) -> Setup:
    changed = Setup(**{**setup.__dict__, **changes})
    changed.save()
    return changed


def test_the_policy_that_ships_fits(capsys):
    code, text = check(capsys, SHIPPED)
    assert code == 0
    assert "✓ normalisation" in text
    assert "nothing is wrong" in text


def edited(folder: Path, **changes: object) -> Path:
    file = folder / "policy.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    return folder


def test_a_bundle_that_cannot_be_read_is_said_with_its_remedy(tmp_path, capsys):
    code, text = check(capsys, tmp_path / "nowhere")
    assert code == 1
    assert "no policy.json in" in text
    assert "-> name the folder of a bundle" in text
    folder = make_bundle(tmp_path / "toy").folder
    (folder / "policy.onnx").write_bytes(b"\x08\x07")
    code, text = check(capsys, folder)
    assert code == 1
    assert "✗ graph" in text
    (folder / "policy.json").write_text("{")
    assert "is not JSON" in check(capsys, folder)[1]


def test_a_policy_in_degrees(tmp_path, capsys):
    folder = make_bundle(tmp_path / "toy", output=ActionOutput("action", ("left", "right"), "deg"))
    code, text = check(capsys, folder.folder)
    assert code == 1
    assert "gives left in 'deg'" in text


def test_a_policy_that_says_radians_and_means_degrees(tmp_path, capsys):
    folder = tmp_path / "shipped"
    shutil.copytree(SHIPPED, folder)
    start = {"lower": [-5.0, -70, 40, 60, -90, 10], "upper": [5.0, -60, 50, 80, -80, 20]}
    code, text = check(capsys, edited(folder, start=start))
    assert code == 1
    assert "says that it is in rad, but its start have" in text


@pytest.mark.parametrize(
    ("chunks", "text"),
    [
        (lambda joints: np.zeros((2, 4, 6)), "answers every observation alike"),
        (
            lambda joints: joints[:, None, :] + 1.0 + np.zeros((1, 4, 1)),
            "its chunks begin 1.00 rad",
        ),
        (lambda joints: joints[:, None, :] * np.linspace(1, 4, 4)[None, :, None], "are outside"),
    ],
)
def test_statistics_of_another_dataset(tmp_path, chunks, text):
    bundle = make_bundle(tmp_path / "toy", **OF_ARM)
    sample = bundle.parity_sample()
    joints = np.array([HOME_POSE_RAD, HOME_POSE_RAD * 0.9], dtype=np.float32)
    odd = type(sample)(joints, sample.images, chunks(joints).astype(np.float32))
    found = [each for each in check_normalisation(odd, bundle.spec) if each.state == WRONG]
    assert any(text in each.text for each in found), found
    assert all("were its statistics another dataset's?" in each.remedy for each in found)


def test_a_set_up_that_fits(kitchen, tmp_path, capsys):
    folder = make_bundle(tmp_path / "toy", **OF_ARM).folder
    code, text = check(capsys, folder, "--setup", "kitchen", "--quick")
    assert code == 0, text
    assert "the policy's start is inside the calibrated ranges" in text
    assert "front 640x480, scaled to 8x6" in text


def test_what_is_wrong_with_a_set_up(kitchen, tmp_path, capsys):
    folder = make_bundle(tmp_path / "toy", **OF_ARM).folder

    def found(**changes: object) -> str:
        saved(kitchen, **changes)
        code, text = check(capsys, folder, "--setup", "kitchen", "--quick")
        assert code == 1, text
        return text

    assert "unknown set-up 'kitchn'; did you mean 'kitchen'?" in check(
        capsys, folder, "--setup", "kitchn", "--quick"
    )[1]  # fmt: skip
    text = found(cameras={"top": {"source": "synthetic"}})
    assert "the policy sees with front, but there is no front in" in text
    assert "does not look at top" in text
    text = found(cameras={"front": {"source": "synthetic", "width": 640, "height": 360}})
    assert "640x360, which has other proportions than the policy's 8x6" in text
    assert "unknown key of camera front" in found(
        cameras={"front": {"source": "synthetic", "widht": 3}}
    )
    text = found(arm={**kitchen.arm, "calibration": "other"})
    assert "unknown follower calibration 'other'" in text
    assert "-> so101-setup calibrate" in text
    assert "is not there" in found(arm={**kitchen.arm, "port": "/dev/ttyNONE"})


def test_a_policy_that_starts_where_the_arm_was_not_calibrated_to_go(kitchen, tmp_path, capsys):
    far = StartRange((0.0,) * 5 + (-0.5,), (0.1,) * 6)
    folder = make_bundle(tmp_path / "toy", **{**OF_ARM, "start": far}).folder
    code, text = check(capsys, folder, "--setup", "kitchen", "--quick")
    assert code == 1
    assert "starts outside of the calibrated range: gripper -0.50 to 0.10 rad" in text


def test_a_slow_camera_and_another_robot(kitchen, tmp_path, capsys):
    saved(kitchen, cameras={"front": {"source": "synthetic", "rate_hz": 5.0}})
    folder = make_bundle(tmp_path / "toy", **OF_ARM).folder
    code, text = check(capsys, folder, "--setup", "kitchen", "--quick")
    assert code == 0
    assert "front comes at 5 Hz, the policy was trained at 10 Hz" in text
    code, text = check(
        capsys, make_bundle(tmp_path / "two").folder, "--setup", "kitchen", "--quick"
    )
    assert code == 1
    assert "is for another robot: it commands left, right; here are shoulder_pan" in text


def facts(**changes: object) -> dict:
    spread = {"minimum": -1.0, "maximum": 1.0, "mean": 0.0, "std": 0.5}
    joints = [{"name": name, **spread} for name in ("left", "right")]
    return {
        "features": {
            "joints": ["left", "right"], "joint_units": ["rad"] * 2,
            "actions": ["left", "right"], "action_units": ["rad"] * 2,
            "cameras": [{"name": "front", "height": 6, "width": 8}], "rate_hz": 10.0,
        },
        "episodes": 3, "starts": joints, "joints": joints, "actions": joints, "warnings": [],
        **changes,
    }  # fmt: skip


def of_data(spec, **changes: object) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for finding in check_data(spec, data_of(Path("mine"), facts(**changes))):
        found.setdefault(finding.state, []).append(finding.text)
    return found


def test_a_dataset_that_fits():
    spec = make_spec(start=StartRange((-0.1, -0.1), (0.1, 0.1)))
    assert set(of_data(spec)) == {"fine"}


def test_what_is_wrong_with_a_dataset():
    spec = make_spec(start=StartRange((-0.1, -2.0), (0.1, 0.1)))
    assert "the bundle starts where the data does not: right -2.00" in of_data(spec)[WRONG][0]
    features = facts()["features"]
    for change, text in (
        ({"joints": ["right", "left"]}, "joints of policy 'toy' are left, right, but the dataset"),
        ({"action_units": ["deg"] * 2}, "unit of actions of policy 'toy' is rad, but"),
        ({"rate_hz": 30.0}, "rate_hz of policy 'toy' is 10.0, but the dataset mine has 30.0"),
        ({"cameras": [{"name": "top", "height": 6, "width": 8}]}, "shows top 8x6"),
        ({"cameras": [{"name": "front", "height": 12, "width": 8}]}, "shows front 8x12"),
    ):
        (found,) = of_data(spec, features={**features, **change})[WRONG]
        assert text in found
    degrees = [{**each, "maximum": 90.0} for each in facts()["actions"]]
    assert "said to be rad, but left: 90 rad is far outside" in of_data(spec, actions=degrees)[
        WRONG
    ][0]  # fmt: skip
    still = [{**each, "std": 0.0} for each in facts()["joints"]]
    assert "left, right of its joints never moves" in of_data(spec, joints=still)[NOTE][0]
    assert of_data(spec, warnings=["every episode starts alike"])[NOTE] == [
        "every episode starts alike"
    ]


def test_a_dataset_that_is_none(tmp_path, capsys):
    folder = make_bundle(tmp_path / "toy").folder
    code, text = check(capsys, folder, "--quick", "--dataset", tmp_path / "nothing")
    assert code == 1
    assert "is not a dataset: there is no such folder" in text


def scene(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8), dtype=np.uint8)
    return np.repeat(np.kron(coarse, np.ones((10, 10), np.uint8))[..., None], 3, axis=-1)


KNOWN = {"front": scene(1)[None], "wrist": scene(2)[None]}
TWO_CAMERAS = (ImageInput("a", "front", 60, 80), ImageInput("b", "wrist", 60, 80))
SPEC = make_spec(image_inputs=TWO_CAMERAS, start=StartRange((-0.1, -0.1), (0.1, 0.1)))


def running(**changes: object) -> Graph:
    stamps = [n * 33_000_000 for n in range(20)]
    values = {
        "runs": True, "joints": ["right", "left"], "position": [0.0, 0.05],
        "joint_stream": Stream([n * 10_000_000 for n in range(20)], 0.01),
        "cameras": {name: Stream(stamps, 0.02) for name in KNOWN},
        "images": {name: stack[0] for name, stack in KNOWN.items()},
        "there": ["front", "wrist"],
        **changes,
    }  # fmt: skip
    return Graph(**values)


def seen(**changes: object) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for finding in check_graph(SPEC, running(**changes), KNOWN, "toy"):
        found.setdefault(finding.state, []).append(finding.text)
        if finding.state == WRONG:
            assert finding.remedy
    return found


def test_a_graph_that_fits():
    assert set(seen()) == {"fine"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"joints": ["left", "up"]}, "joints missing in the message: right"),
        ({"joints": [], "position": []}, "nothing came"),
        ({"position": [0.0, 60.0]}, "far outside"),
        ({"position": [0.0, np.nan]}, "expected a finite number"),
        ({"position": [0.0, 1.5]}, "left is at 1.50, expected -0.10 to 0.10"),
        ({"there": ["front"]}, "there is no wrist in the running graph (front)"),
        ({"images": {"front": KNOWN["front"][0]}}, "wrist has a publisher, but no picture came"),
        ({"images": {"front": scene(1)[:40], "wrist": scene(2)}}, "has other proportions"),
        ({"images": {"front": scene(2), "wrist": scene(1)}}, "front looks like 'wrist' of the"),
        ({"images": {"front": scene(1)[::-1, ::-1], "wrist": scene(2)}}, "view upside down"),
        ({"images": {"front": scene(1)[:, ::-1], "wrist": scene(2)}}, "its own view mirrored"),
        ({"cameras": {"front": Stream([], None, "encoding xyz"), "wrist": Stream()}}, "xyz"),
        ({"joint_stream": Stream([1, 2], 7200.0)}, "stamps of joint_states are 2.0 h old"),
        ({"joint_stream": Stream([1, 2], -3.0)}, "are 3 s in the future"),
        ({"estopped": True}, "it is engaged"),
    ],
)
def test_what_is_wrong_with_a_graph(changes, text):
    found = seen(**changes)
    assert any(text in each for each in found[WRONG]), found


def test_what_a_person_should_know_of_a_graph():
    assert "no arm runs here" in seen(runs=False)[NOTE][0]
    slow = {name: Stream([n * 500_000_000 for n in range(5)], 0.0) for name in KNOWN}
    assert "front comes at 2 Hz" in seen(cameras=slow)[NOTE][0]
    assert "/leader can send joint_commands" in seen(commanders=["/leader"])[NOTE][0]
    unlike = {"front": scene(7), "wrist": scene(2)}
    assert "front looks unlike anything" in seen(images=unlike)[NOTE][0]


def test_views_of_the_shipped_policy_are_told_apart():
    from act_policy.bundle import read_bundle

    known = read_bundle(SHIPPED).parity_sample().images
    for camera, other in (("front", "wrist"), ("wrist", "front")):
        assert odd_view(camera, known[camera][0], known) is None
        assert f"'{other}'" in str(odd_view(camera, known[other][0], known))
    plain = np.full((96, 128, 3), 128, dtype=np.uint8)
    assert odd_view("front", plain, known) == "front shows one plain colour"


def test_the_command_line_is_checked(tmp_path, capsys):
    with pytest.raises(SystemExit) as refused:
        cli.main([str(tmp_path), "--listen", "0"])
    assert refused.value.code == 2
    with pytest.raises(SystemExit) as refused:
        cli.main([])
    assert refused.value.code == 2
