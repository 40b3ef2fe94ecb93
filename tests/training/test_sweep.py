"""A grid of trainings: what it runs, what it refuses, what its table says, and that it goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from act_core.errors import ConfigurationError
from act_training.collect import CollectOptions, collect
from act_training.evaluation_record import condition_record, write_record
from act_training.sweep import SweepOptions, over_seeds, plan, stages, sweep, table


def options(tmp_path, **changes) -> SweepOptions:
    values = {"data": (str(tmp_path / "data"),), "out": tmp_path / "sweep", "preset": ("debug",)}
    return SweepOptions(**{**values, **changes})


def judged(run, successes: int, episodes: int = 10) -> None:
    """As act-evaluate leaves it."""
    results = [
        {"seed": i, "success": i < successes, "steps": 20, "distance_m": None, "grasped": None}
        for i in range(episodes)
    ]
    record = {"name": "toy", "variant": "fp32", "env": "so101/reach", "seeds": [0, episodes - 1]}
    conditions = [condition_record("ensemble, latency 0 ms", results)]
    write_record(run.folder / "evaluation", {**record, "conditions": conditions})


def test_every_value_meets_every_other_and_every_seed(tmp_path):
    runs = plan(
        options(
            tmp_path, preset=("debug", "compact"), seeds=(3, 5),
            vary=("model.kl-weight=1,10", "model.vae_images=false,true", "training.steps=7"),
        )
    )  # fmt: skip
    assert len(runs) == 16
    assert len({run.folder for run in runs}) == 16
    assert [run.seed for run in runs] == [3] * 8 + [5] * 8
    first = runs[0]
    assert first.kind == "debug,kl-weight=1,vae-images=false"  # what all have is not in the name
    assert first.folder == tmp_path / "sweep/debug,kl-weight=1,vae-images=false/seed3"


def test_the_commands_of_a_run(tmp_path):
    asked = options(
        tmp_path, seeds=(4,), vary=("model.vae-images=true", "training.steps=7"), level=2,
        episodes=30,
    )  # fmt: skip
    (run,) = plan(asked)
    train, export, evaluate = stages(run, asked)
    assert " ".join(train) == (
        f"train --preset debug --data {tmp_path}/data --out {run.folder}/run --training.seed 4 "
        "--model.vae-images --training.steps 7"
    )
    assert export[:3] == ["export", "--checkpoint", f"{run.folder}/run"]
    assert " ".join(evaluate) == (
        f"evaluate --policy {run.folder}/bundle --episodes 30 --seed 100000 --out "
        f"{run.folder}/evaluation --level 2"
    )


def test_a_training_that_was_interrupted_is_resumed(tmp_path):
    asked = options(tmp_path, seeds=(0,))
    (run,) = plan(asked)
    (run.folder / "run/last").mkdir(parents=True)
    assert next(stages(run, asked)) == ["train", "--resume", str(run.folder / "run")]
    assert "seed 0: in training" in table([run])[-1]
    (run.folder / "run/final").mkdir()
    assert next(stages(run, asked))[0] == "export"
    assert "seed 0: not exported" in table([run])[-1]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"vary": ("model.kl-wieght=1",)}, "unknown option of model 'kl-wieght'; did you mean"),
        ({"vary": ("model.kl-weight=much",)}, "--vary model.kl-weight=much: expected float"),
        ({"vary": ("model.vae-images=perhaps",)}, "model.vae-images=perhaps: expected bool"),
        ({"vary": ("kl-weight=1",)}, "expected different values of an option of act-train"),
        ({"vary": ("model.kl-weight=1,1",)}, "expected different values"),
        ({"vary": ("model.kl-weight=",)}, "expected different values"),
        ({"vary": ("training.seed=1,2",)}, "that is what --seeds is for"),
        ({"preset": ("debugx",)}, "unknown preset 'debugx'; did you mean 'debug'"),
        ({"seeds": (1, 1)}, r"--seeds is \(1, 1\), expected different ones"),
        ({"seeds": ()}, "--seeds is"),
        ({"data": ()}, "--data: no dataset is given"),
        ({"episodes": 0}, "--episodes is 0, expected at least 1"),
        ({"jobs": 0}, "--jobs is 0, expected at least 1"),
    ],
)
def test_what_is_no_grid_is_refused_before_anything_is_trained(tmp_path, changes, text):
    changes.setdefault("vary", ("training.steps=5",))
    with pytest.raises(ConfigurationError, match=text):
        sweep(options(tmp_path, **changes))
    assert not (tmp_path / "sweep").exists()


def test_the_interval_over_seeds():
    assert over_seeds([0.9]) is None
    assert over_seeds([0.9, 0.8, 1.0]) == pytest.approx((0.9 - 0.2484, 1.0), abs=1e-4)
    assert over_seeds([0.5, 0.6]) == pytest.approx((0.0, 1.0))  # t = 12.7
    assert over_seeds([0.7, 0.7, 0.7]) == pytest.approx((0.7, 0.7))


def test_the_table_has_both_intervals_and_what_is_missing(tmp_path):
    asked = options(tmp_path, vary=("model.kl-weight=1,10",), status=True)
    runs = plan(asked)
    for run, successes in zip(runs, (9, 5, 8, 5, 10), strict=False):
        judged(run, successes)
    lines = sweep(asked)
    assert lines == (asked.out / "table.md").read_text().splitlines()
    assert lines[2] == (
        "| debug,kl-weight=1 | 9/10, 8/10, 10/10 | **90.0%** | 65.2% to 100.0% | 74.4% to 96.5% "
        "| 20 |  |"
    )
    assert lines[3] == (
        "| debug,kl-weight=10 | 5/10, 5/10 | **50.0%** | 50.0% to 50.0% | 29.9% to 70.1% | 20 "
        "| seed 2: not begun |"
    )


def act_sweep(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "act_training.sweep", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))


def test_a_run_that_fails_is_told_and_tried_again_and_never_mixed(tmp_path):
    """The data is not there, so that no run gets anywhere."""
    asked = options(tmp_path, seeds=(0,))
    words = ("--data", *asked.data, "--preset", "debug", "--seeds", 0, "--out", asked.out)
    log = asked.out / "debug/seed0/log.txt"
    tried = []
    for _ in range(2):
        failed = act_sweep(*words)
        assert failed.returncode == 1
        assert "1 of 1 runs failed" in failed.stderr
        assert "the same command tries them again" in failed.stderr
        assert "seed 0: not begun" in failed.stdout
        tried.append(log.read_text().count("error: "))
    assert tried == [1, 2]
    with pytest.raises(ConfigurationError, match="was begun with level None, not 2: give another"):
        sweep(options(tmp_path, seeds=(0,), level=2))


def test_from_data_to_the_table_and_nothing_twice(tmp_path, monkeypatch, caplog):
    examples = str(Path(__file__).resolve().parents[2] / "examples")
    monkeypatch.syspath_prepend(examples)
    inherited = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (examples, inherited))))
    env = "gym/own_environment:Dot-v0"
    collect(CollectOptions(env=env, episodes=3, workers=1, out=tmp_path / "data"))
    asked = options(tmp_path, vary=("training.steps=2",), seeds=(0,), episodes=2)
    done = act_sweep("--data", *asked.data, "--preset", "debug", "--vary", *asked.vary, "--seeds",
                     0, "--episodes", 2, "--out", asked.out)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "/2 | **" in done.stdout
    log = (asked.out / "debug/seed0/log.txt").read_text()
    with caplog.at_level("INFO"):
        sweep(asked)
    assert "1 of 1 runs are there" in caplog.text
    assert (asked.out / "debug/seed0/log.txt").read_text() == log
