"""The import paths of the real packages, which have a file for each class, as aliases.

`launch.actions.timer_action` is `launch.actions`, `launch.launch_context` is where `LaunchContext`
lives, and a name that is in none of them is refused by name (`refusal`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from types import ModuleType

from .refusal import module_getattr


def install(
    package: str, public: Mapping[str, ModuleType], other: Mapping[str, ModuleType]
) -> None:
    """Make the public modules of a package importable under their real paths.

    public: real path -> the module here. What it defines without an underscore before the name is
        `__all__`, and each of these names has, beside, a path of its own.
    other: real path -> the module that stands for it, of paths that follow no rule.
    """
    for path, module in public.items():
        name = f"{package}.{path}"
        sys.modules[name] = module
        values = vars(module)
        names = sorted(key for key, value in values.items() if _is_public(key, value, package))
        values.update(__all__=names, __path__=[], __getattr__=module_getattr(name))
        for each in names:
            _alias(f"{name}.{_file_name(each)}", module)
    for path, module in other.items():
        _alias(f"{package}.{path}", module)


def _is_public(name: str, value: object, package: str) -> bool:
    """Whether a module's name is one of what the package offers in it."""
    of_package = getattr(value, "__module__", "").partition(".")[0] == package
    return of_package and not name.startswith("_")


def _alias(name: str, module: ModuleType) -> None:
    """`import <name>`, and the attribute that an import leaves behind in the module above it."""
    above, _, last = name.rpartition(".")
    sys.modules.setdefault(name, module)
    vars(sys.modules[above]).setdefault(last, module)


def _file_name(name: str) -> str:
    """TimerAction -> timer_action, OnProcessIO -> on_process_io."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
