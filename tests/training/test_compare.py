from __future__ import annotations

import json

import pytest
from act_training.compare import CompareOptions, compare
from act_training.evaluation_record import read_rows


@pytest.fixture
def evaluation(tmp_path):
    def make(name: str, successes: int):
        results = [
            {
                "seed": 100_000 + i, "success": i < successes, "steps": 50 + i,
                "distance_m": 0.01 * i, "grasped": i < successes + 1,
            }
            for i in range(100)
        ]  # fmt: skip
        record = {
            "name": "toy", "variant": "fp32", "env": "toy/env", "seeds": [100_000, 100_099],
            "conditions": [
                {
                    "condition": "newest chunk, latency 0 ms", "successes": successes,
                    "episodes": 100, "interval_95": [0.1, 0.9], "results": results,
                }
            ],
        }  # fmt: skip
        folder = tmp_path / name
        folder.mkdir()
        (folder / "evaluation.json").write_text(json.dumps(record))
        return folder

    return make


def test_side_by_side(evaluation, tmp_path, capsys):
    folders = (evaluation("a", 87), evaluation("b", 70))
    out = compare(CompareOptions(folders, tmp_path / "comparison"))
    lines = (out / "comparison.md").read_text().splitlines()
    assert "| 87/100 = 87.0% | 79.0% to 92.2% |  | 93 | 495 mm | 88/100 |" in lines[2]
    assert "| 70/100 = 70.0% | 60.4% to 78.1% | 1.53e-05 (paired) |" in lines[3]
    assert (out / "comparison.png").stat().st_size > 5000
    assert "70/100" in capsys.readouterr().out


def test_a_folder_without_a_record(tmp_path):
    with pytest.raises(ValueError, match=r"holds no evaluation.json: make one with act-evaluate"):
        read_rows(tmp_path)


def test_other_starts_are_compared_by_their_rates(evaluation, tmp_path):
    first, second = evaluation("a", 87), evaluation("b", 70)
    record = json.loads((second / "evaluation.json").read_text())
    for result in record["conditions"][0]["results"]:
        result["seed"] += 1000
    (second / "evaluation.json").write_text(json.dumps(record))
    out = compare(CompareOptions((first, second), tmp_path / "comparison"))
    assert "| 0.00343 (z) |" in (out / "comparison.md").read_text()


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.pop("conditions"),
        lambda record: record.update(conditions=[{}]),
        lambda record: record.update(seeds="x"),
        lambda record: record["conditions"][0].update(successes=88),
        lambda record: record["conditions"][0].update(results=[]),
        lambda record: record["conditions"][0]["results"][0].update(steps="many"),
        lambda record: record["conditions"][0]["results"][0].update(seed=None),
    ],
)
def test_a_record_that_was_changed_is_refused(evaluation, change):
    folder = evaluation("a", 87)
    record = json.loads((folder / "evaluation.json").read_text())
    change(record)
    (folder / "evaluation.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=r"evaluation.json' is damaged or of another version"):
        read_rows(folder)
