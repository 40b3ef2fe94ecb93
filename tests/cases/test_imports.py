"""Imports: what is said to be imported is what is there, also after the source was edited.

And what a recorder, pandas or a killed process has left in a dataset is read rightly or named.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from act_core.robots.so101 import JOINT_NAMES
from act_training.datasets.episode_file import episode_files, read_episode
from act_training.datasets.errors import DatasetError
from act_training.datasets.lerobot.reader import LerobotSource
from act_training.datasets.source import Declared
from act_training.import_dataset import ImportOptions, import_dataset

from tests.cases.foreign_datasets import (
    FRONT,
    RATE_HZ,
    TASK,
    arm_degrees,
    camera,
    make_dataset,
    picture,
    targets,
    vectors,
    write_video,
)
from tests.training.lerobot_folders import edit_info, edit_table

DEGREES = Declared(units="degrees")
V21_ROWS = "data/chunk-000/episode_{:06d}.parquet"
V30_ROWS = "data/chunk-000/file-000.parquet"
V30_EPISODES = "meta/episodes/chunk-000/file-000.parquet"


def run(source: Path, out: Path, **said):
    return import_dataset(ImportOptions("auto", str(source), out=out, units="degrees", **said))


def shown(out: Path) -> list[int]:
    """Which episode of `make_dataset` each imported file shows, by its pictures."""
    files = episode_files(out)
    return [round((read_episode(f).images["front"][0, 0, 0, 1] - 30) / 60) for f in files]


def delete_episode(folder: Path, deleted: int, episodes: int) -> None:
    """As LeRobot's tools do it in v2.1: the later ones move up and are renumbered."""
    (folder / V21_ROWS.format(deleted)).unlink()
    lines = [json.loads(x) for x in (folder / "meta/episodes.jsonl").read_text().splitlines()]
    del lines[deleted]
    for episode in range(deleted, episodes - 1):
        path = folder / V21_ROWS.format(episode)
        os.rename(folder / V21_ROWS.format(episode + 1), path)
        rows = pq.read_table(path)
        edit_table(path, "episode_index", pa.array([episode] * len(rows)))
        lines[episode]["episode_index"] = episode
    (folder / "meta/episodes.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    edit_info(folder, lambda info: info.update(total_episodes=episodes - 1, total_frames=None))


def test_the_same_import_again_after_an_episode_was_deleted(tmp_path, caplog):
    caplog.set_level("INFO")
    source, out = make_dataset(tmp_path / "d", lengths=(5, 5, 5, 5)), tmp_path / "out"
    assert (run(source, out).imported, shown(out)) == (4, [0, 1, 2, 3])
    times = [path.stat().st_mtime_ns for path in episode_files(out)]
    delete_episode(source, 1, 4)
    record = run(source, out)
    assert (record.imported, record.kept, shown(out)) == (3, 1, [0, 2, 3])
    assert episode_files(out)[0].stat().st_mtime_ns == times[0]  # it was not touched
    assert sorted(record.aside) == [f"set_aside/episode_{e:06d}.hdf5.1" for e in (1, 2, 3)]
    assert "3 of 3 episodes imported" in caplog.text
    assert "3 files that were changed in the source, or are no longer in it, were" in caplog.text
    aside = out / "set_aside/episode_000001.hdf5.1"
    assert round((read_episode(aside).images["front"][0, 0, 0, 1] - 30) / 60) == 1  # not lost
    again = run(source, out)
    assert (again.kept, again.aside) == (3, ())


def test_the_last_episode_deleted(tmp_path):
    source, out = make_dataset(tmp_path / "d", lengths=(5, 5, 5)), tmp_path / "out"
    run(source, out)
    delete_episode(source, 2, 3)
    assert (run(source, out).kept, shown(out)) == (2, [0, 1])


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
@pytest.mark.parametrize("what", ["values", "pictures", "task", "videos"])
def test_an_episode_that_was_changed_in_place_is_replaced(tmp_path, version, what):
    """Same number, same length: only the content tells."""
    kind = {"dtype": "video"} if what == "videos" else {}
    cameras = {FRONT: camera(**kind)}
    source = make_dataset(tmp_path / "d", version, lengths=(5, 5), cameras=cameras)
    out = tmp_path / "out"
    run(source, out)
    before = read_episode(episode_files(out)[1])
    shutil.rmtree(source)
    make_dataset(source, version, lengths=(5, 5), cameras=cameras)
    assert run(source, out).kept == 2  # written anew alike
    shutil.rmtree(source)
    if what == "values":

        def moved(episode, steps):
            return arm_degrees(episode, steps) + (0.25 if episode == 1 else 0)

        make_dataset(source, version, lengths=(5, 5), state=moved, cameras=cameras)
    else:
        make_dataset(source, version, lengths=(5, 5), cameras=cameras)
        change_content(source, version, what)
    record = run(source, out)
    assert record.imported == 2
    assert record.kept == (0 if (version, what) == ("v3.0", "videos") else 1)  # one file of frames
    after = read_episode(episode_files(out)[1])
    if what == "values":
        assert np.abs(after.joints - before.joints).max() > 0.004
    elif what == "task":
        assert (before.task, after.task) == (TASK, "throw the cube")
    else:
        assert (after.images["front"] != before.images["front"]).any()


def change_content(folder: Path, version: str, what: str) -> None:
    rows = folder / (V30_ROWS if version == "v3.0" else V21_ROWS.format(1))
    if what == "task" and version == "v3.0":
        tasks = pa.array([[TASK], ["throw the cube"]])
        edit_table(folder / V30_EPISODES, "tasks", tasks)
    elif what == "task":
        path = folder / "meta/episodes.jsonl"
        first, second = path.read_text().splitlines()
        path.write_text(f"{first}\n{second.replace(TASK, 'throw the cube')}\n")
    elif what == "pictures":
        cells = pq.read_table(rows)[FRONT].to_pylist()
        cells[-1] = cells[-2]
        edit_table(rows, FRONT, pa.array(cells))
    else:
        last = sorted(folder.glob("videos/**/*.mp4"))[-1]
        count = 10 if version == "v3.0" else 5
        write_video(last, [picture(3, i) for i in range(count)])


def test_an_episode_that_can_no_longer_be_read_does_not_stay(tmp_path):
    source, out = make_dataset(tmp_path / "d", lengths=(5, 5)), tmp_path / "out"
    run(source, out)
    (source / V21_ROWS.format(1)).write_bytes(b"PAR1")
    record = run(source, out)
    assert (record.imported, shown(out)) == (1, [0])
    assert record.aside == ("set_aside/episode_000001.hdf5.1",)


def test_another_dataset_of_the_same_name_is_another_one(tmp_path):
    out = tmp_path / "out"
    run(make_dataset(tmp_path / "a/pick", lengths=(5, 5)), out)
    (tmp_path / "b").mkdir()
    other = make_dataset(tmp_path / "b/pick", lengths=(7, 7))
    with pytest.raises(DatasetError, match="another dataset of this name"):
        run(other, out)
    assert shown(out) == [0, 1]


def test_hdf5_that_was_edited(tmp_path):
    path = tmp_path / "demos.hdf5"
    for lift in (0.0, 1.0):
        with h5py.File(path, "w") as file:
            for e in range(2):
                write_demo(file.create_group(f"demo_{e}"), e, lift * e)
        record = import_dataset(
            ImportOptions("demos", str(path), out=tmp_path / "out", rate_hz=10.0, units="rad")
        )
    assert (record.imported, record.kept) == (2, 1)


def write_demo(group: h5py.Group, episode: int, lift: float = 0.0) -> None:
    group["images/front"] = np.stack([picture(episode, i) for i in range(5)])
    group["joints"] = np.full((5, 3), episode + lift)
    group["actions"] = np.full((5, 3), episode + lift + 0.1)


def test_collections_that_miscount(tmp_path, caplog):
    """The recorder was killed: num_demos says five."""
    path = tmp_path / "demos.hdf5"
    with h5py.File(path, "w") as file:
        file.attrs["num_demos"] = 5
        for e in range(2):
            write_demo(file.create_group(f"demo_{e}"), e)
    import_dataset(ImportOptions("demos", str(path), out=tmp_path / "out", rate_hz=10, units="rad"))
    told = "warning: demos.hdf5 says that it has 5 demonstrations, there are 2"
    assert caplog.messages[-1] == told


# What others do to tables, and what is read all the same.


def float_places(folder):
    path = folder / V30_EPISODES
    for column in ("data/chunk_index", "data/file_index", "length", "episode_index"):
        values = pq.read_table(path)[column]
        edit_table(path, column, pc.cast(values, pa.float64()))


def float_rows(folder):
    path = folder / V30_ROWS
    for column in ("episode_index", "frame_index", "task_index"):
        edit_table(path, column, pc.cast(pq.read_table(path)[column], pa.float64()))


def large_lists(folder):
    for column in ("action", "observation.state"):
        path = folder / V30_ROWS
        values = pq.read_table(path)[column].to_pylist()
        edit_table(path, column, pa.array(values, pa.large_list(pa.float64())))


def plain_lists(folder):
    for column in ("action", "observation.state"):
        path = folder / V30_ROWS
        values = pq.read_table(path)[column].to_pylist()
        edit_table(path, column, pa.array(values, pa.list_(pa.float32())))


def lists_of_one(folder):
    for column in ("timestamp", "frame_index", "episode_index", "task_index"):
        path = folder / V30_ROWS
        values = [[v] for v in pq.read_table(path)[column].to_pylist()]
        edit_table(path, column, pa.array(values))


def task_texts_in_the_other_file(folder):
    path = folder / V30_EPISODES
    pq.write_table(pq.read_table(path).drop_columns(["tasks"]), path)


def task_texts_as_an_index(folder):
    task_texts_in_the_other_file(folder)
    path = folder / "meta/tasks.parquet"
    pq.write_table(pa.table({"task_index": [0], "__index_level_0__": [TASK]}), path)


def task_texts_in_json(folder):
    task_texts_in_the_other_file(folder)
    (folder / "meta/tasks.parquet").unlink()
    (folder / "meta/tasks.jsonl").write_text(json.dumps({"task_index": 0, "task": TASK}) + "\n")


def a_task_that_is_no_list(folder):
    edit_table(folder / V30_EPISODES, "tasks", pa.array([TASK, TASK]))


def the_order_of_the_rows_of_the_table(folder):
    path = folder / V30_EPISODES
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table.slice(1, 1), table.slice(0, 1)]), path)


def hardware_stamps(folder):
    path = folder / V30_ROWS
    seconds = pq.read_table(path)["timestamp"].to_numpy() + 0.004
    edit_table(path, "timestamp", pa.array(seconds.astype(np.float32)))


READ = (
    float_places, float_rows, large_lists, plain_lists, lists_of_one, task_texts_in_the_other_file,
    task_texts_as_an_index, task_texts_in_json, a_task_that_is_no_list,
    the_order_of_the_rows_of_the_table, hardware_stamps,
)  # fmt: skip


@pytest.mark.parametrize("change", READ)
def test_what_is_written_another_way_is_read_the_same(tmp_path, change):
    plain = LerobotSource(make_dataset(tmp_path / "plain", "v3.0"), DEGREES)
    changed = make_dataset(tmp_path / "changed", "v3.0")
    change(changed)
    source = LerobotSource(changed, DEGREES)
    assert source.warnings == []
    for position in range(2):
        before, after = plain.read(position), source.read(position)
        np.testing.assert_array_equal(after.joints, before.joints)
        np.testing.assert_array_equal(after.actions, before.actions)
        np.testing.assert_array_equal(after.images["front"], before.images["front"])
        assert (after.task, after.seed) == (before.task, before.seed)
        offset = after.stamps_ns - before.stamps_ns
        assert set(np.rint(offset / 1e6)) == {4.0 if change is hardware_stamps else 0.0}


def test_whole_numbers_are_read_as_they_are(tmp_path):
    folder = make_dataset(
        tmp_path / "d", as_column=lambda rows: pa.array(
            [list(map(int, row)) for row in rows], pa.list_(pa.int64())
        ),
    )  # fmt: skip
    edit_info(folder, lambda i: i["features"]["action"].update(dtype="int64"))
    episode = LerobotSource(folder, Declared(units="degrees")).read(0)
    degrees = LerobotSource(
        make_dataset(
            tmp_path / "e", state=lambda e, n: np.trunc(arm_degrees(e, n)),
            action=lambda e, n: np.trunc(targets(e, n)),
        ), DEGREES,
    ).read(0)  # fmt: skip
    np.testing.assert_array_equal(episode.actions, degrees.actions)
    np.testing.assert_array_equal(episode.joints, degrees.joints)


def test_rows_of_the_table_that_are_there_twice_count_once(tmp_path):
    folder = make_dataset(tmp_path / "d", "v3.0")
    path = folder / V30_EPISODES
    table = pq.read_table(path)
    pq.write_table(table.slice(1, 1), path.with_name("file-001.parquet"))
    source = LerobotSource(folder, DEGREES)
    assert source.names == ["episode 0", "episode 1"]
    told = "the table of episodes has rows twice, read once: episode 1"
    assert source.warnings == [told]
    edit_table(path.with_name("file-001.parquet"), "length", pa.array([4]))
    with pytest.raises(DatasetError, match="has two rows for it, which differ"):
        LerobotSource(folder, DEGREES).read(1)


def test_stale_file_indices_are_named(tmp_path):
    """The rows are found in another file; frames that two episodes claim are nobody's."""
    folder = make_dataset(tmp_path / "d", "v3.0", cameras={FRONT: camera(dtype="video")})
    rows = pq.read_table(folder / V30_ROWS)
    pq.write_table(rows.slice(5), folder / "data/chunk-000/file-001.parquet")
    pq.write_table(rows.slice(0, 5), folder / V30_ROWS)
    source = LerobotSource(folder, DEGREES)
    np.testing.assert_allclose(
        source.read(1).images["front"][:, 0, 0, 0], [40 + 20 * i for i in range(6)], atol=2
    )
    assert "episode 1 is in file-001.parquet, not in file-000.parquet" in source.warnings[0]
    span = pa.array([0.0, 0.1])
    edit_table(folder / V30_EPISODES, f"videos/{FRONT}/from_timestamp", span)
    edit_table(folder / V30_EPISODES, f"videos/{FRONT}/to_timestamp", pa.array([0.5, 0.7]))
    for position in (0, 1):
        with pytest.raises(DatasetError, match="its file indices are stale"):
            LerobotSource(folder, DEGREES).read(position)


def test_counts_that_disagree_are_told(tmp_path):
    folder = make_dataset(tmp_path / "d", info={"total_episodes": 3})
    assert LerobotSource(folder, DEGREES).warnings == [
        "meta/info.json counts 3 episodes, its tables 2"
    ]
    folder = make_dataset(tmp_path / "e", info={"total_frames": 99})
    assert LerobotSource(folder, DEGREES).warnings == [
        "meta/info.json counts 99 frames, its tables 11"
    ]


SHAPES = {
    "channel": camera(names=["channel", "height", "width"], shape=[3, 16, 32]),
    "channels": camera(names=["channels", "height", "width"], shape=[3, 16, 32]),
    "rgb": camera(names=["rgb", "height", "width"], shape=[3, 16, 32]),
    "c": camera(names=["c", "h", "w"], shape=[3, 16, 32]),
    "rgb last": camera(names=["height", "width", "rgb"]),
    "no names": camera(names=None),
    "no names, colours first": camera(names=None, shape=[3, 16, 32]),
    "wrong names": camera(names=["height", "width", "channels"], shape=[3, 16, 32]),
    "names by place": camera(names={"height": 0, "width": 1, "channels": 2}),
}


@pytest.mark.parametrize("form", SHAPES)
def test_colour_cameras_are_known_by_their_shape(tmp_path, form):
    source = LerobotSource(make_dataset(tmp_path / "d", cameras={FRONT: SHAPES[form]}), DEGREES)
    np.testing.assert_array_equal(source.read(1).images["front"][4], picture(1, 4))
    assert source.warnings == []


LOST = {
    "depth": camera(names=["channel", "height", "width"], shape=[1, 16, 32]),
    "depth in colours": camera(info={"video.is_depth_map": True}),
    "flat": camera(names=["height", "width"], shape=[16, 32]),
    "four": camera(shape=[16, 32, 4]),
}


@pytest.mark.parametrize("case", LOST)
def test_a_camera_that_is_lost_is_in_the_last_line(tmp_path, caplog, case):
    cameras = {FRONT: camera(), "observation.images.other": LOST[case]}
    run(make_dataset(tmp_path / "d", cameras=cameras), tmp_path / "out")
    assert caplog.messages[-1].startswith("warning: camera 'observation.images.other' is left out")


def test_camera_names_that_no_topic_can_have(tmp_path):
    cameras = {
        "observation.images.cam.left-wrist": camera(),
        "observation.images.top view": camera(),
        "observation.images.rgb/front": camera(),
        "observation.images.2": camera(),
        "observation.image": camera(),
    }
    source = LerobotSource(make_dataset(tmp_path / "d", cameras=cameras), DEGREES)
    assert source.features.camera_names == (
        "cam_left_wrist", "top_view", "rgb_front", "camera_2", "image",
    )  # fmt: skip
    assert "camera 'observation.images.top view' is called top_view here" in source.notes
    twins = {"observation.images.a.b": camera(), "observation.images.a_b": camera()}
    with pytest.raises(DatasetError, match="would both be 'a_b' as a topic: rename one"):
        LerobotSource(make_dataset(tmp_path / "e", cameras=twins), DEGREES)
    with pytest.raises(DatasetError, match="has no name that a topic can have"):
        LerobotSource(
            make_dataset(tmp_path / "f", cameras={"observation.images.前": camera()}), DEGREES
        )


def test_pictures_beside_the_tables(tmp_path):
    """LeRobot names the last part of a path only, and keeps the folder to itself."""
    folder = make_dataset(tmp_path / "d")
    for episode in range(2):
        path = folder / V21_ROWS.format(episode)
        cells = pq.read_table(path)[FRONT].to_pylist()
        place = folder / f"images/{FRONT}/episode_{episode:06d}"
        place.mkdir(parents=True)
        for cell in cells:
            (place / cell["path"]).write_bytes(cell["bytes"])
        edit_table(path, FRONT, pa.array([{"bytes": None, "path": c["path"]} for c in cells]))
    np.testing.assert_array_equal(
        LerobotSource(folder, DEGREES).read(1).images["front"][5], picture(1, 5)
    )
    (place / "frame_000002.png").unlink()
    with pytest.raises(DatasetError, match=r"image 2 of .* is in no file: there is no .*000002"):
        LerobotSource(folder, DEGREES).read(1)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:77\nsize 206699736\n"


@pytest.mark.parametrize(
    "name", ["meta/info.json", "meta/episodes.jsonl", V21_ROWS.format(1), "video", "demos.hdf5"]
)
def test_pointers_of_git_lfs_are_named(tmp_path, name):
    folder = make_dataset(tmp_path / "d", cameras={FRONT: camera(dtype="video")})
    if name == "video":
        name = f"videos/chunk-000/{FRONT}/episode_000001.mp4"
    (folder / name).write_text(POINTER)
    remedy = r"is a pointer of Git LFS, not the file: run `git lfs pull`"
    if name == "demos.hdf5":
        options = ImportOptions("demos", str(folder / name), out=tmp_path / "out")
        with pytest.raises(DatasetError, match=remedy):
            import_dataset(options)
        return
    with pytest.raises(DatasetError, match=remedy):
        LerobotSource(folder, DEGREES).read(1)


def test_an_empty_file_is_named(tmp_path):
    folder = make_dataset(tmp_path / "d")
    (folder / "meta/info.json").write_text("")
    with pytest.raises(DatasetError, match=r"info.json is empty: copy or download it again"):
        LerobotSource(folder, DEGREES)


# HDF5, the layouts of the project's origin among them.


def demonstration(group, form: str) -> None:
    frames = np.stack([picture(0, i) for i in range(5)])
    joints, actions = arm_degrees(0, 5), targets(0, 5)
    if form == "observations/image":
        group["observations/image"], group["observations/qpos"] = frames, joints
        group["actions"] = actions
    elif form == "images and joints":
        group["images/camera"], group["joints"], group["actions"] = frames, joints, actions
    elif form == "the original's":
        group["observations/images/camera"] = frames
        group["observations/qpos"], group["action"] = joints, actions
    else:
        group["images"], group["joint_positions"], group["action"] = frames, joints, actions


FORMS = ("observations/image", "images and joints", "the original's", "flat")


@pytest.mark.parametrize("place", ["demo_0", "data/demo_0", "demo0"])
@pytest.mark.parametrize("form", FORMS)
def test_demonstrations_are_read_as_documented(tmp_path, caplog, form, place):
    path = tmp_path / "demos.hdf5"
    with h5py.File(path, "w") as file:
        file.attrs["num_demos"] = 1
        demonstration(file.create_group(place), form)
    options = ImportOptions(
        "demos", str(path), out=tmp_path / "out", rate_hz=RATE_HZ, units="degrees",
        joint_names=JOINT_NAMES,
    )  # fmt: skip
    import_dataset(options)
    episode = read_episode(episode_files(tmp_path / "out")[0])
    plain = LerobotSource(make_dataset(tmp_path / "d"), DEGREES).read(0)
    np.testing.assert_array_equal(episode.joints, plain.joints)
    np.testing.assert_array_equal(episode.actions, plain.actions)
    np.testing.assert_array_equal(episode.images["camera"][4], picture(0, 4))
    assert not any(message.startswith("warning") for message in caplog.messages)


@pytest.mark.parametrize("images", ["obs/agentview_image", "images/agentview"])
def test_simulator_states_are_no_joints(tmp_path, images):
    path = tmp_path / "image.hdf5"
    with h5py.File(path, "w") as file:
        group = file.create_group("data/demo_0")
        group[images] = np.stack([picture(0, i) for i in range(5)])
        group["obs/robot0_joint_pos"] = np.zeros((5, 7))
        group["actions"], group["states"] = np.zeros((5, 7)), np.zeros((5, 20))
    options = ImportOptions("demos", str(path), out=tmp_path / "out", rate_hz=20.0)
    with pytest.raises(DatasetError, match=r"has the layout of robomimic .*no targets of joints"):
        import_dataset(options)


def test_vectors_helper_is_the_plain_form():
    assert vectors(np.zeros((2, 3))).type == pa.list_(pa.float32(), 3)
