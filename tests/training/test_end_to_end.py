"""The whole offline path with the debug preset, from collecting to evaluating."""

from __future__ import annotations

import dataclasses
import json

import pytest

pytest.importorskip("metaworld", reason="MetaWorld is not installed (training only)")

from act_policy.load_policy import load_policy
from act_training.checkpoint import load_checkpoint
from act_training.collect import CollectOptions, collect
from act_training.compare import CompareOptions, compare
from act_training.datasets.episode_file import episode_files
from act_training.evaluate import EvaluateOptions, evaluate
from act_training.export import ExportOptions, export
from act_training.export_lerobot import ExportLerobotOptions, export_lerobot
from act_training.import_dataset import ImportOptions, import_source
from act_training.report import ReportOptions, report
from act_training.train import TrainOptions, train
from act_training.trainable_policy import get_preset
from act_training.training_log import read_log

from tests.training.commands import traces_of_this_computer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Constant")


def test_from_nothing_to_a_success_rate(tmp_path, capsys):
    """And nothing of what is left on the way tells on which computer, by whom, in which folder."""
    data, run, bundle = tmp_path / "data", tmp_path / "run", tmp_path / "bundle"

    options = CollectOptions(
        env="metaworld/button-press-v3", out=data, episodes=1, height=24, width=32, workers=1
    )
    collect(options)
    trials = collect(dataclasses.replace(options, episodes=2))  # continues
    assert [trial.seed for trial in trials] == [0, 1]
    assert [path.name for path in episode_files(data)] == [
        "episode_000000.hdf5", "episode_000001.hdf5",
    ]  # fmt: skip
    assert collect(dataclasses.replace(options, episodes=9, within_s=1e-3)) == trials
    with pytest.raises(ValueError, match=r"holds a collection with noise 0.0 \(now 1.0\)"):
        collect(dataclasses.replace(options, noise=1.0))
    report(ReportOptions((data,)))

    debug = get_preset("debug")
    training = dataclasses.replace(debug.training, precision="fp32")
    train(TrainOptions(data=(data,), out=run, stop_after=2, model=debug.model, training=training))
    train(TrainOptions(resume=run))
    assert load_checkpoint(run).step == 4
    assert [entry["step"] for entry in read_log(run) if "loss" in entry] == [4]

    export(ExportOptions(checkpoint=run, out=bundle))
    policy = load_policy(bundle, engine="cpu", variant="fp32", threads=1)
    assert policy.parity.max_difference <= 1e-4
    assert policy.spec.provenance["steps"] == 4
    assert policy.spec.output.unit == "m,m,m,1"

    out = tmp_path / "evaluation"
    (result,) = evaluate(
        EvaluateOptions(
            policy=bundle, out=out, episodes=1, latency_ms=(33.0,), camera_rate_hz=8.0, videos=1,
            workers=1,
        )
    )  # fmt: skip
    record = json.loads((out / "evaluation.json").read_text())
    assert record["seeds"] == [100_000, 100_000]
    (condition,) = record["conditions"]
    assert condition["condition"] == "ensemble m=0.01, latency 33 ms, camera 8 Hz"
    assert condition["results"][0]["seed"] == 100_000
    assert condition["interval_95"] == list(result.interval)
    (video,) = out.glob("*.mp4")
    assert video.stat().st_size > 1000
    assert "[0.0%, 79.3%]" in capsys.readouterr().out or result.successes == 1

    compare(CompareOptions((out, out), out=tmp_path / "comparison"))
    report(ReportOptions((out, run), out=tmp_path / "results.md"))
    evaluate(EvaluateOptions(policy=run, dataset=data, out=tmp_path / "replay", videos=1))
    export_lerobot(ExportLerobotOptions(data, tmp_path / "lerobot"))
    import_source(ImportOptions("lerobot", str(tmp_path / "lerobot"), tmp_path / "imported"))
    shared = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert {".hdf5", ".json", ".jsonl", ".png", ".safetensors", ".pt", ".onnx", ".npz", ".mp4",
            ".parquet", ".md", ".0"} <= shared  # fmt: skip
    assert traces_of_this_computer(tmp_path) == []
