"""Checkpoints of LeRobot's ACT become bundles that answer as LeRobot does.

`lerobot_outputs.json` holds what LeRobot 0.4.4 itself answers for the checkpoints that
`lerobot_checkpoints.py` makes; `test_lerobot_itself.py` asks it again.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from act_core.robots.so101 import JOINT_NAMES
from act_policy.bundle import read_bundle
from act_policy.load_policy import load_policy
from act_policy.observation import Observation
from act_training.cli import run_command
from act_training.datasets.errors import DatasetError
from act_training.datasets.lerobot.so101_units import so101_units
from act_training.datasets.source import Declared
from act_training.import_checkpoint import describe
from act_training.import_dataset import ImportOptions, import_source
from act_training.lerobot_checkpoint import find_checkpoint, read_checkpoint
from act_training.policies.act.lerobot import LerobotPolicy
from safetensors.numpy import load_file, save_file

from tests.training.lerobot_checkpoints import (
    CASES,
    DEFAULTS,
    IMAGES,
    observations,
    write_checkpoint,
)
from tests.training.test_so101_units import calibration as make_calibration

OUTPUTS = json.loads(Path(__file__).with_name("lerobot_outputs.json").read_text())
DEGREES = 5e-4  # rounding of the recorded outputs (1e-4) and of float32
# The statistics are made up: no gripper goes from -65 to 135.
TRUSTED = Declared(units="degrees", trust_units=True)
SAID = replace(TRUSTED, rate_hz=30.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return {name: write_checkpoint(folder / name, **changes) for name, changes in CASES.items()}


@pytest.fixture
def checkpoint(made, tmp_path) -> Path:
    """One to be changed with `edit`; its files are links, as 45 MB need no copy."""
    return shutil.copytree(made["defaults"], tmp_path / "copy", copy_function=os.link)


def edit(path: Path, **changes) -> None:
    """Set, or with None delete, keys of a JSON file."""
    content = {**json.loads(path.read_text()), **changes}
    path.unlink()
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


def edit_step(path: Path, index: int, **changes) -> None:
    content = json.loads(path.read_text())
    content["steps"][index] |= changes
    edit(path, steps=content["steps"])


def answer(folder: Path) -> np.ndarray:
    """(N, K, 6) in LeRobot's units, from the network before it is exported."""
    read = read_checkpoint(folder)
    policy = LerobotPolicy(read.network, read.joints, read.actions, read.images)
    states, images = observations()
    with torch.inference_mode():
        frames = [torch.from_numpy(images[camera.name]) for camera in read.cameras]
        return policy.predict(torch.from_numpy(states), frames).numpy()


@pytest.mark.parametrize("case", CASES)
def test_the_network_answers_as_lerobots(made, case):
    np.testing.assert_allclose(answer(made[case]), OUTPUTS[case], rtol=0, atol=DEGREES)


@pytest.fixture(scope="module")
def bundle(made, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("bundle") / "bundle"
    options = ImportOptions(
        "lerobot", str(made["defaults"]), out=out, units="degrees", rate_hz=30.0, trust_units=True
    )
    assert import_source(options) == out
    return out


def test_the_runtime_answers_as_lerobot(bundle):
    policy = load_policy(bundle, engine="cpu", threads=1)
    units = so101_units("degrees")
    states, images = observations()
    for i, state in enumerate(states):
        frames = {camera: stack[i] for camera, stack in images.items()}
        rows = policy.infer(Observation(0, units.to_rad(state), frames)).chunk.rows
        expected = units.to_rad(np.array(OUTPUTS["defaults"][i]))
        np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-4)


def test_what_the_bundle_says(bundle):
    spec = read_bundle(bundle).spec
    assert spec.joint_input.joints == spec.output.joints == JOINT_NAMES
    assert (spec.joint_input.unit, spec.output.unit, spec.rate_hz) == ("rad", "rad", 30.0)
    assert [(i.camera, i.height, i.width) for i in spec.image_inputs] == [
        ("wrist", 48, 80),
        ("front", 64, 96),
    ]
    assert (spec.execution.mode, spec.execution.open_loop_rows) == ("open_loop", 5)
    assert spec.execution.max_jump == 0.005
    assert (spec.provenance["units"], spec.provenance["format"]) == ("degrees", "LeRobot ACT")


def test_how_chunks_are_executed_is_carried_over(made):
    executions = {
        name: describe(read_checkpoint(made[name]), SAID).spec.execution for name in CASES
    }
    assert (executions["pre_norm"].mode, executions["pre_norm"].m) == ("ensemble", 0.02)
    assert executions["quantiles"].open_loop_rows == 3


def test_an_open_loop_of_one_row_is_warned_of(checkpoint):
    edit(checkpoint / "config.json", n_action_steps=1)
    imported = describe(read_checkpoint(checkpoint), SAID)
    assert imported.spec.execution.open_loop_rows == 1
    assert any("stall: try the node's mode ensemble" in note for note in imported.notes)


def test_the_old_layout(tmp_path):
    folder = write_checkpoint(tmp_path / "old", old=True)
    np.testing.assert_allclose(answer(folder), OUTPUTS["defaults"], rtol=0, atol=DEGREES)


def test_a_configuration_of_early_2024(tmp_path):
    folder = write_checkpoint(tmp_path / "old", old=True)
    shapes = {key: value["shape"] for key, value in DEFAULTS["input_features"].items()}
    edit(
        folder / "config.json",
        type=None,
        input_features=None,
        output_features=None,
        normalization_mapping=None,
        input_shapes=shapes,
        output_shapes={"action": [6]},
        input_normalization_modes=dict.fromkeys(shapes, "mean_std"),
        output_normalization_modes={"action": "mean_std"},
    )
    np.testing.assert_allclose(answer(folder), OUTPUTS["defaults"], rtol=0, atol=DEGREES)


def test_weights_of_16_bits(checkpoint):
    path = checkpoint / "model.safetensors"
    tensors = {name: value.astype(np.float16) for name, value in load_file(path).items()}
    path.unlink()
    save_file(tensors, path)
    assert read_checkpoint(checkpoint).network.action_head.weight.dtype == torch.float32


def edit_statistics(folder: Path, change) -> None:
    """Give every statistic of state and action through `change(kind, values)`."""
    for name in ("inputs.safetensors", "output.safetensors"):
        statistics = load_file(folder / name)
        (folder / name).unlink()
        changed = {
            key: np.float32(change(key.rpartition(".")[2], value)) if "images" not in key else value
            for key, value in statistics.items()
        }
        save_file(changed, folder / name)


def extremes(low: float, high: float):
    """A change of the recorded extremes; mean and deviation, which the policy needs, stay."""
    ends = {"min": low, "q01": low, "q10": low, "max": high, "q99": high, "q90": high}
    return lambda kind, values: (
        np.full_like(values, ends.get(kind, 0)) + values * (kind not in ends)
    )


def test_radians_are_taken_as_they_are(checkpoint):
    """The same policy in units sixty times as large, said to be rad."""
    edit_statistics(checkpoint, lambda _, values: values / 60)
    imported = describe(read_checkpoint(checkpoint), replace(SAID, units="rad"))
    states, images = observations()
    with torch.inference_mode():
        frames = [torch.from_numpy(images[name]) for name in IMAGES]
        rows = imported.policy.predict(torch.from_numpy(states / 60), frames).numpy()
    np.testing.assert_allclose(rows, np.array(OUTPUTS["defaults"]) / 60, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("units", ["percent", "old_degrees"])
def test_units_are_those_that_a_person_says(checkpoint, units):
    """The policy in rad answers what LeRobot does, turned to rad from those units."""
    edit_statistics(checkpoint, extremes(0.0, 90.0))
    imported = describe(read_checkpoint(checkpoint), Declared(units=units, rate_hz=30.0))
    conversion = so101_units(units)
    states, images = observations()
    with torch.inference_mode():
        frames = [torch.from_numpy(images[name]) for name in IMAGES]
        rows = imported.policy.predict(torch.from_numpy(conversion.to_rad(states)), frames).numpy()
    expected = conversion.to_rad(np.array(OUTPUTS["defaults"]))
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-4)


def test_statistics_that_do_not_fit_the_units_are_refused(checkpoint):
    """Of before June 2025: a lift at 150."""
    edit_statistics(checkpoint, extremes(0.0, 90.0))
    edit_statistics(
        checkpoint, lambda kind, values: values + np.array([0, 60, 0, 0, 0, 0]) * (kind == "max")
    )
    said = Declared(units="degrees", rate_hz=30.0)
    with pytest.raises(DatasetError, match="shoulder_lift goes from 0 to 150, .*--units old_deg"):
        describe(read_checkpoint(checkpoint), said)
    warnings = describe(read_checkpoint(checkpoint), replace(said, trust_units=True)).warnings
    assert any(line.startswith("shoulder_lift reaches 2.62 rad") for line in warnings)


def test_units_are_found_where_the_statistics_prove_them(checkpoint):
    edit_statistics(checkpoint, extremes(0.0, 100.0))  # exactly 100: a range that was clipped
    imported = describe(read_checkpoint(checkpoint), Declared(rate_hz=30.0))
    assert imported.spec.provenance["units"] == "percent"
    edit_statistics(checkpoint, extremes(0.0, 90.0))
    with pytest.raises(DatasetError, match=r"its values fit several: say --units degrees"):
        describe(read_checkpoint(checkpoint), Declared(rate_hz=30.0))


def test_percent_is_exact_with_a_calibration(checkpoint):
    said = Declared(units="percent", rate_hz=30.0)
    edit_statistics(checkpoint, extremes(0.0, 90.0))
    read = read_checkpoint(checkpoint)
    assert any("with --calibration they are exact" in note for note in describe(read, said).notes)
    calibration = make_calibration()
    expected = so101_units("percent", calibration).to_rad(read.joints.centre)
    np.testing.assert_allclose(describe(read, said, calibration).joints.centre, expected, atol=1e-6)


def test_the_rate_is_said_by_a_person_or_by_the_simulation(checkpoint):
    with pytest.raises(DatasetError, match=r"say --rate-hz \(30 is LeRobot's default\)"):
        describe(read_checkpoint(checkpoint), TRUSTED)
    training = {"env": {"fps": 50}, "dataset": {"repo_id": "owner/pick_cube"}}
    (checkpoint / "train_config.json").write_text(json.dumps(training))
    spec = describe(read_checkpoint(checkpoint), TRUSTED).spec
    assert (spec.rate_hz, spec.name) == (50.0, "pick_cube")
    with pytest.raises(DatasetError, match=r"--rate-hz 30 contradicts the dataset, which says 50"):
        describe(read_checkpoint(checkpoint), SAID)


def test_cameras_have_the_names_of_the_robot(checkpoint):
    renamed = {"observation.images.top.left": "observation.images.front"}
    edit_step(checkpoint / "policy_preprocessor.json", 0, config={"rename_map": renamed})
    names = [camera.name for camera in read_checkpoint(checkpoint).cameras]
    assert names == ["wrist", "top_left"]


def test_another_robot_keeps_its_values_and_needs_names(checkpoint):
    names = tuple("abcdef")
    imported = describe(read_checkpoint(checkpoint), Declared("deg", 20.0, joints=names))
    spec = imported.spec
    assert (spec.joint_input.joints, spec.output.joints) == (names, names)
    assert (spec.joint_input.unit, spec.execution.max_jump) == ("deg", None)
    assert spec.parity.tolerance == pytest.approx(30e-4)  # 1e-4 of the largest spread
    with pytest.raises(DatasetError, match="--joint-names has 2 names, the dataset 6 values"):
        describe(read_checkpoint(checkpoint), Declared("deg", 20.0, joints=("a", "b")))
    with pytest.raises(DatasetError, match="a calibration is for an SO-101 arm; this policy has"):
        describe(read_checkpoint(checkpoint), Declared(joints=names), make_calibration())


def test_joints_that_stood_still_are_named(checkpoint):
    path = checkpoint / "inputs.safetensors"
    statistics = load_file(path)
    statistics["observation.state.std"][-1] = 0.0
    path.unlink()
    save_file(statistics, path)
    notes = describe(read_checkpoint(checkpoint), SAID).notes
    assert any(note.startswith("gripper did not move in the recordings") for note in notes)


@pytest.mark.parametrize(
    ("file", "feature", "renamed"),
    [
        ("inputs", "observation.images.wrist", None),
        ("inputs", "observation.state", "so101.buffer.observation.state"),
        ("output", "action", "so101.buffer.action"),
        ("inputs", "observation.images.front", "observation.images.fr.ont"),
    ],
)
def test_values_without_their_statistics_are_refused(checkpoint, file, feature, renamed):
    """Missing or under another name: it would stay as it is, which the policy has never seen."""
    path = checkpoint / f"{file}.safetensors"
    kept = load_file(path)
    for name in [name for name in kept if name.startswith(f"{feature}.")]:
        values = kept.pop(name)
        if renamed is not None:
            kept[name.replace(feature, renamed)] = values
    path.unlink()
    save_file(kept, path)
    with pytest.raises(DatasetError) as caught:
        read_checkpoint(checkpoint)
    assert f"'{feature}' is normalised by MEAN_STD, but {file}.safetensors has no" in str(caught)
    assert (renamed or "action") in str(caught.value)


def features(**changes) -> dict:
    kept = {key: value for key, value in DEFAULTS["input_features"].items() if "wrist" not in key}
    return {key: value for key, value in {**kept, **changes}.items() if value is not None}


ENV = {"observation.environment_state": {"type": "ENV", "shape": [7]}}
GREY = {"observation.images.front": {"type": "VISUAL", "shape": [1, 64, 96]}}
REFUSED = {
    "another policy": ({"type": "smolvla"}, r"of type 'smolvla'; only LeRobot's 'act' is known"),
    "ours": ({"training_episodes": []}, r"a checkpoint of this project: act-export makes"),
    "steps": ({"n_obs_steps": 2}, r"n_obs_steps is 2, expected 1: LeRobot's ACT sees one"),
    "backbone": ({"vision_backbone": "resnet50"}, r"vision_backbone is 'resnet50', expected"),
    "dilation": (
        {"replace_final_stride_with_dilation": 1},
        r"replace_final_stride_with_dilation is 1, expected False: a ResNet-18 has no dilation",
    ),
    "activation": ({"feedforward_activation": "glu"}, r"unknown feedforward_activation 'glu'"),
    "env state": ({"input_features": features(**ENV)}, r"'observation.environment_state' is an"),
    "no state": (
        {"input_features": features(**{"observation.state": None})},
        r"has no 'observation.state', it has observation.images.front, action",
    ),
    "no camera": (
        {"input_features": features(**{"observation.images.front": None})},
        r"has no camera among observation.state, action",
    ),
    "grey": ({"input_features": features(**GREY)}, r"has shape \(1, 64, 96\), expected \(3, H, W"),
    "no features": ({"input_features": None}, r"config.json is damaged or missing: KeyError"),
    "size": ({"dim_model": 64}, r"model.safetensors does not fit the config.json beside it"),
    "heads": ({"n_heads": 5}, r"model.safetensors does not fit the config.json beside it"),
    "no heads": ({"n_heads": 0}, r"n_heads is 0, expected a whole number 1 to 256"),
    "text": ({"chunk_size": "many"}, r"chunk_size is 'many', expected a whole number 1 to 10000"),
    "memory": ({"dim_feedforward": 65_536, "dim_model": 16_384}, r"does not fit the config.json"),
    "list": ({"output_features": []}, r"config.json is damaged or missing: AttributeError"),
    "coefficient": ({"temporal_ensemble_coeff": "m"}, r"coeff is 'm', expected a finite number"),
    "nan": ({"temporal_ensemble_coeff": float("nan")}, r"coeff is nan, expected a finite number"),
    "steps of a chunk": ({"n_action_steps": 6}, r"n_action_steps is 6, expected a whole number 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_carried_over_is_named(checkpoint, case):
    changes, message = REFUSED[case]
    edit(checkpoint / "config.json", **changes)
    with pytest.raises(DatasetError, match=message):
        read_checkpoint(checkpoint)


def test_a_pipeline_that_does_more_is_refused(checkpoint):
    path = checkpoint / "policy_postprocessor.json"
    edit_step(path, 1, registry_name="relative_to_absolute")
    with pytest.raises(DatasetError, match=r"has the step 'relative_to_absolute', which is not"):
        read_checkpoint(checkpoint)
    config = {"norm_map": {"ACTION": "MEANSTD"}}
    edit_step(path, 0, registry_name="unnormalizer_processor", config=config)
    edit_step(path, 1, registry_name="device_processor")
    with pytest.raises(DatasetError, match=r"'action': unknown normalisation 'MEANSTD'; did you"):
        read_checkpoint(checkpoint)
    path.unlink()
    with pytest.raises(DatasetError, match=r"but no policy_postprocessor.json: copy or download"):
        read_checkpoint(checkpoint)


def test_statistics_that_do_not_fit_are_named(checkpoint):
    path = checkpoint / "output.safetensors"
    statistics = load_file(path)
    statistics["action.std"][2] = np.nan
    path.unlink()
    save_file(statistics, path)
    with pytest.raises(DatasetError, match=r"'action.std' is \[.*nan.*\], expected 6 numbers"):
        read_checkpoint(checkpoint)
    path.unlink()
    with pytest.raises(DatasetError, match=r"output.safetensors cannot be read: "):
        read_checkpoint(checkpoint)


def test_a_checkpoint_without_any_statistics_is_refused(checkpoint):
    (checkpoint / "policy_preprocessor.json").unlink()
    with pytest.raises(DatasetError, match=r"does not say how observation.state, .* is normalised"):
        read_checkpoint(checkpoint)


def test_a_truncated_file_is_named(checkpoint):
    path = checkpoint / "model.safetensors"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:1000])
    with pytest.raises(DatasetError, match=r"model.safetensors cannot be read: "):
        read_checkpoint(checkpoint)


def test_a_runs_newest_checkpoint_is_found(checkpoint, tmp_path):
    run = tmp_path / "run"
    for step in ("020000", "100000"):
        shutil.copytree(
            checkpoint, run / "checkpoints" / step / "pretrained_model", copy_function=os.link
        )
    newest = run / "checkpoints/100000/pretrained_model"
    for folder in (run, run / "checkpoints", newest.parent, newest):
        assert find_checkpoint(folder) == newest
    assert find_checkpoint(tmp_path / "nowhere") is None


def test_other_folders_are_not_overwritten(checkpoint, tmp_path):
    out = tmp_path / "photos"
    out.mkdir()
    (out / "cat.jpg").touch()
    options = ImportOptions(
        "auto", str(checkpoint), out=out, units="degrees", rate_hz=30.0, trust_units=True
    )
    with pytest.raises(DatasetError, match="photos' holds something else than a bundle"):
        import_source(options)


def test_the_command_line_names_what_is_wrong(checkpoint, tmp_path):
    arguments = ["lerobot", str(checkpoint), "--out", str(tmp_path / "out"), "--cameras", "front"]
    with pytest.raises(SystemExit, match="error: --cameras chooses those of a dataset"):
        run_command(import_source, ImportOptions, args=arguments)
