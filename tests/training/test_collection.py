"""How a dataset was drawn, which a bundle passes on to the evaluation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from act_training.datasets.collection import RECORD_FILE, look_of


def dataset(folder: Path, *records: object) -> Path:
    for number, record in enumerate(records):
        path = folder / f"part_{number}" / RECORD_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(record if isinstance(record, str) else json.dumps(record))
    folder.mkdir(exist_ok=True)
    return folder


ROOM, PLAIN = {"settings": {}, "look": "room"}, {"settings": {}, "look": "plain"}
EARLIER = {"settings": {"look": "room"}}  # before the record said so for itself
METAWORLD = {"settings": {}, "look": None}


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([ROOM], "room"),
        ([ROOM, ROOM, EARLIER], "room"),
        ([PLAIN], "plain"),
        ([ROOM, PLAIN], None),
        ([ROOM, METAWORLD], None),
        ([METAWORLD], None),
        ([], None),
        ([ROOM, "{"], None),
        (["[]"], None),
        ([{"look": None}], None),
    ],
)
def test_a_look_is_that_of_all_collections(tmp_path, records, expected):
    assert look_of([dataset(tmp_path / "data", *records)]) == expected


def test_all_datasets_of_a_run_count(tmp_path):
    room, plain = dataset(tmp_path / "a", ROOM), dataset(tmp_path / "b", PLAIN)
    assert look_of([room, room]) == "room"
    assert look_of([room, plain]) is None
    assert look_of([Path("hf://owner/name")]) is None


def test_processes_that_collect_do_without_torch():
    """Loading it takes each of them two seconds and 200 MB."""
    code = "import sys, act_training.collect; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
