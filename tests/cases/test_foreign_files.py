"""Files of strangers: they stay in their folder, and any content gives a value or a DatasetError.

Sizes are bounded before anything is allocated: the last test runs the worst of them with little
memory.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from act_training.datasets.episode_file import episode_path, read_episode, write_episode
from act_training.datasets.errors import DatasetError
from act_training.datasets.foreign import fill_template, inside, topic_name
from act_training.datasets.hdf5_source import Hdf5Source, demo_places
from act_training.datasets.lerobot.reader import LerobotSource
from act_training.datasets.source import Declared
from act_training.export_lerobot import ExportLerobotOptions, export_lerobot
from act_training.import_checkpoint import describe
from act_training.import_dataset import ImportOptions, import_dataset
from act_training.lerobot_checkpoint import find_checkpoint, read_checkpoint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.cases.foreign_datasets import (
    FRONT,
    arm_degrees,
    camera,
    make_dataset,
    own_episode,
    picture,
    targets,
)
from tests.exploring import EXPLORING
from tests.training.lerobot_checkpoints import write_checkpoint
from tests.training.lerobot_folders import edit_info, edit_table

DEGREES = Declared(units="degrees", rate_hz=None)
ROOT = Path(__file__).resolve().parents[2]
FUZZ = settings(
    max_examples=400 if EXPLORING else 60, deadline=None, suppress_health_check=list(HealthCheck)
)


def read_all(source) -> None:
    """Every episode, whole or refused."""
    for position in range(len(source.names)):
        for read in (source.fingerprint, source.read):
            try:
                read(position)
            except DatasetError:
                continue


# Paths.


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
@pytest.mark.parametrize("what", ["data_path", "video_path"])
@pytest.mark.parametrize(
    "path", ["../{}", "data/../../{}", "/etc/{}", "~/{}", "..\\{}", "data/x\0{}", ""]
)
def test_paths_that_lead_out_are_refused_by_name(tmp_path, version, what, path):
    folder = make_dataset(tmp_path / "d", version, cameras={FRONT: camera(dtype="video")})
    edit_info(folder, lambda info: info.update({what: path.format("secret.parquet")}))
    with pytest.raises(DatasetError, match=f"{what} is '"):
        LerobotSource(folder, DEGREES)


TEMPLATES = [
    "{episode_index:99999999d}", "{episode_index.__class__}", "{video_key[0]}", "{0}", "{}",
    "{unknown}", "{episode_index!r}", "{episode_index:>{episode_index}}", "{{episode_index}",
    "{episode_index:x}", "{video_key:9999999}", "a" * 5000, 7, None, ["x"],
]  # fmt: skip


@pytest.mark.parametrize("template", TEMPLATES)
def test_templates_can_ask_for_numbers_only(template):
    with pytest.raises(DatasetError, match="data_path"):
        fill_template("data_path", template, {"episode_index": 7, "video_key": "v"})


def test_templates_of_every_version():
    values = {"episode_index": 7, "chunk_index": 12, "video_key": "observation.images.front"}
    path = fill_template("p", "v/{video_key}/c-{chunk_index:03d}/{episode_index:06d}.mp4", values)
    assert path == "v/observation.images.front/c-012/000007.mp4"
    assert fill_template("p", "{episode_index}", values) == "7"


def test_links_out_of_the_folder_are_refused(tmp_path):
    folder = make_dataset(tmp_path / "d")
    outside = tmp_path / "outside.parquet"
    (folder / "data/chunk-000/episode_000001.parquet").rename(outside)
    (folder / "data/chunk-000/episode_000001.parquet").symlink_to(outside)
    with pytest.raises(DatasetError, match=r"data_path is 'data/.*, a link out of the dataset's"):
        LerobotSource(folder, DEGREES)
    (folder / "data").rename(tmp_path / "elsewhere")
    (folder / "data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match="a link out of the dataset's folder"):
        LerobotSource(folder, DEGREES)
    (tmp_path / "link").symlink_to(make_dataset(tmp_path / "e"))
    assert len(LerobotSource(tmp_path / "link", DEGREES).names) == 2  # it was named by a person


def test_a_snapshot_of_the_hub_links_to_its_blobs(tmp_path):
    """huggingface_hub's cache: snapshots/REVISION/meta/info.json -> ../../../blobs/DIGEST."""
    cache = tmp_path / "datasets--me--pick"
    folder = make_dataset(cache / "snapshots/0123")
    (cache / "blobs").mkdir()
    for number, path in enumerate(p for p in sorted(folder.rglob("*")) if p.is_file()):
        path.rename(cache / f"blobs/{number}")
        path.symlink_to(cache / f"blobs/{number}")
    assert LerobotSource(folder, DEGREES).read(1).task.startswith("put")


@pytest.mark.parametrize("path", ["../x.png", "/etc/passwd", "a/../../x.png"])
def test_pictures_outside_are_refused(tmp_path, path):
    folder = make_dataset(tmp_path / "d")
    rows = folder / "data/chunk-000/episode_000000.parquet"
    edit_table(rows, FRONT, pa.array([{"bytes": None, "path": path}] * 5))
    with pytest.raises(DatasetError, match="image 0 of .*leads out of the dataset's folder"):
        LerobotSource(folder, DEGREES).read(0)


def test_a_file_of_a_pipeline_stays_in_its_folder(tmp_path):
    folder = write_checkpoint(tmp_path / "c")
    path = folder / "policy_preprocessor.json"
    path.write_text(path.read_text().replace("inputs.safetensors", "../../inputs.safetensors"))
    with pytest.raises(DatasetError, match="state_file is '../../inputs.safetensors', which leads"):
        read_checkpoint(folder)


@given(st.text(max_size=40))
def test_any_path_is_inside_or_refused(tmp_path_factory, path):
    folder = tmp_path_factory.getbasetemp()
    try:
        found = inside(folder, path, "it")
    except DatasetError:
        return
    assert found.resolve().is_relative_to(folder.resolve())


@given(st.text(min_size=1, max_size=40))
def test_any_camera_name_becomes_a_topics_or_is_refused(name):
    try:
        cleaned = topic_name(name)
    except DatasetError:
        return
    assert cleaned.isascii()
    assert cleaned.isidentifier()
    assert "__" not in cleaned
    assert topic_name(cleaned) == cleaned


# Pictures and videos that are something else.


def test_other_formats_are_no_pictures(tmp_path):
    """EPS would start Ghostscript; a depth map of 16 bits would become white."""
    folder = make_dataset(tmp_path / "d")
    rows = folder / "data/chunk-000/episode_000000.parquet"
    deep, bomb = io.BytesIO(), io.BytesIO()
    Image.fromarray(np.full((16, 32), 5000, np.uint16)).save(deep, "PNG")
    Image.fromarray(np.zeros((3000, 3000), np.uint8)).save(bomb, "PNG")
    for content, message in (
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 16\n", "cannot be decoded"),
        (deep.getvalue(), "pixels of the kind I;16"),
        (bomb.getvalue(), "is 3000x3000, expected 32x16"),
    ):
        edit_table(rows, FRONT, pa.array([{"bytes": content, "path": "x"}] * 5))
        with pytest.raises(DatasetError, match=message):
            LerobotSource(folder, DEGREES).read(0)


def test_a_playlist_is_no_video(tmp_path):
    """libav would follow it to other files and to the network."""
    folder = make_dataset(tmp_path / "d", cameras={FRONT: camera(dtype="video")})
    video = folder / f"videos/chunk-000/{FRONT}/episode_000000.mp4"
    other = tmp_path / "other.mp4"
    video.rename(other)
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{other}'\n",
    ):
        video.write_text(text)
        with pytest.raises(DatasetError, match="cannot be decoded"):
            LerobotSource(folder, DEGREES).read(0)


# HDF5.


def make_demos(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        group = file.create_group("demo_0")
        group["images/front"] = np.stack([picture(0, i) for i in range(5)])
        group["joints"], group["actions"] = arm_degrees(0, 5), targets(0, 5)
        file.attrs["fps"] = 10
    return path


def replace(file: h5py.File, name: str) -> h5py.Group:
    del file[f"demo_0/{name}"]
    return file["demo_0"]


def external_link(file, other):
    replace(file, "joints")["joints"] = h5py.ExternalLink(str(other), "/demo_0/joints")


def external_group(file, other):
    replace(file, "images")["images"] = h5py.ExternalLink(str(other), "/demo_0/images")


def soft_link(file, other):
    replace(file, "joints")["joints"] = h5py.SoftLink("/demo_0/actions")


def external_storage(file, other):
    raw = [(str(other), 0, h5py.h5f.UNLIMITED)]
    replace(file, "joints").create_dataset("joints", (5, 6), np.float64, external=raw)


def virtual(file, other):
    layout = h5py.VirtualLayout((5, 6), np.float64)
    layout[:] = h5py.VirtualSource(str(other), "demo_0/joints", (5, 6))
    replace(file, "joints").create_virtual_dataset("joints", layout)


def camera_elsewhere(file, other):
    group = replace(file, "images/front")
    group["images/front"] = h5py.ExternalLink(str(other), "/demo_0/images/front")


@pytest.mark.parametrize(
    "change",
    [external_link, external_group, soft_link, external_storage, virtual, camera_elsewhere],
)
def test_hdf5_out_of_other_files_is_refused(tmp_path, change):
    other, path = make_demos(tmp_path / "other.h5"), make_demos(tmp_path / "demos.h5")
    with h5py.File(path, "a") as file:
        change(file, other)
    source = Hdf5Source(demo_places(path), Declared(units="rad"))
    with pytest.raises(DatasetError, match=r"It is not read|is a link"):
        source.read(0)
    with pytest.raises(DatasetError):
        source.fingerprint(0)


def never_written(file):
    group = replace(file, "images/front")
    group.create_dataset("images/front", (5, 16, 32, 3), np.uint8, chunks=(1, 16, 32, 3))
    group["images/front"][0] = 7


def a_petabyte(file):
    group = replace(file, "joints")
    group.create_dataset("joints", (10**9, 10**3), np.float64, chunks=(1000, 100))


def huge_images(file):
    group = replace(file, "images/front")
    group.create_dataset("images/front", (5, 60_000, 60_000, 3), np.uint8, chunks=(1, 64, 64, 3))


@pytest.mark.parametrize("change", [never_written, a_petabyte, huge_images])
def test_what_was_never_written_is_no_data(tmp_path, change):
    """HDF5 gives zeros for it: black pictures, joints at zero."""
    path = make_demos(tmp_path / "demos.h5")
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(
        DatasetError, match=r"was not written to the end|shape \(1000000000, 1000\)|GB of memory"
    ):
        Hdf5Source(demo_places(path), Declared(units="rad")).read(0)


TYPES = st.sampled_from(
    ["f2", "f4", "f8", "i1", "i8", "u1", "u2", "?", "S5", "V3", "c16", "text", "enum", "compound",
     "ragged", "reference", "empty", "scalar", "group"]
)  # fmt: skip


def put(group: h5py.Group, name: str, kind: str, shape: tuple[int, ...]) -> None:
    if kind == "empty":
        group.create_dataset(name, data=h5py.Empty("f8"))
    elif kind == "scalar":
        group.create_dataset(name, data=1.5)
    elif kind == "group":
        group.create_group(name)
    else:
        dtype = {
            "text": h5py.string_dtype(),
            "enum": h5py.enum_dtype({"a": 0, "b": 1}),
            "compound": np.dtype([("a", "f4"), ("b", "i4")]),
            "ragged": h5py.vlen_dtype(np.uint8),
            "reference": h5py.ref_dtype,
        }.get(kind, kind)
        group.create_dataset(name, shape, dtype)


@FUZZ
@given(
    name=st.sampled_from(["joints", "actions", "images/front", "images", "state", "qvel", "obs"]),
    kind=TYPES,
    shape=st.lists(st.integers(0, 6), max_size=5).map(tuple),
    attribute=st.one_of(st.floats(), st.text("ab\0", max_size=3), st.integers(-5, 2**63 - 1)),
    attributed=st.sampled_from(["fps", "rate_hz", "success", "sim", "num_demos", "joint_names"]),
)
def test_any_hdf5_is_read_or_refused(tmp_path_factory, name, kind, shape, attribute, attributed):
    path = make_demos(tmp_path_factory.getbasetemp() / "any.h5")
    with h5py.File(path, "a") as file:
        if name in file["demo_0"]:
            del file["demo_0"][name]
        put(file["demo_0"], name, kind, shape)
        file.attrs[attributed] = (
            attribute.replace("\0", "") if isinstance(attribute, str) else (attribute)
        )
    try:
        source = Hdf5Source(demo_places(path), Declared(units="rad"))
    except DatasetError:
        return
    read_all(source)


def test_an_episode_of_this_project_may_be_a_strangers_too(tmp_path):
    """From the hub: links, other types and black pictures are refused there as well."""
    path = episode_path(tmp_path, 0)
    write_episode(path, own_episode())
    whole = path.read_bytes()

    def linked(file):
        del file["action"]
        file["action"] = h5py.ExternalLink("other.h5", "/action")

    def floats(file):
        shape = file["observations/images/front"].shape
        del file["observations/images/front"]
        file["observations/images/front"] = np.zeros(shape)

    def black(file):
        images = file["observations/images/front"]
        shape, chunks = images.shape, images.chunks
        del file["observations/images/front"]
        file.create_dataset("observations/images/front", shape, np.uint8, chunks=chunks)

    def text(file):
        file.attrs["rate_hz"] = "fast"

    def names(file):
        file.attrs["camera_names"] = 7

    for change in (linked, floats, black, text, names):
        path.write_bytes(whole)
        with h5py.File(path, "a") as file:
            change(file)
        with pytest.raises(DatasetError, match="episode_000000.hdf5"):
            read_episode(path)


# JSON and parquet.

NASTY = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**40), 10**40), st.floats(), st.text(max_size=20),
    st.sampled_from([1e30, -1, 10**400, "..", "/", "{x:9999999d}", "\0", [[]], {}, {"a": 1}]),
    st.lists(st.integers(-3, 10**12), max_size=4),
)  # fmt: skip


def places(content: Any, at: tuple = ()) -> list[tuple]:
    """Every place in a JSON value, as the keys that lead there."""
    found = [at]
    if isinstance(content, dict):
        found += [p for key, value in content.items() for p in places(value, (*at, key))]
    elif isinstance(content, list):
        found += [p for i, value in enumerate(content) for p in places(value, (*at, i))]
    return found


def changed(content: Any, at: tuple, value: Any) -> Any:
    if not at:
        return value
    copy = content.copy()
    copy[at[0]] = changed(content[at[0]], at[1:], value)
    return copy


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("made")
    videos = {FRONT: camera(dtype="video"), "observation.images.top": camera()}
    return {
        version: make_dataset(folder / version, version, cameras=videos)
        for version in ("v2.1", "v3.0")
    }


@FUZZ
@given(data=st.data())
def test_any_value_in_json_is_read_or_refused(made, data):
    version = data.draw(st.sampled_from(sorted(made)))
    names = ["meta/info.json", *(["meta/episodes.jsonl"] if version == "v2.1" else [])]
    path = made[version] / data.draw(st.sampled_from(names))
    before = path.read_text()
    lines = [json.loads(line) for line in before.splitlines()]
    at = data.draw(st.sampled_from(places(lines)[1:]))
    lines = changed(lines, at, data.draw(NASTY))
    try:
        path.write_text("\n".join(map(json.dumps, lines)))
        read_all(LerobotSource(made[version], DEGREES))
    except DatasetError:
        return
    finally:
        path.write_text(before)


COLUMNS = [
    pa.array([float("nan"), 1.0]), pa.array([1e30, -1.0]), pa.array(["a", "b"]),
    pa.array([None, 1]), pa.array([[1], [2, 3]]), pa.array([2**62, -(2**62)]),
    pa.array([{"a": 1}, {"a": 2}]), pa.array([b"\xff", b""]), pa.array([True, False]),
]  # fmt: skip


@FUZZ
@given(data=st.data())
def test_any_column_of_a_table_is_read_or_refused(made, data):
    folder = made["v3.0"]
    names = ("meta/episodes/chunk-000/file-000.parquet", "data/chunk-000/file-000.parquet")
    path = folder / data.draw(st.sampled_from((*names, "meta/tasks.parquet")))
    before = path.read_bytes()
    table = pq.read_table(path)
    column = data.draw(st.sampled_from(table.column_names))
    values = data.draw(st.sampled_from(COLUMNS))
    repeats = -(-len(table) // 2)
    values = pa.concat_arrays([values] * repeats).slice(0, len(table))
    try:
        edit_table(path, column, values)
        read_all(LerobotSource(folder, DEGREES))
    except DatasetError:
        return
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 50_000, "1" * 10_000, '"\\ud800"', "\ufeff{}", "[]", "NaN"]
)
@pytest.mark.parametrize("name", ["meta/info.json", "meta/act_episodes.json"])
def test_json_that_is_none_of_ours(tmp_path, name, text):
    folder = make_dataset(tmp_path / "d")
    (folder / name).write_text(text)
    with pytest.raises(DatasetError, match=Path(name).name):
        LerobotSource(folder, DEGREES)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "c")


@settings(FUZZ, max_examples=60 if EXPLORING else 6)  # each reads 45 MB of weights
@given(data=st.data())
def test_any_value_in_a_checkpoint_is_read_or_refused(checkpoint, data):
    names = ["config.json", "policy_preprocessor.json", "policy_postprocessor.json"]
    path = checkpoint / data.draw(st.sampled_from(names))
    before = path.read_text()
    content = json.loads(before)
    at = data.draw(st.sampled_from(places(content)[1:]))
    try:
        path.write_text(json.dumps(changed(content, at, data.draw(NASTY))))
        read = read_checkpoint(checkpoint)
        describe(read, Declared(units="degrees", rate_hz=30.0))
    except DatasetError:
        return
    finally:
        path.write_text(before)


NOT_A_POLICY = {
    "adapter_config.json": "holds an adapter (LoRA) without the policy that it adapts: merge them",
    "README.md": "has config.json but no model.safetensors: copy or download the whole folder",
}


@pytest.mark.parametrize("beside", NOT_A_POLICY)
def test_half_a_checkpoint_is_named(tmp_path, beside):
    (tmp_path / "config.json").write_text('{"type": "act"}')
    (tmp_path / beside).write_text("{}")
    with pytest.raises(DatasetError) as caught:
        find_checkpoint(tmp_path)
    assert NOT_A_POLICY[beside] in str(caught.value)


# NaN and infinity pass no gate.


@pytest.mark.parametrize("fps", [float("nan"), float("inf"), 0, -30, 1e9, "30", None])
def test_rates_are_finite_and_positive(tmp_path, fps):
    with pytest.raises(DatasetError, match="fps is "):
        LerobotSource(make_dataset(tmp_path / "d", info={"fps": fps}), DEGREES)
    if not isinstance(fps, str) and fps is not None:
        path = make_demos(tmp_path / "demos.h5")
        with h5py.File(path, "a") as file:
            del file.attrs["fps"]
        with pytest.raises(DatasetError, match="--rate-hz is .*, expected a positive rate"):
            Hdf5Source(demo_places(path), Declared(units="rad", rate_hz=float(fps))).read(0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", ["state", "action"])
def test_values_that_are_not_finite_are_refused(tmp_path, which, value):
    def broken(values):
        def at(episode, steps):
            rows = values(episode, steps)
            rows[-1, 2] = value if episode else rows[-1, 2]
            return rows

        return at

    changes = {which: broken(arm_degrees if which == "state" else targets)}
    source = LerobotSource(make_dataset(tmp_path / "d", **changes), DEGREES)
    assert len(source.read(0)) == 5
    with pytest.raises(DatasetError, match="hold values that are not finite"):
        source.read(1)


# What is shared tells nothing of its maker.


def test_what_is_made_holds_no_paths(tmp_path):
    home = tmp_path / "home-of-ada"
    source = make_dataset(home / "recordings/pick")
    options = ImportOptions("lerobot", str(source), out=home / "data", units="degrees")
    import_dataset(options)
    export_lerobot(ExportLerobotOptions(home / "data", home / "shared", codec="h264"))
    for path in [*(home / "data").rglob("*"), *(home / "shared").rglob("*")]:
        if path.is_file():
            content = path.read_bytes()
            for secret in (b"home-of-ada", str(tmp_path).encode()):
                assert secret not in content, path


# Little memory.

BOMBS = """
    import json, resource, sys
    from pathlib import Path
    import h5py, numpy as np, pyarrow as pa, pyarrow.parquet as pq
    from act_training.datasets.errors import DatasetError
    from act_training.datasets.hdf5_source import Hdf5Source, demo_places
    from act_training.datasets.lerobot.reader import LerobotSource
    from act_training.datasets.source import Declared
    from tests.cases.foreign_datasets import FRONT, camera, make_dataset
    from tests.training.lerobot_folders import edit_info, edit_table

    folder = Path(sys.argv[1])
    made = make_dataset(folder / "d", "v3.0")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 600 * 2**20,) * 2)

    def attempt(name, read):
        try:
            read()
            print(name, "read")
        except DatasetError as error:
            print(name, "refused", str(error)[:100])

    def lerobot():
        source = LerobotSource(made, Declared(units="degrees"))
        for position in range(len(source.names)):
            source.read(position)

    info = (made / "meta/info.json").read_text()
    table = made / "meta/episodes/chunk-000/file-000.parquet"
    episodes = table.read_bytes()
    for key, value in (
        ("data_path", "{chunk_index:999999999d}"), ("data_path", "x" * 10**6),
    ):
        edit_info(made, lambda i: i.update({key: value}))
        attempt(f"{key} {value[:30]}", lerobot)
        (made / "meta/info.json").write_text(info)
    for shape in ([10**30, 10**30, 3], [8000, 8000, 3], [1e30, 2, 3]):
        edit_info(made, lambda i: i["features"][FRONT].update(shape=shape))
        attempt(f"shape {shape}", lerobot)
        (made / "meta/info.json").write_text(info)
    for column in ("length", "data/file_index"):
        for value in (10**12, 9_999_999):
            edit_table(table, column, pa.array([value, value]))
            attempt(f"{column} {value}", lerobot)
            table.write_bytes(episodes)
    rows = pa.table({"tasks": pa.array(["x" * 2**20] * 100), "length": [1] * 100})
    with pq.ParquetWriter(table, rows.schema) as writer:
        for _ in range(8):
            writer.write_table(rows)
    del rows
    attempt("a table of 800 MB in a few kB", lerobot)
    table.write_bytes(episodes)
    with open(made / "meta/info.json", "r+b") as file:
        file.truncate(3 * 2**30)
    attempt("three gigabytes of JSON", lerobot)
    path = folder / "bomb.h5"
    for shape in ((10**7, 4096), (10**6, 5, 5, 3)):
        with h5py.File(path, "w") as file:
            group = file.create_group("demo_0")
            group.create_dataset("joints", shape[:2], np.float64, chunks=True)
            group.create_dataset("actions", shape[:2], np.float64, chunks=True)
            group.create_dataset("images/front", (10**6, 999, 999, 3), np.uint8, chunks=True)
        attempt(f"hdf5 {shape}", lambda: Hdf5Source(
            demo_places(path), Declared(units="rad", rate_hz=10)).read(0))
"""


def test_sizes_are_bounded_before_anything_is_allocated(tmp_path):
    """With 600 MB beyond what the libraries take."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(BOMBS), str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert len(lines) == 13
    assert [line for line in lines if " refused " not in line] == []
    assert "MemoryError" not in done.stdout
