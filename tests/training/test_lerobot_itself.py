"""LeRobot reads what we write and we read what it writes, frame by frame; its policies answer the
same here as there.

LeRobot's pins do not fit ours, so it lives in an environment of its own:

    python -m venv /tmp/lerobot && /tmp/lerobot/bin/pip install lerobot==0.4.4
    LEROBOT_PYTHON=/tmp/lerobot/bin/python pytest tests/training/test_lerobot_itself.py
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from act_policy.load_policy import load_policy
from act_policy.observation import Observation
from act_training.datasets.episode_file import episode_files, read_episode
from act_training.datasets.lerobot.so101_units import so101_units
from act_training.export_lerobot import ExportLerobotOptions, export_lerobot
from act_training.import_dataset import ImportOptions, import_dataset, import_source

from tests.act_record import bags
from tests.training.lerobot_checkpoints import CASES, IMAGES, observations, write_checkpoint
from tests.training.test_import_checkpoint import DEGREES, OUTPUTS
from tests.training.test_lerobot_writer import arm_episode, psnr_db, write_episodes

PYTHON = os.environ.get("LEROBOT_PYTHON")
SMALLEST_PSNR_DB = 36

pytestmark = pytest.mark.skipif(
    not PYTHON, reason="LEROBOT_PYTHON names no Python that has lerobot"
)


def run_lerobot(
    action: str, folder: Path, script: str = "lerobot_reference.py"
) -> dict[str, np.ndarray]:
    out = folder.with_suffix(".npz")
    script = str(Path(__file__).with_name(script))
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "HF_HUB_OFFLINE": "1"}
    subprocess.run(
        [str(PYTHON), script, action, str(folder), str(out)], env=environment, check=True
    )
    return dict(np.load(out))


def concatenated(folder: Path):
    return [read_episode(path) for path in episode_files(folder)]


def test_lerobot_reads_what_we_write(tmp_path):
    ours = write_episodes(tmp_path / "ours", [arm_episode(s, steps=7 + s) for s in range(3)])
    folder = export_lerobot(ExportLerobotOptions(ours, tmp_path / "lerobot"))
    found = run_lerobot("read", folder)
    import_dataset(ImportOptions("lerobot", str(folder), out=tmp_path / "back"))
    before, back = concatenated(ours), concatenated(tmp_path / "back")
    assert len(found["index"]) == sum(map(len, before)) == 24
    units = so101_units("degrees")
    start = 0
    for index, episode in enumerate(before):
        rows = slice(start, start + len(episode))
        start = rows.stop
        assert set(found["episode_index"][rows]) == {index}
        assert set(found["task"][rows]) == {episode.task}
        assert found["frame_index"][rows].tolist() == list(range(len(episode)))
        np.testing.assert_allclose(found["timestamp"][rows], episode.stamps_ns / 1e9, atol=1e-6)
        for key, values in (("observation.state", episode.joints), ("action", episode.actions)):
            np.testing.assert_array_equal(found[key][rows], units.from_rad(values))
        for camera, images in episode.images.items():
            np.testing.assert_array_equal(found[camera][rows], back[index].images[camera])
            assert psnr_db(found[camera][rows], images) > SMALLEST_PSNR_DB
    np.testing.assert_allclose(found["action_mean"], found["action"].mean(axis=0), rtol=1e-5)


def test_lerobot_reads_what_bags_became(tmp_path):
    bags.write_bag(tmp_path / "recordings/one", bags.episode(2.0))
    options = ImportOptions("bag", str(tmp_path / "recordings"), tmp_path / "own", rate_hz=30.0)
    import_source(options)
    theirs = dataclasses.replace(options, out=tmp_path / "theirs", format="lerobot")
    found = run_lerobot("read", import_source(theirs))
    (episode,) = concatenated(tmp_path / "own")
    units = so101_units("degrees")
    assert found["frame_index"].tolist() == list(range(len(episode)))
    np.testing.assert_array_equal(found["observation.state"], units.from_rad(episode.joints))
    np.testing.assert_array_equal(found["action"], units.from_rad(episode.actions))
    for camera, images in episode.images.items():
        assert psnr_db(found[camera], images) > SMALLEST_PSNR_DB


def test_we_read_what_lerobot_writes(tmp_path):
    given = run_lerobot("write", tmp_path / "theirs")
    record = import_dataset(ImportOptions("auto", str(tmp_path / "theirs"), out=tmp_path / "back"))
    assert (record.imported, record.refused) == (3, ())
    units = so101_units("degrees")  # its values prove it: some are beyond 100
    for index, episode in enumerate(concatenated(tmp_path / "back")):
        rows = given["episode_index"] == index
        assert (episode.task, episode.success) == ("pick", None)
        np.testing.assert_array_equal(
            episode.joints, units.to_rad(given["observation.state"][rows])
        )
        np.testing.assert_array_equal(episode.actions, units.to_rad(given["action"][rows]))
        for camera, images in episode.images.items():
            assert psnr_db(images, given[camera][rows]) > SMALLEST_PSNR_DB


def test_lerobot_reads_the_checkpoints_made_by_hand(tmp_path):
    """And its answers are still those that were recorded."""
    for name, changes in CASES.items():
        folder = write_checkpoint(tmp_path / name, **changes)
        chunks = run_lerobot("act", folder, "lerobot_policy_reference.py")["chunks"]
        np.testing.assert_allclose(chunks, OUTPUTS[name], rtol=0, atol=DEGREES)


def test_a_checkpoint_that_lerobot_writes_answers_the_same_here(tmp_path):
    folder = tmp_path / "theirs"
    chunks = run_lerobot("save", folder, "lerobot_policy_reference.py")["chunks"]
    out = tmp_path / "bundle"
    import_source(ImportOptions("auto", str(folder), out=out, units="degrees", rate_hz=30.0))
    policy = load_policy(out, engine="cpu", threads=1)
    assert policy.spec.cameras == tuple(IMAGES)
    units = so101_units("degrees")
    states, images = observations()
    for i, expected in enumerate(chunks):
        frames = {camera: stack[i] for camera, stack in images.items()}
        rows = policy.infer(Observation(0, units.to_rad(states[i]), frames)).chunk.rows
        np.testing.assert_allclose(rows, units.to_rad(expected), rtol=0, atol=1e-4)
