"""The results page says what the records say, and nothing without a record."""

from __future__ import annotations

import json

import pytest
from act_core.intervals import wilson_interval
from act_training.evaluation_record import condition_record, read_rows, write_record
from act_training.report import ReportOptions, report


def condition(text: str, successes: int, episodes: int = 40) -> dict:
    results = [
        {"seed": 7 + i, "success": i < successes, "steps": 90 + i, "distance_m": 0.02, "grasped": 1}
        for i in range(episodes)
    ]
    return condition_record(text, results)


def record(
    *conditions: dict, level: int | None = None, name: str = "toy", env: str = "so101/reach"
) -> dict:
    return {
        "name": name,
        "variant": "fp32",
        "env": env,
        "level": level,
        "seeds": [7, 46],
        "command": "act-evaluate --policy policies/toy",
        "conditions": list(conditions),
    }


def test_a_record_has_one_line_for_each_episode_and_reads_back(tmp_path):
    path = write_record(tmp_path / "a", record(condition("newest, latency 0 ms", 38), level=2))
    written = path.read_text()
    assert sum('"seed"' in line for line in written.splitlines()) == 40
    assert json.loads(written) == record(condition("newest, latency 0 ms", 38), level=2)
    (row,) = read_rows(tmp_path / "a")
    assert (row.successes, row.episodes, row.level, row.median_steps) == (38, 40, 2, 108.5)


def test_the_page(tmp_path):
    results = tmp_path / "docs/results"
    write_record(results / "level_2", record(condition("ensemble, latency 0 ms", 38), level=2))
    modes = [
        condition(f"{mode}, latency {latency} ms", 40 - i)
        for i, (mode, latency) in enumerate([("ensemble", 0), ("ensemble", 100), ("newest", 0)])
    ]
    write_record(results / "latency", record(*modes))
    run = tmp_path / "policies/toy/training"
    run.mkdir(parents=True)
    config = {
        "step": 50, "preset": "debug", "commit": None,
        "data": "data/toy", "dataset_sha256": "0123456789abcdef",
        "model": {"vae_images": True, "dim_model": 32, "chunk_size": 8},
        "training": {"batch_size": 2},
        "training_episodes": ["a", "b"], "validation_episodes": ["c"],
    }  # fmt: skip
    (run / "config.json").write_text(json.dumps(config))
    (run / "log.jsonl").write_text('{"step": 25, "validation_l1": 0.5}\n{"step": 50, "l1": 0.4}\n')
    (results / "notes.md").write_text("What was done.\n")

    report(ReportOptions((results, tmp_path / "policies")))

    page = (tmp_path / "docs/results.md").read_text()
    assert "What was done." in page
    low, high = wilson_interval(38, 40)
    expected = f"| level 2 | ensemble, latency 0 ms | **95.0%** (38/40) | {low:.1%} to {high:.1%} |"
    assert expected in page
    assert "| execution | 0 ms | 100 ms |" in page
    assert f"| newest | 95% [{low:.0%}, {high:.0%}] |  |" in page
    assert (
        "| toy | debug | modified ACT, width 32, chunk 8 | 2 (+1 held out) | 50 x 2 | 0.5000 "
        in page
    )
    assert (results / "so101_reach.png").stat().st_size > 5000
    assert "](results/so101_reach.png)" in page


def test_two_policies_of_one_environment_are_compared(tmp_path):
    for name, successes in (("shelf_act", 30), ("shelf_modified", 38)):
        conditions = condition("ensemble, latency 0 ms", successes)
        env = "metaworld/shelf-place-v3"
        write_record(tmp_path / "results" / name, record(conditions, name=name, env=env))
    report(ReportOptions((tmp_path / "results",)))
    page = (tmp_path / "results.md").read_text()
    # The same starts: 8 of them, at which the second alone succeeded.
    assert "shelf_modified against shelf_act: p = 0.0078 (exact paired test)." in page
    assert "level" not in page  # of randomization: that is of this project's own simulation


def test_nothing_to_report_on(tmp_path):
    with pytest.raises(ValueError, match="name the folder"):
        report(ReportOptions(()))
    with pytest.raises(
        ValueError, match=r"no evaluation.json below .*: make one with act-evaluate"
    ):
        report(ReportOptions((tmp_path, tmp_path / "b")))
