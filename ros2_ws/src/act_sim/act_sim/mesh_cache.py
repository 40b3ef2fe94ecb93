"""Decimated copies of the arm's visual meshes, made once and kept in the user's cache.

The CAD meshes of the SO-101 have 322,564 faces: 25 ms a frame for a software renderer. A few
hundred faces a part look the same at camera resolutions.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import fast_simplification
import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

FACES_PER_MESH = 600
_CELL_M = 0.001  # vertices in one cell of this grid become one
_RECIPE = 1  # part of the cache key: raise it when the code below makes other meshes

_STL_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


class Mesh(NamedTuple):
    """A triangle mesh: vertices (V, 3) float32 [m] and faces (F, 3) int32."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]


def cache_dir() -> Path:
    """Where decimated meshes are kept: ``$XDG_CACHE_HOME/act_sim``, else ``~/.cache/act_sim``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "act_sim"


def read_stl(data: bytes) -> Mesh:
    """Reads a binary STL file and merges equal corners.

    Raises ValueError when the length of the data does not fit its own triangle count.
    """
    count = int.from_bytes(data[80:84], "little")
    if len(data) != 84 + count * _STL_TRIANGLE.itemsize:
        raise ValueError(f"not a binary STL file: {len(data)} bytes for {count} triangles")
    corners = np.frombuffer(data, _STL_TRIANGLE, offset=84)["corners"].reshape(-1, 3)
    vertices, index = np.unique(corners, axis=0, return_inverse=True)
    return Mesh(vertices, index.reshape(-1, 3).astype(np.int32))


def decimated(stl: Path, faces: int = FACES_PER_MESH) -> Mesh:
    """The mesh of a binary STL file with at most about ``faces`` faces, from the cache if there.

    The cache key is a hash of the content, so an edited mesh is never mistaken for its old self,
    and files are written under another name first and then moved, so that processes that start
    together cannot read half a file.
    """
    data = stl.read_bytes()
    key = hashlib.sha256(data + f"|{faces}|{_RECIPE}".encode()).hexdigest()[:24]
    path = cache_dir() / f"{stl.stem}-{key}.npz"
    mesh = _read(path)
    if mesh is None:
        mesh = _decimate(read_stl(data), faces)
        try:
            _write(path, mesh)
        except OSError as error:  # a full disk, a home that cannot be written to
            logger.warning(
                "meshes are decimated anew each time: cannot write '%s': %s", path, error
            )
    return mesh


def _read(path: Path) -> Mesh | None:
    """A stored mesh; None if there is none, or none that can be read whole."""
    try:
        with np.load(path) as stored:
            return Mesh(stored["vertices"], stored["faces"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        logger.warning("'%s' is damaged and is made anew", path)
        return None


def _decimate(mesh: Mesh, faces: int) -> Mesh:
    # The CAD files hold thousands of slivers along rounded edges that edge collapse refuses to
    # touch: alone it stops at 94,000 faces in all. Merging close vertices first removes them.
    merged = _merge_close_vertices(mesh)
    if len(merged.faces) <= faces:
        return merged
    vertices, triangles = fast_simplification.simplify(*merged, target_count=faces)
    return Mesh(vertices.astype(np.float32), triangles.astype(np.int32))


def _merge_close_vertices(mesh: Mesh) -> Mesh:
    cells = np.round(mesh.vertices / _CELL_M).astype(np.int64)
    _, index = np.unique(cells, axis=0, return_inverse=True)
    index = index.reshape(-1)
    count = np.bincount(index)
    vertices = np.column_stack(
        [np.bincount(index, weights=mesh.vertices[:, axis]) / count for axis in range(3)]
    )
    faces = index[mesh.faces]
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)  # each face once
    return Mesh(vertices.astype(np.float32), faces[np.sort(first)].astype(np.int32))


def _write(path: Path, mesh: Mesh) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
        try:
            np.savez_compressed(file, vertices=mesh.vertices, faces=mesh.faces)
            file.flush()
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
