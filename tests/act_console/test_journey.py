"""How far a set-up has come: each station by what is really there."""

from __future__ import annotations

import json

import pytest
from act_console.cli import main
from act_console.journey import demonstrations, journey, next_command
from act_core.setup_file import EMULATED, FILE, Setup
from so101_driver.emulator.arm import emulated_calibration

from tests.act_policy.policies import make_bundle


@pytest.fixture
def kitchen(tmp_path, monkeypatch):
    monkeypatch.setenv("ACT_HOME", str(tmp_path))
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path / "none"))
    (tmp_path / "port").touch()
    emulated_calibration().save(tmp_path / "kitchen" / "arm.json")
    return Setup(
        tmp_path / "kitchen" / FILE,
        arm={"port": str(tmp_path / "port"), "calibration": "arm.json"},
        cameras={"front": {"source": "synthetic"}},
        episodes=2,
    )


def record(setup: Setup, number: int, **outcome: object) -> None:
    folder = setup.folder / "episodes" / f"episode_{number:06d}"
    folder.mkdir(parents=True)
    (folder / "episode.json").write_text(json.dumps(outcome))


def states(setup: Setup) -> dict[str, str]:
    return {step.name: step.state for step in journey(setup)}


def test_the_way_from_the_arm_to_a_policy(kitchen):
    assert states(kitchen) == {
        "arm": "done", "cameras": "done", "demonstrations": "open", "policy": "open",
    }  # fmt: skip
    assert next_command(kitchen, journey(kitchen)) == "act teach kitchen"
    record(kitchen, 0, success=True, verdict={"keep": True})
    record(kitchen, 1, success=True, verdict={"keep": True})
    assert next_command(kitchen, journey(kitchen)) == "act train kitchen"
    make_bundle(kitchen.folder / "policy")
    assert set(states(kitchen).values()) == {"done"}
    assert next_command(kitchen, journey(kitchen)) == "act run kitchen"


def test_demonstrations_count_by_what_was_said_of_them(kitchen):
    record(kitchen, 0, success=True, verdict={"keep": True})
    record(kitchen, 1, success=True, verdict={"keep": False})
    record(kitchen, 2, success=True, verdict={"keep": False}, keep=True)  # a person's word
    record(kitchen, 3, success=False, verdict={"keep": True})
    record(kitchen, 4, success=None, keep=False)
    (kitchen.folder / "episodes/episode_000004/episode.json").write_text("{")
    found = demonstrations(kitchen.folder / "episodes")
    assert (found.kept, found.to_redo, found.failed) == (2, 2, 1)


def step(setup: Setup, name: str):
    return next(step for step in journey(setup) if step.name == name)


def test_what_is_gone_is_named_with_what_is_there(kitchen, tmp_path):
    (tmp_path / "port").unlink()
    arm = step(kitchen, "arm")
    assert (arm.state, arm.cure) == ("wrong", "so101-setup save kitchen")
    assert f"{tmp_path}/port is not there (serial USB adapters: " in arm.text
    gone = Setup(kitchen.file, arm=kitchen.arm, cameras={"front": {"device": "/dev/video77"}})
    cameras = step(gone, "cameras")
    assert cameras.state == "wrong"
    assert "not there: front: /dev/video77 (cameras of this computer: " in cameras.text


def test_a_calibration_that_is_missing_or_broken_is_told(kitchen):
    (kitchen.folder / "arm.json").write_text("{")
    assert step(kitchen, "arm").state == "wrong"
    nameless = Setup(kitchen.file, arm={"port": kitchen.arm["port"]})
    assert step(nameless, "arm").state == "open"
    assert "so101-setup calibrate --port" in step(nameless, "arm").cure


def test_a_policy_that_is_damaged_is_told(kitchen):
    make_bundle(kitchen.folder / "policy")
    (kitchen.folder / "policy/policy.json").write_text("{")
    assert step(kitchen, "policy").state == "wrong"


def test_without_a_name_every_set_up_is_shown(kitchen, capsys):
    assert main([]) == 0
    assert "so101-setup save kitchen --emulated" in capsys.readouterr().out
    kitchen.save()
    Setup(kitchen.folder.parent / "shed" / FILE, EMULATED, task="pick_place").save()
    assert main([]) == 0
    said = capsys.readouterr().out
    assert "kitchen  (" in said
    assert "✓ arm             emulated" in said
    assert "  next: act teach shed" in said


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["teach"], "which set-up? there are kitchen, shed"),
        (["teach", "kitchn"], "unknown set-up 'kitchn'; did you mean 'kitchen'?"),
        (["train", "kitchen"], "there is no demonstration in "),
        (["run", "kitchen"], "there is no policy in "),
        (["run", "kitchen", "elsewhere"], "there is no policy in elsewhere"),
        (["save", "kitchen", "--emulated"], "is that of an arm; choose another name"),
        (["save", "../x", "--emulated"], "cannot be the name of a set-up"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(kitchen, capsys, argv, says):
    kitchen.save()
    Setup(kitchen.folder.parent / "shed" / FILE, EMULATED, task="pick_place").save()
    assert main(argv) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("words", [["run"], ["train"], ["teach"], ["check"]])
def test_a_name_that_no_system_takes_is_one_line(words, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("ACT_HOME", str(tmp_path))
    assert main([*words, 5000 * "x"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("act: ")
    assert said.count("\n") == 1
