"""act-import: whole datasets, what is refused, and what training makes of the result."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from act_core.robots.so101 import JOINT_NAMES
from act_training.cli import run_command
from act_training.datasets import importing
from act_training.datasets.chunks import ChunkSampler
from act_training.datasets.episode_file import episode_path, read_episode, write_episode
from act_training.datasets.errors import DatasetError
from act_training.datasets.frame_cache import open_frame_cache
from act_training.datasets.report import describe_dataset
from act_training.export_lerobot import ExportLerobotOptions, export_lerobot
from act_training.import_dataset import (
    ImportOptions,
    detect_layout,
    import_dataset,
    import_source,
)

STEPS = 5


@pytest.fixture
def foreign(tmp_path) -> Path:
    """Three episodes in the original ACT layout."""
    folder = tmp_path / "foreign"
    folder.mkdir()
    for e in range(3):
        with h5py.File(folder / f"episode_{e}.hdf5", "w") as file:
            file["action"] = np.full((STEPS, 2), e + 1.0)
            file["observations/qpos"] = np.full((STEPS, 2), float(e))
            file["observations/images/top"] = np.full((STEPS, 8, 8, 3), 10 * e, np.uint8)
    return folder


def options(foreign: Path, **changes) -> ImportOptions:
    values = {"layout": "act", "source": str(foreign), "out": foreign.parent / "out"}
    return ImportOptions(**{**values, "rate_hz": 20.0, "units": "rad", **changes})


def test_an_import_is_a_dataset_to_train_on(foreign):
    record = import_dataset(options(foreign, task="lift"))
    out = foreign.parent / "out"
    assert (record.imported, record.refused) == (3, ())
    files = sorted(out.glob("*.hdf5"))
    assert [path.name for path in files] == [f"episode_{e:06d}.hdf5" for e in range(3)]
    cache = open_frame_cache(out)
    assert (cache.task, len(cache.joints)) == ("lift", 3 * STEPS)
    batch = ChunkSampler(cache, np.arange(3), chunk_size=4).batch(np.array([0, STEPS, 14]))
    assert batch.joints[:, 0].tolist() == [0, 1, 2]
    assert batch.actions[:, 0, 0].tolist() == [1, 2, 3]
    assert batch.is_pad[2].tolist() == [False, True, True, True]
    described = describe_dataset([read_episode(path, with_images=False) for path in files])
    assert (described.successes, described.missing_frames, described.distinct_starts) == (
        None,
        0,
        3,
    )


def test_refused_episodes_are_listed_and_the_rest_imported(foreign, caplog):
    with h5py.File(foreign / "episode_0.hdf5", "a") as file:
        del file["action"]
    with h5py.File(foreign / "episode_2.hdf5", "a") as file:
        del file["observations/images/top"]
        file["observations/images/top"] = np.zeros((STEPS, 8, 16, 3), np.uint8)
    record = import_dataset(options(foreign))
    assert record.imported == 1
    first, second = record.refused
    assert first.episode == "episode_0.hdf5"
    assert first.reason.startswith("it has none of action")
    assert "episode_2.hdf5 does not fit the other episodes (cameras: " in second.reason
    assert "refused episode_0.hdf5: it has none of action" in caplog.text
    out = foreign.parent / "out"
    written = json.loads((out / "import.json").read_text())
    assert [refusal["episode"] for refusal in written["refused"]] == [
        "episode_0.hdf5",
        "episode_2.hdf5",
    ]
    assert written["source"]["source"] == "foreign"  # and not where it is on this machine
    assert [path.name for path in out.glob("*.hdf5")] == ["episode_000001.hdf5"]


def test_nothing_imported_is_an_error(foreign):
    with pytest.raises(DatasetError, match=r"(?s)none of 3 episodes .*episode_0.hdf5: .*--rate-hz"):
        import_dataset(options(foreign, rate_hz=None))


def test_an_interrupted_import_goes_on(foreign, monkeypatch):
    written: list[str] = []

    def stop_after_two(path, episode):
        if len(written) == 2:
            raise KeyboardInterrupt
        write_episode(path, episode)
        written.append(path.name)

    with monkeypatch.context() as patch:
        patch.setattr(importing, "write_episode", stop_after_two)
        with pytest.raises(KeyboardInterrupt):
            import_dataset(options(foreign))
    before = (foreign.parent / "out" / written[0]).stat().st_mtime_ns
    assert import_dataset(options(foreign)).imported == 3
    assert (foreign.parent / "out" / written[0]).stat().st_mtime_ns == before


def test_datasets_are_not_mixed(foreign, make_episode):
    import_dataset(options(foreign))
    with pytest.raises(DatasetError, match=r"out holds episodes of another import: name a new"):
        import_dataset(options(foreign, rate_hz=30.0))
    collected = foreign.parent / "collected"
    collected.mkdir()
    write_episode(episode_path(collected, 0), make_episode(0))
    with pytest.raises(DatasetError, match="holds episodes of another origin"):
        import_dataset(options(foreign, out=collected))


def test_layouts_are_recognised(foreign, dataset, tmp_path):
    assert detect_layout(foreign) == "act"
    demos = tmp_path / "demos.hdf5"
    with h5py.File(demos, "w") as file:
        file.create_group("demo_0")
    assert detect_layout(demos) == "demos"
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"is none of the layouts known: no meta/info.json"):
        detect_layout(tmp_path / "empty")
    assert import_dataset(options(foreign, layout="auto")).source["layout"] == "act"


def test_the_way_to_lerobot_and_back(dataset, tmp_path):
    folder = export_lerobot(ExportLerobotOptions(dataset, tmp_path / "lerobot", codec="h264"))
    assert detect_layout(folder) == "lerobot"
    record = import_dataset(ImportOptions("auto", str(folder), out=tmp_path / "back"))
    assert (record.imported, record.notes) == (4, ())
    for seed in range(4):
        before = read_episode(episode_path(dataset, seed))
        after = read_episode(episode_path(tmp_path / "back", seed))
        np.testing.assert_array_equal(after.actions, before.actions)
        assert after.placement == pytest.approx(before.placement)


def test_a_calibration_is_for_an_so101(foreign, tmp_path):
    path = tmp_path / "blue.json"
    joint = {"drive_mode": 0, "homing_offset": 0, "range_min": 1500, "range_max": 2700}
    path.write_text(json.dumps({n: {"id": i + 1, **joint} for i, n in enumerate(JOINT_NAMES)}))
    with pytest.raises(DatasetError, match=r"a calibration is for an SO-101 arm; this dataset has"):
        import_dataset(options(foreign, calibration=str(path)))


def test_the_command_line(foreign, capsys):
    out = foreign.parent / "out"
    arguments = [
        "act",
        str(foreign),
        "--out",
        str(out),
        "--rate-hz",
        "20",
        "--joint-names",
        "a",
        "b",
    ]
    run_command(import_source, ImportOptions, args=arguments)
    assert read_episode(episode_path(out, 2)).features.actions == ("a", "b")
    with pytest.raises(SystemExit, match=r"error: there is no '/nowhere'"):
        run_command(import_source, ImportOptions, args=["act", "/nowhere", "--out", "x"])
    with pytest.raises(SystemExit):
        run_command(import_source, ImportOptions, args=["rlds", "x", "--out", "x"])
    assert "rlds" in capsys.readouterr().err
