"""The file that params_file:= names, checked before any node is started with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from act_core.errors import ConfigurationError
from act_core.yaml_file import read_yaml

FORM = "expected 'node_name: {ros__parameters: {name: value}}'"


def params_files(name: str) -> list[str]:
    """The file as an element of a node's parameters; none for an empty name.

    Raises RuntimeError in one line for what no node could read.
    """
    if not name:
        return []
    path = Path(name).expanduser()
    try:
        content = read_yaml(path)
    except ConfigurationError as error:
        raise RuntimeError(f"params_file:={name} {error}") from error
    problem = _problem(content)
    if problem:
        raise RuntimeError(f"params_file:={name}: {problem}, {FORM}")
    return [str(path)]


def _problem(content: Any, where: str = "") -> str | None:
    """What is wrong in the part of the file below ``where``; namespaces may stand above nodes."""
    if not isinstance(content, dict) or not content:
        return f"{where or 'the file'} is {_kind(content)}"
    for key, value in content.items():
        if not isinstance(key, str) or not key:
            return f"{where}{key!r:.40} is no name of a node"
        if key == "ros__parameters":
            if not where:
                return "there is no node above ros__parameters"
            if not isinstance(value, dict):
                return f"{where}ros__parameters is {_kind(value)}"
        elif problem := _problem(value, f"{where}{key:.40}/"):
            return problem
    return None


def _kind(value: Any) -> str:
    return "empty" if value in (None, {}) else f"{type(value).__name__} {value!r:.40}"
