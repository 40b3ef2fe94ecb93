"""The HDF5 layouts of ACT projects, hand-made."""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import numpy as np
import pytest
from act_training.datasets.episode_file import episode_path, write_episode
from act_training.datasets.errors import DatasetError
from act_training.datasets.hdf5_source import Hdf5Source, act_places, demo_places
from act_training.datasets.source import Declared
from act_training.features import Camera, Features
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

SAID = Declared(rate_hz=50.0, units="rad")
STEPS = 5


def qpos(episode: int) -> np.ndarray:
    return (np.arange(STEPS * 2).reshape(STEPS, 2) + 100 * episode).astype(np.float64)


def pictures(episode: int, height: int = 8, width: int = 12) -> np.ndarray:
    return np.random.default_rng(episode).integers(
        0, 256, (STEPS, height, width, 3), dtype=np.uint8
    )


def make_act(folder: Path, episodes=(0, 1, 2)) -> Path:
    folder.mkdir(exist_ok=True)
    for e in episodes:
        with h5py.File(folder / f"episode_{e}.hdf5", "w") as file:
            file.attrs["sim"] = True
            file["action"] = qpos(e) + 1
            file["observations/qpos"] = qpos(e)
            file["observations/qvel"] = qpos(e) / 10
            file["observations/images/top"] = pictures(e)
    return folder


def make_demos(path: Path, form: str, episodes=(0, 1, 2)) -> Path:
    with h5py.File(path, "w") as file:
        for e in episodes:
            demo = file.create_group(f"demo_{e}")
            if form == "observations":
                demo["action"] = qpos(e) + 1
                demo["observations/qpos"] = qpos(e)
                demo["observations/images/top"] = pictures(e)
            else:
                demo["actions"] = qpos(e) + 1
                demo["joints"] = qpos(e)
                demo["images/top"] = pictures(e)
    return path


def check(source: Hdf5Source, position: int, number: int) -> None:
    episode = source.read(position)
    assert episode.features == Features(
        ("joint_0", "joint_1"), ("rad",) * 2, ("action_0", "action_1"), ("rad",) * 2,
        (Camera("top", 8, 12),), 50.0,
    )  # fmt: skip
    np.testing.assert_array_equal(episode.joints, qpos(number).astype(np.float32))
    np.testing.assert_array_equal(episode.actions, (qpos(number) + 1).astype(np.float32))
    np.testing.assert_array_equal(episode.images["top"], pictures(number))
    assert episode.stamps_ns.tolist() == [0, 20_000_000, 40_000_000, 60_000_000, 80_000_000]
    assert episode.success is None


def test_the_original_layout(tmp_path):
    """Episode 10 comes after episode 2, not after episode 1."""
    source = Hdf5Source(act_places(make_act(tmp_path / "act", (10, 2, 0))), SAID)
    assert source.names == ["episode_0.hdf5", "episode_2.hdf5", "episode_10.hdf5"]
    for position, number in enumerate((0, 2, 10)):
        check(source, position, number)
    episode = source.read(1)
    assert (episode.task, episode.seed) == ("act", 1)
    np.testing.assert_allclose(episode.joint_velocities, qpos(2) / 10)
    assert episode.simulated
    assert source.notes == []


@pytest.mark.parametrize("form", ["observations", "images"])
def test_collections_of_demos(tmp_path, form):
    path = make_demos(tmp_path / "demos.hdf5", form, (10, 2, 0))
    for where in (path, tmp_path):
        source = Hdf5Source(demo_places(where), SAID)
        assert source.names == [f"demos.hdf5:/demo_{e}" for e in (0, 2, 10)]
        for position, number in enumerate((0, 2, 10)):
            check(source, position, number)


def test_demos_below_a_data_group_with_one_unnamed_camera(tmp_path):
    path = tmp_path / "demos.h5"
    with h5py.File(path, "w") as file:
        demo = file.create_group("data/demo_0")
        demo["actions"], demo["state"] = qpos(0) + 1, qpos(0)
        demo["images"] = pictures(0).transpose(0, 3, 1, 2)
        demo.attrs["success"] = np.True_
        file.attrs.update(fps=20, task="push")
    episode = Hdf5Source(demo_places(path), Declared()).read(0)
    np.testing.assert_array_equal(episode.images["camera"], pictures(0))
    assert (episode.features.rate_hz, episode.task, episode.success) == (20.0, "push", True)
    assert set(episode.features.joint_units) == {"unknown"}


def test_what_is_said(tmp_path):
    said = Declared(
        units="m", rate_hz=20.0, task="push", joints=("x", "y"), actions=("dx", "dy"),
        cameras=("top",),
    )  # fmt: skip
    episode = Hdf5Source(act_places(make_act(tmp_path)), said).read(0)
    assert episode.features == Features(
        ("x", "y"), ("m",) * 2, ("dx", "dy"), ("m",) * 2, (Camera("top", 8, 12),), 20.0
    )
    assert episode.task == "push"


def test_jpeg_rows_of_act_plus_plus(tmp_path):
    """Red comes first again, and padding and depth maps are of no harm."""
    reddish = np.zeros((STEPS, 16, 16, 3), np.uint8)
    reddish[..., 0] = 200
    encoded = []
    for frame in reddish:
        buffer = io.BytesIO()
        Image.fromarray(frame[..., ::-1]).save(buffer, "JPEG", quality=90)  # as OpenCV stores red
        encoded.append(np.frombuffer(buffer.getvalue(), np.uint8))
    longest = max(map(len, encoded)) + 7
    make_act(tmp_path, (0,))
    with h5py.File(tmp_path / "episode_0.hdf5", "a") as file:
        file.attrs["compress"] = True
        del file["observations/images/top"]
        file["observations/images/top"] = np.stack(
            [np.pad(row, (0, longest - len(row))) for row in encoded]
        )
        file["observations/images/top_depth"] = np.zeros((STEPS, 16, 16), np.uint16)
        file["base_action"] = np.zeros((STEPS, 2))
    source = Hdf5Source(act_places(tmp_path), SAID)
    np.testing.assert_allclose(source.read(0).images["top"].astype(int), reddish, atol=6)
    assert source.warnings == [
        "values in rad reach 10: are they in another unit?",
        "camera 'top_depth' is left out: a depth map",
        "base_action is left out: the arms' actions are imported only",
    ]
    with h5py.File(tmp_path / "episode_0.hdf5", "a") as file:
        file["observations/images/top"][3] = 0
    with pytest.raises(
        DatasetError, match="image 3 of '/observations/images/top' cannot be decoded"
    ):
        source.read(0)


def replace(name, values):
    def damage(file):
        del file[name]
        if values is not None:
            file[name] = values

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (replace("action", None), "it has none of action, actions; there is: observations"),
        (replace("observations/qpos", None), "it has none of observations/qpos, "),
        (replace("observations/images", None), "it has no images: expected observations/images"),
        (replace("observations/images/top", None), "it has no camera below observations/images"),
        (replace("action", np.zeros((4, 2))), "it has 5 joint rows but 4 action rows"),
        (replace("action", np.zeros((5, 2), int)), "'action' is int64 of shape .* floating-point"),
        (replace("action", np.zeros(5)), r"'action' is float64 of shape \(5,\)"),
        (replace("action", np.full((5, 2), np.inf)), "actions hold values that are not finite"),
        (replace("observations/images/top", pictures(0)[:3]), "'top' has 3 images for 5 steps"),
        (replace("observations/images/top", pictures(0) / 255), "are float64 of shape .* uint8"),
        (replace("observations/images/top", pictures(0)[..., 0]), "are uint8 of shape"),
    ],
)
def test_a_broken_episode_is_named(tmp_path, damage, message):
    make_act(tmp_path, (0,))
    with h5py.File(tmp_path / "episode_0.hdf5", "a") as file:
        damage(file)
    with pytest.raises(DatasetError, match=message):
        Hdf5Source(act_places(tmp_path), SAID).read(0)


def test_a_truncated_file_is_named(tmp_path):
    source = Hdf5Source(act_places(make_act(tmp_path)), SAID)
    path = tmp_path / "episode_1.hdf5"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DatasetError, match=r"episode_1.hdf5 cannot be read .*truncated"):
        source.read(1)


def test_the_rate_must_be_said(tmp_path):
    source = Hdf5Source(act_places(make_act(tmp_path)), Declared())
    with pytest.raises(DatasetError, match=r"say --rate-hz \(the original ACT recorded at 50\)"):
        source.read(0)
    source = Hdf5Source(act_places(tmp_path), Declared(rate_hz=-1))
    with pytest.raises(DatasetError, match="--rate-hz is -1, expected a positive rate"):
        source.read(0)


def test_names_must_fit(tmp_path):
    places = act_places(make_act(tmp_path))
    with pytest.raises(DatasetError, match="--joint-names has 1 names, the dataset 2 values"):
        Hdf5Source(places, Declared(rate_hz=50, joints=("a",)))


def test_folders_without_episodes(tmp_path, make_episode):
    with pytest.raises(DatasetError, match=r"holds no episode_\*.hdf5"):
        act_places(tmp_path)
    with pytest.raises(DatasetError, match="holds no group demo_0"):
        demo_places(tmp_path)
    write_episode(episode_path(tmp_path, 0), make_episode(0))
    with pytest.raises(DatasetError, match="is a dataset of this project: nothing to import"):
        act_places(tmp_path)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(where=st.floats(0, 1, exclude_max=True), junk=st.binary(max_size=8), cut=st.booleans())
def test_damaged_bytes_are_refused_or_harmless(tmp_path, where, junk, cut):
    """Whatever is overwritten or cut off: a whole episode, or a DatasetError."""
    make_act(tmp_path, (0,))
    path = tmp_path / "episode_0.hdf5"
    content = path.read_bytes()
    at = int(where * len(content))
    path.write_bytes(content[:at] + junk + (b"" if cut else content[at + len(junk) :]))
    try:
        episode = Hdf5Source(act_places(tmp_path), SAID).read(0)
    except DatasetError:
        return
    assert len(episode) == len(episode.images["top"])
