"""Packages of the ament index: prefixes, share folders, executables, launch files.

A package is found when an entry of AMENT_PREFIX_PATH holds
``share/ament_index/resource_index/packages/<name>``: the workspace's install folders, and the
environment that the wheels are installed in.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ros2cli.errors import unknown

INDEX = Path("share", "ament_index", "resource_index")


def ensure_prefix_path() -> None:
    """Add the environment of the wheels to AMENT_PREFIX_PATH, which pip cannot do.

    Changes os.environ, so launched and run processes see it too.
    """
    paths = [p for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    if sys.prefix not in paths and (Path(sys.prefix) / INDEX).is_dir():
        os.environ["AMENT_PREFIX_PATH"] = os.pathsep.join([*paths, sys.prefix])


def resources(kind: str) -> dict[str, Path]:
    """Package name to its entry of that kind in the index; the first prefix wins."""
    found: dict[str, Path] = {}
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        for entry in sorted(Path(prefix).glob(f"{INDEX / kind}/*")) if prefix else ():
            found.setdefault(entry.name, entry)
    return found


def packages() -> dict[str, Path]:
    """Package name to prefix."""
    depth = len(INDEX.parts)
    return {name: entry.parents[depth + 1] for name, entry in resources("packages").items()}


def package_prefix(package: str) -> Path:
    """The prefix of a package; CliError with the nearest name when there is no such package."""
    known = packages()
    if package not in known:
        raise unknown("package", package, known, "(is the workspace sourced?)")
    return known[package]


def share_folder(package: str) -> Path:
    """``<prefix>/share/<package>``."""
    return package_prefix(package) / "share" / package


def executables(package: str) -> list[Path]:
    """The executable files under ``<prefix>/lib/<package>``, sorted."""
    folder = package_prefix(package) / "lib" / package
    return [path for path in files_below(folder) if os.access(path, os.X_OK)]


def files_below(folder: Path, name: str | None = None) -> list[Path]:
    """All files under a folder, or those with this name, sorted."""
    return sorted(path for path in _files(folder) if name is None or path.name == name)


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(root, name) for name in names)
