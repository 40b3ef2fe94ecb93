"""The file that params_file:= names, checked before any node is started with it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from act_core.errors import ConfigurationError
from act_core.node_arguments import is_for, unknown_section
from act_core.yaml_file import read_yaml

FORM = "expected 'node_name: {ros__parameters: {name: value}}'"


class ParametersFile:
    """Parameters of any of a launch's nodes.

    Args:
        name: of the file; empty for none.
        nodes: their names without namespace.

    Raises RuntimeError in one line for what no node could read, and for a section of a node that is
    none of ``nodes``, which ROS would pass over in silence.
    """

    def __init__(self, name: str, nodes: Collection[str]) -> None:
        self._path = Path(name).expanduser()
        self._content: Any = {}
        if not name:
            return
        try:
            self._content = read_yaml(self._path)
        except ConfigurationError as error:
            raise RuntimeError(f"params_file:={name} {error}") from error
        problem = _problem(self._content)
        if problem:
            raise RuntimeError(f"params_file:={name}: {problem}, {FORM}")
        if (unknown := unknown_section(self._content, nodes)) is not None:
            raise RuntimeError(f"params_file:={name}: {unknown}")

    def of(self, node: str) -> list[str]:
        """The file as an element of that node's parameters, where it has something for it."""
        return [str(self._path)] if is_for(self._content, node) else []


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
