"""The recipe with a time budget, from nothing to a bundle and its success rates."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("mujoco", reason="MuJoCo is not installed")

from act_core.errors import ConfigurationError
from act_training.recipe import State, limit, parse_budget, parse_mixture, plan

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90.0), ("10m", 600.0), ("3h", 10800.0), ("1h30m", 5400.0), ("1h1m1s", 3661.0)],
)
def test_budgets(text, seconds):
    assert parse_budget(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "0m", "h", "-3h", "3 h", "3h ", "1.5h", "10m1h", "inf"])
def test_what_is_no_budget(text):
    with pytest.raises(ConfigurationError, match="expected a time as in 10m, 3h or 1h30m"):
        parse_budget(text)


def test_mixtures():
    assert parse_mixture(("3:6", "0:1")) == {3: 6, 0: 1}
    for wrong in ("4:1", "3", "3:0", "3:-1", "a:b", ""):
        with pytest.raises(ConfigurationError, match="expected a level from 0 to 3"):
            parse_mixture((wrong,))
    assert parse_mixture(("3:1",)) == {3: 1}


@pytest.mark.parametrize("hours", [0.01, 0.17, 1.9, 2.0, 3.0, 12.0])
@pytest.mark.parametrize(("has_gpu", "corrected_from"), [(False, 2.0), (True, 0.1)])
def test_the_stages_fit_into_the_budget(hours, has_gpu, corrected_from):
    shares = plan(3600 * hours, has_gpu)
    assert 0.9 < sum(shares) / (3600 * hours) <= 0.96
    assert min(shares.collect, shares.train, shares.evaluate) > 0
    assert (shares.correct > 0) == (shares.train_again > 0) == (hours >= corrected_from)


def test_what_limits_is_the_largest_part():
    spent = {"collect": 60.0, "correct": 0.0, "train": 50.0, "train_again": 0.0, "export": 1.0,
             "evaluate": 9.0}  # fmt: skip
    assert limit(spent, 0.9, {"data_s": 0.1, "step_s": 1.0}) == "rendering (45% of the time)"
    assert limit(spent, 0.5, {"data_s": 0.1, "step_s": 1.0}) == "network (38% of the time)"
    assert limit(spent, 0.5, {"data_s": 0.9, "step_s": 1.0}) == "data (38% of the time)"


def test_time_counts_that_an_interrupted_stage_has_worked(tmp_path):
    path = tmp_path / "recipe.json"
    with pytest.raises(KeyboardInterrupt), State(path).working("train"):
        raise KeyboardInterrupt
    with State(path).working("collect"):
        pass
    State(path).note("made", {"collect": 3})
    assert set(json.loads(path.read_text())["spent_s"]) == {"train", "collect"}
    assert State(path).get("made") == {"collect": 3}
    assert State(path).spent_s("train") >= 0.0


@pytest.mark.timeout(3600)  # takes a minute; nothing in it depends on how long
def test_from_nothing_to_success_rates_and_the_same_command_goes_on(tmp_path):
    command = [
        ROOT / "training/recipes/pick_place.sh", "--budget", "1s", "--out", tmp_path / "made",
        "--preset", "debug", "--mixture", "0:1", "--height", "24", "--width", "32",
        "--workers", "1",
    ]  # fmt: skip
    # One thread each, because tests run side by side.
    alone = {"env": os.environ | {"OMP_NUM_THREADS": "1"}, "capture_output": True, "text": True}
    made = subprocess.run(command, **alone)
    assert made.returncode == 0, made.stderr[-2000:]
    said = made.stdout
    assert "collected 2 episodes at " in said
    assert re.search(r"train: \d+ steps at [\d.]+ samples/s; reading data is \d+% of a step", said)
    assert "limited by: " in said
    assert "level 0: " in said
    spec = json.loads((tmp_path / "made/bundle/policy.json").read_text())
    assert spec["provenance"]["look"] == "plain"
    assert spec["execution"]["m"] == -0.1
    (stamped,) = spec["provenance"]["success"].values()
    record = json.loads((tmp_path / "made/evaluation_level_0/evaluation.json").read_text())
    assert (record["look"], record["level"], record["seeds"][0]) == ("plain", 0, 700_000)
    assert stamped["episodes"] == record["conditions"][0]["episodes"] >= 2

    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "made").rglob("*.onnx")}
    again = subprocess.run(command, **alone)
    assert again.returncode == 0, again.stderr[-2000:]
    assert "act-" not in again.stderr, "nothing is done twice"
    assert kept == {path: path.stat().st_mtime_ns for path in (tmp_path / "made").rglob("*.onnx")}
