"""Decimated meshes and the cache that keeps them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from act_sim import mesh_cache
from act_sim.arm_model import shipped_mjcf

from tests.ros_rig import PATIENCE_S

STL = shipped_mjcf().parent / "assets" / "base_so101_v2.stl"  # 9430 faces


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "act_sim"


def test_reads_the_triangles_of_an_stl_file():
    mesh = mesh_cache.read_stl(STL.read_bytes())
    assert mesh.faces.shape == (9430, 3)
    assert len(np.unique(mesh.vertices, axis=0)) == len(mesh.vertices), "corners are merged"


def test_refuses_what_is_no_binary_stl():
    with pytest.raises(ValueError, match="not a binary STL file: 200 bytes for 1 triangles"):
        mesh_cache.read_stl(bytes(80) + (1).to_bytes(4, "little") + bytes(116))


def test_decimated_mesh_keeps_the_shape(cache):
    full, small = mesh_cache.read_stl(STL.read_bytes()), mesh_cache.decimated(STL)
    assert len(small.faces) <= mesh_cache.FACES_PER_MESH
    for extreme in (np.min, np.max):
        assert extreme(small.vertices, axis=0) == pytest.approx(
            extreme(full.vertices, axis=0), abs=0.002
        )


def test_second_time_comes_from_the_cache(cache, monkeypatch):
    first = mesh_cache.decimated(STL)
    assert [path.suffix for path in cache.iterdir()] == [".npz"]
    monkeypatch.setattr(mesh_cache, "_decimate", None)
    second = mesh_cache.decimated(STL)
    assert np.array_equal(first.vertices, second.vertices)
    assert np.array_equal(first.faces, second.faces)


def test_an_edited_file_is_decimated_anew(cache, tmp_path):
    edited = tmp_path / STL.name
    edited.write_bytes(STL.read_bytes()[:-1] + b"\x01")
    mesh_cache.decimated(STL)
    mesh_cache.decimated(edited)
    assert len(list(cache.iterdir())) == 2


def test_processes_that_start_together_agree(cache):
    code = (
        "from act_sim.mesh_cache import decimated; from pathlib import Path; import sys;"
        "mesh = decimated(Path(sys.argv[1])); print(len(mesh.faces), float(mesh.vertices.sum()))"
    )
    environment = {
        "XDG_CACHE_HOME": str(cache.parent),
        "PYTHONPATH": ":".join(sys.path),
        "OMP_NUM_THREADS": "1",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(STL)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    answers = {process.communicate(timeout=PATIENCE_S)[0] for process in processes}
    assert len(answers) == 1
    assert answers != {""}
    assert len(list(cache.iterdir())) == 1, "no half-written files are left"


DAMAGES = {
    "empty": lambda data: b"",
    "no end": lambda data: data[:-40] + bytes(40),
    "zeros inside": lambda data: data[:200] + bytes(900) + data[1100:],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_made_anew(cache, damage):
    first = mesh_cache.decimated(STL)
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert np.array_equal(mesh_cache.decimated(STL).vertices, first.vertices)
    assert np.array_equal(np.load(path)["faces"], first.faces)


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(mesh_cache.decimated(STL).faces) <= mesh_cache.FACES_PER_MESH
    assert "meshes are decimated anew each time" in caplog.text
