"""Reading Python launch files."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

from ..invalid_launch_file_error import InvalidLaunchFileError
from ..launch_description import LaunchDescription


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
