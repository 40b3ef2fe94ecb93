"""Message, service and action types by name, and the definitions that packages install."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from ros2cli import packages
from ros2cli.errors import CliError, unknown

KINDS = ("msg", "srv", "action")


def import_interface(name: str, kind: str) -> Any:
    """The Python class of ``pkg/Name`` or ``pkg/msg/Name``.

    Raises CliError with the nearest package or type when there is no such type, and when the
    type is of another kind (a service where a message was asked for).
    """
    package, found_kind, base = _split(name, kind)
    if found_kind != kind:
        raise CliError(f"'{name}' is not a {kind} type: expected {package}/{kind}/Name")
    try:
        return getattr(importlib.import_module(f"{package}.{kind}"), base)
    except (ModuleNotFoundError, AttributeError):
        known = interfaces(kind)
        if package not in known:
            raise unknown("package", package, known, f"in type '{name}'") from None
        full = [f"{package}/{kind}/{other}" for other in known[package]]
        raise unknown("type", f"{package}/{kind}/{base}", full) from None


def full_name(name: str, kind: str) -> str:
    """``pkg/Name`` and ``pkg/msg/Name`` as ``pkg/msg/Name``; CliError when it is neither."""
    return "/".join(_split(name, kind))


def interfaces(kind: str) -> dict[str, list[str]]:
    """Package name to the names of its types of one kind, from the ament index."""
    found: dict[str, list[str]] = {}
    for package, entry in packages.resources("rosidl_interfaces").items():
        lines = entry.read_text().splitlines()
        listed = {Path(line).stem for line in lines if line.startswith(f"{kind}/")}
        if listed:
            found[package] = sorted(listed)
    return found


def definition_file(name: str, kind: str = "msg") -> Path:
    """The .msg, .srv or .action file that a type was made from; CliError when there is none."""
    package, kind, base = _split(name, kind)
    path = packages.share_folder(package) / kind / f"{base}.{kind}"
    if not path.is_file():
        known = [f"{package}/{kind}/{other}" for other in interfaces(kind).get(package, [])]
        raise unknown("type", f"{package}/{kind}/{base}", known)
    return path


def _split(name: str, kind: str) -> tuple[str, str, str]:
    parts = name.split("/")
    if len(parts) == 2:
        return parts[0], kind, parts[1]
    if len(parts) == 3 and parts[1] in KINDS and all(parts):
        return parts[0], parts[1], parts[2]
    raise CliError(f"'{name}' is not a type name: expected e.g. std_msgs/{kind}/Name")
