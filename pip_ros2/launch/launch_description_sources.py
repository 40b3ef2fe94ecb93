"""Launch files as sources of launch descriptions."""

from __future__ import annotations

import os
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

from .bases import SomeSubstitutionsType
from .launch_description import LaunchDescription, LaunchDescriptionSource
from .refusal import needs_distribution

__all__ = [
    "AnyLaunchDescriptionSource",
    "InvalidLaunchFileError",
    "InvalidPythonLaunchFileError",
    "PythonLaunchDescriptionSource",
    "get_launch_description_from_any_launch_file",
    "get_launch_description_from_python_launch_file",
    "load_python_launch_file_as_module",
]


class InvalidLaunchFileError(Exception):
    """The launch file does not exist, has an error, or is in a format that is not supported."""


class InvalidPythonLaunchFileError(InvalidLaunchFileError):
    """A Python launch file does not exist, or lacks `generate_launch_description`."""


def load_python_launch_file_as_module(python_launch_file_path: str) -> ModuleType:
    """Return the launch file as a module that is not in `sys.modules`."""
    path = Path(python_launch_file_path)
    if not path.is_file():
        beside = ", ".join(sorted(other.name for other in path.parent.glob("*.launch.py")))
        raise InvalidPythonLaunchFileError(
            f"launch file '{path}' does not exist; launch files there: {beside or 'none'}"
        )
    loader = SourceFileLoader("python_launch_file", str(path))
    module = module_from_spec(spec_from_loader(loader.name, loader))  # type: ignore[arg-type]
    loader.exec_module(module)
    return module


def get_launch_description_from_python_launch_file(
    python_launch_file_path: str,
) -> LaunchDescription:
    """Return what `generate_launch_description()` of the launch file returns."""
    module = load_python_launch_file_as_module(python_launch_file_path)
    if not hasattr(module, "generate_launch_description"):
        raise InvalidPythonLaunchFileError(
            f"launch file '{python_launch_file_path}' has no function generate_launch_description()"
        )
    return module.generate_launch_description()


def get_launch_description_from_any_launch_file(launch_file_path: str) -> LaunchDescription:
    """Return the launch description of a Python launch file.

    Raises InvalidLaunchFileError that names the format for XML and YAML launch files.
    """
    extension = os.path.splitext(launch_file_path)[1].lower()
    if extension in (".xml", ".yaml", ".yml"):
        raise InvalidLaunchFileError(
            needs_distribution(
                f"launch file '{launch_file_path}' in {extension[1:].upper()} format"
            )
        )
    return get_launch_description_from_python_launch_file(launch_file_path)


class PythonLaunchDescriptionSource(LaunchDescriptionSource):
    """A Python launch file; the path may hold substitutions."""

    def __init__(self, launch_file_path: SomeSubstitutionsType) -> None:
        super().__init__(None, launch_file_path, "interpreted python launch file")

    def _get_launch_description(self, location: str) -> LaunchDescription:
        return get_launch_description_from_python_launch_file(location)


class AnyLaunchDescriptionSource(LaunchDescriptionSource):
    """A launch file; the path may hold substitutions."""

    def __init__(self, launch_file_path: SomeSubstitutionsType) -> None:
        super().__init__(None, launch_file_path, "interpreted launch file")

    def _get_launch_description(self, location: str) -> LaunchDescription:
        return get_launch_description_from_any_launch_file(location)
