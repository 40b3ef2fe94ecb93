from __future__ import annotations

from pathlib import Path

import pytest
from act_training.sharing import shared_command, shared_path


@pytest.mark.parametrize(
    ("path", "base", "seen"),
    [
        ("/home/ann/data/cube", "/home/ann/runs/a", "../../data/cube"),
        ("/home/ann/runs/a/data", "/home/ann/runs/a", "data"),
        ("/srv/lab/data", "/srv/lab/runs/a", "../../data"),
        ("/home/bob/data", "/home/ann/runs/a", "data"),
        ("/mnt/disk/data", "/home/ann/runs/a", "data"),
        ("/home/ann/data", "/mnt/disk/runs", "data"),
    ],
)
def test_a_path_tells_nothing_of_the_home(monkeypatch, path, base, seen):
    monkeypatch.setenv("HOME", "/home/ann")
    assert shared_path(Path(path), Path(base)) == seen


def test_a_command_to_repeat(monkeypatch, tmp_path):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path))
    given = ["/opt/venv/bin/act-evaluate", "--policy", f"{tmp_path}/work/out/a b", "--m", "-0.1",
             f"--out={tmp_path}/results", "--dataset", "/mnt/disk/data", "--env", "so101/reach",
             "hf://ann/policy"]  # fmt: skip
    assert shared_command(given) == (
        "act-evaluate --policy 'out/a b' --m -0.1 --out=../results --dataset data "
        "--env so101/reach hf://ann/policy"
    )
