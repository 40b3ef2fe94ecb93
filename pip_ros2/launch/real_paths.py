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

    public: real path -> the module here. Each of its public names has, beside, a path of its own.
    other: real path -> the module that stands for it, of paths that follow no rule.
    """
    for path, module in public.items():
        name = f"{package}.{path}"
        sys.modules[name] = module
        vars(module).update(__path__=[], __getattr__=module_getattr(name))
    for path, module in public.items():
        for public_name in module.__all__:
            _alias(f"{package}.{path}.{_file_name(public_name)}", module)
    for path, module in other.items():
        _alias(f"{package}.{path}", module)


def _alias(name: str, module: ModuleType) -> None:
    """`import <name>`, and the attribute that an import leaves behind in the module above it."""
    above, _, last = name.rpartition(".")
    sys.modules.setdefault(name, module)
    vars(sys.modules[above]).setdefault(last, module)


def _file_name(name: str) -> str:
    """TimerAction -> timer_action, OnProcessIO -> on_process_io."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
