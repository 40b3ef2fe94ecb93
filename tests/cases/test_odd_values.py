"""Values, texts, files and pictures that are written in odd ways: read as meant, or refused."""

from __future__ import annotations

import io
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from act_core.errors import ConfigurationError
from act_training.datasets.episode_file import Episode, episode_files, read_episode
from act_training.datasets.errors import DatasetError
from act_training.import_dataset import ImportOptions, import_source
from PIL import Image

from tests.cases.foreign_datasets import (
    FRONT,
    HEIGHT,
    RATE_HZ,
    TASK,
    WIDTH,
    make_dataset,
    own_episode,
)
from tests.cases.test_public_shapes import NAMED, VIDEO, hdf5
from tests.training.lerobot_folders import edit_info, edit_table

DEGREES = {"units": "degrees"}
UNTIMED = {name: value for name, value in NAMED.items() if name != "rate_hz"}
APPLE = b"\0\5\x16\7\0\2\0\0Mac OS X"  # how the files begin that macOS writes beside others


def imported(source: Path, out: Path, **said) -> list[Episode]:
    import_source(ImportOptions("auto", str(source), out=out, **said))
    return [read_episode(path) for path in episode_files(out)]


def from_hdf5(folder: Path, **attributes) -> Episode:
    source = hdf5("act", episodes=1, **attributes)(folder / "in")
    said = UNTIMED if "fps" in attributes else NAMED
    return imported(source, folder / "out", **said)[0]


@pytest.mark.parametrize("value", ["False", b"false", "0", "no", 0, 0.0, False, np.array([False])])
@pytest.mark.parametrize("name", ["success", "sim", "compress"])
def test_what_is_false_in_words_is_false(tmp_path, name, value):
    episode = from_hdf5(tmp_path, **{name: value})
    assert episode.success is (False if name == "success" else None)
    assert episode.simulated is False


@pytest.mark.parametrize("value", ["True", "yes", 1, np.True_, np.array(["1"], dtype="S1")])
def test_what_is_true_in_words_is_true(tmp_path, value):
    episode = from_hdf5(tmp_path, success=value, sim=value)
    assert (episode.success, episode.simulated) == (True, True)


@pytest.mark.parametrize("value", ["failure", "", float("nan"), 2, -1, np.array([True, False])])
@pytest.mark.parametrize("name", ["success", "sim"])
def test_what_is_neither_true_nor_false_is_refused(tmp_path, name, value):
    with pytest.raises(DatasetError, match=rf"{name} is .*, expected true or false"):
        from_hdf5(tmp_path, **{name: value})


@pytest.mark.parametrize("value", [7, 7.0, np.array([7]), np.uint8(7)])
def test_a_seed_is_a_whole_number(tmp_path, value):
    assert from_hdf5(tmp_path, seed=value).seed == 7


@pytest.mark.parametrize("value", [1e30, float("nan"), 2.7, "seven", np.uint64(2**63), True])
def test_what_is_no_seed_is_refused(tmp_path, value):
    with pytest.raises(DatasetError, match="the seed is .*, expected a whole number of 64 bits"):
        from_hdf5(tmp_path, seed=value)


@pytest.mark.parametrize("value", [10, "10", b"10.0", np.array([10.0])])
def test_a_rate_may_be_a_text_or_an_array_of_one(tmp_path, value):
    assert from_hdf5(tmp_path, fps=value).features.rate_hz == 10.0


@pytest.mark.parametrize("value", ["10 Hz", np.array([10, 20]), float("inf")])
def test_what_is_no_rate_is_refused(tmp_path, value):
    with pytest.raises(DatasetError, match="the rate in the file is .*, expected a finite number"):
        from_hdf5(tmp_path, fps=value)


@pytest.mark.parametrize(
    ("value", "task"),
    [
        (np.bytes_(b"pick \xff"), "pick \N{REPLACEMENT CHARACTER}"),
        ("  ", "in"),  # nothing: the folder's name
        (np.array([b"pick", b"place"]), "pick, place"),
        ("würfel \N{ROBOT FACE}", "würfel \N{ROBOT FACE}"),
        (3, "3"),
    ],
)
def test_a_task_that_no_file_can_hold(tmp_path, value, task):
    assert from_hdf5(tmp_path, task=value).task == task


@pytest.mark.parametrize(("sign", "shown"), [("\\ud800", "?"), ("\\u0000", "?"), ("\\n", "\n")])
def test_signs_of_json_that_no_file_can_hold(tmp_path, sign, shown):
    folder = make_dataset(tmp_path / "d")
    for name in ("meta/episodes.jsonl", "meta/tasks.jsonl"):
        path = folder / name
        path.write_text(path.read_text().replace(TASK, f"put {sign} down"))
    episodes = imported(folder, tmp_path / "out", **DEGREES)
    assert {episode.task for episode in episodes} == {f"put {shown} down"}


def test_a_name_that_no_file_can_hold_is_refused(tmp_path):
    names = ["\ud800", *"bcdef"]
    folder = make_dataset(tmp_path / "d", names=names, action_names=names)
    with pytest.raises(DatasetError, match="holds signs that no file can hold") as refused:
        imported(folder, tmp_path / "out", units="m")
    str(refused.value).encode()  # can be printed


def judged(folder: Path, values: list) -> None:
    """What next.success says in every row."""

    def describe(info: dict) -> None:
        info["features"]["next.success"] = {"dtype": "bool", "shape": [1], "names": None}

    edit_info(folder, describe)
    for path in folder.glob("data/*/*.parquet"):
        table = pq.read_table(path)
        column = pa.array((values * table.num_rows)[: table.num_rows])
        pq.write_table(table.append_column("next.success", column), path)


@pytest.mark.parametrize(
    ("values", "success"),
    [(["False"], False), (["true", "False"], True), ([[False]], False), ([[False], [True]], True),
     ([0], False), ([0.0, 1.0], True), ([None], None)],
)  # fmt: skip
def test_success_of_rows(tmp_path, values, success):
    folder = make_dataset(tmp_path / "d")
    judged(folder, values)
    assert {e.success for e in imported(folder, tmp_path / "out", **DEGREES)} == {success}


@pytest.mark.parametrize("value", [float("nan"), 2, "good"])
def test_success_of_rows_that_says_nothing_known_is_refused(tmp_path, value):
    folder = make_dataset(tmp_path / "d")
    judged(folder, [value])
    with pytest.raises(DatasetError, match="'next.success' is .*, expected true or false"):
        imported(folder, tmp_path / "out", **DEGREES)


def test_stamps_of_a_recorders_own_clock_are_kept(tmp_path, caplog):
    """A few ms off a steady rate, as hardware gives them."""
    caplog.set_level("INFO")
    folder = make_dataset(tmp_path / "d", lengths=(5,))
    seconds = np.arange(5) / RATE_HZ + [0.003, -0.004, 0.0, 0.006, -0.002]
    path = next(folder.glob("data/*/*.parquet"))
    edit_table(path, "timestamp", pa.array(seconds, pa.float64()))
    (episode,) = imported(folder, tmp_path / "out", **DEGREES)
    assert np.allclose(episode.stamps_ns / 1e9, seconds, atol=1e-6)
    assert "note: time stamps are the recorder's own, a few ms off a steady rate: kept" in (
        caplog.messages
    )


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_what_macos_and_editors_leave_is_no_part_of_a_dataset(tmp_path, version):
    folder = make_dataset(tmp_path / "d", version, cameras={FRONT: VIDEO})
    for path in list(folder.rglob("*")):
        if path.is_file():
            path.with_name(f"._{path.name}").write_bytes(APPLE)
    for path in (*folder.glob("meta/*.json"), *folder.glob("meta/*.jsonl")):
        if not path.name.startswith("."):
            path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    episodes = imported(folder, tmp_path / "out", **DEGREES)
    assert [len(episode) for episode in episodes] == [5, 6]


@pytest.mark.parametrize("layout", ["act", "demos"])
def test_what_macos_leaves_is_no_demonstration(tmp_path, layout):
    folder = hdf5(layout)(tmp_path / "in")
    for path in list(folder.iterdir()):
        path.with_name(f"._{path.name}").write_bytes(APPLE)
    assert [len(e) for e in imported(folder, tmp_path / "out", **NAMED)] == [5, 6]


def test_what_lies_beside_the_episodes_is_told(tmp_path, caplog):
    folder = hdf5("act")(tmp_path / "in")
    (folder / "episode_1.hdf5").rename(folder / "episode_1.hdf5.gz")
    (folder / "episode_2").mkdir()
    (folder / "notes.txt").touch()
    assert len(imported(folder, tmp_path / "out", **NAMED)) == 1
    assert caplog.messages[-1] == "warning: not read: episode_1.hdf5.gz, episode_2"


def test_an_episode_that_is_there_twice_is_told(tmp_path, caplog):
    folder = hdf5("act")(tmp_path / "in")
    for number in range(2, 8):
        shutil.copy(folder / "episode_1.hdf5", folder / f"episode_{number}.hdf5")
    assert len(imported(folder, tmp_path / "out", **NAMED)) == 8
    warnings = [text for text in caplog.messages if text.startswith("warning: ")]
    assert warnings[0] == "warning: episode_2.hdf5 is episode_1.hdf5 once more"
    assert warnings[-1] == "warning: so are 3 more"


def test_actions_that_are_there_under_two_names(tmp_path, caplog):
    def change(group, _episode) -> None:
        group["actions"] = group["action"][:] * 2

    caplog.set_level("INFO")
    episodes = imported(hdf5("act", change)(tmp_path / "in"), tmp_path / "out", **NAMED)
    assert len(episodes) == 2
    assert caplog.messages.count("note: 'action' is read; not read: actions") == 1


def test_a_dataset_is_not_imported_into_itself(tmp_path):
    folder = make_dataset(tmp_path / "d")
    before = sorted(folder.rglob("*"))
    (tmp_path / "link").symlink_to(folder)
    for out in (folder, tmp_path / "link", folder / "meta" / ".."):
        with pytest.raises(ConfigurationError, match="is what is to be imported: name another"):
            imported(folder, out, **DEGREES)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_they_are_meant_to_be_seen(tmp_path, orientation):
    """By LeRobot, too: its datasets library turns them."""
    seen = np.arange(HEIGHT * WIDTH * 3, dtype=np.uint8).reshape(HEIGHT, WIDTH, 3)
    half = np.rot90(seen, 2)
    stored = {1: seen, 2: seen[:, ::-1], 3: half, 4: seen[::-1], 5: seen.transpose(1, 0, 2),
              6: np.rot90(seen), 7: half.transpose(1, 0, 2), 8: np.rot90(seen, -1)}  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(stored[orientation])).save(buffer, "PNG", exif=exif)
    folder = make_dataset(tmp_path / "d", lengths=(5,))
    path = next(folder.glob("data/*/*.parquet"))
    edit_table(path, FRONT, pa.array([{"bytes": buffer.getvalue(), "path": "frame.png"}] * 5))
    (episode,) = imported(folder, tmp_path / "out", **DEGREES)
    assert np.array_equal(episode.images["front"][0], seen)


def turn(path: Path) -> None:
    """Marks a film as to be shown upside down."""
    data = path.read_bytes()
    at = data.index(b"tkhd") + 44
    half = struct.pack(">9i", -0x10000, 0, 0, 0, -0x10000, 0, 0, 0, 0x40000000)
    path.write_bytes(data[:at] + half + data[at + 36 :])


def test_a_film_that_is_to_be_turned_is_refused(tmp_path):
    folder = make_dataset(tmp_path / "d", lengths=(5,), cameras={FRONT: VIDEO})
    turn(next(folder.rglob("*.mp4")))
    with pytest.raises(DatasetError, match="is to be shown turned by -?180 degrees.*anew"):
        imported(folder, tmp_path / "out", **DEGREES)


@pytest.mark.parametrize("task", ["a\0b", "\ud800"])
def test_an_episode_holds_what_can_be_stored(task):
    with pytest.raises(DatasetError, match="holds signs that no file can hold"):
        replace(own_episode(), task=task)
