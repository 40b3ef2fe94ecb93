"""What the ROS arguments of a process ask for and its node does not have. No ROS here.

rcl passes over a section of a parameter file that is of another node, and over a remapping of a
name that nobody uses, without a word: a misspelt one changes nothing, silently.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from act_core.errors import ConfigurationError, suggest
from act_core.foreign_text import clean
from act_core.yaml_file import read_yaml

PARAMETERS = "ros__parameters"
_LAUNCHED = "launch_params_"  # `ros2 launch` writes a node's parameters into files of this name


def sections(content: Any, above: str = "") -> Iterator[str]:
    """Names of the nodes that a parameter file is for, as patterns: /left/act_policy, /**."""
    if not isinstance(content, dict):
        return
    for key, below in content.items():
        if key == PARAMETERS:
            yield above
        else:
            yield from sections(below, f"{above}/{str(key).strip('/')}")


def matches(pattern: str, node: str) -> bool:
    """Whether a section is of the node of that full name: * is one part of it, ** any number."""
    parts = re.split(r"(\*\*|\*)", pattern)
    form = "".join({"**": ".*", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(form, node) is not None


def parameter_files(arguments: Sequence[str]) -> list[Path]:
    """Files that somebody named with ``--params-file``, without those that a launch wrote."""
    pairs = pairwise(arguments)
    files = [Path(value) for word, value in pairs if word == "--params-file"]
    return [file for file in files if not file.name.startswith(_LAUNCHED)]


def for_others(arguments: Sequence[str], node: str) -> list[str]:
    """What to say of parameter files that have nothing for the node of that full name."""
    lines = []
    for file in parameter_files(arguments):
        try:
            found = sorted(set(sections(read_yaml(file))))
        except ConfigurationError:
            continue  # rcl has read it in its own way
        if not any(matches(pattern, node) for pattern in found):
            names = ", ".join(clean(name.lstrip("/")) for name in found) or "nobody"
            lines.append(f"{clean(file, 200)} has no parameters for {node}: it is for {names}")
    return lines


def remappings(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """Rules ``-r from:=to`` of topics and services; without those of node names and namespaces."""
    pairs = pairwise(arguments)
    rules = [value.partition(":=") for word, value in pairs if word in ("-r", "--remap")]
    return [(old, new) for old, _, new in rules if not old.startswith("__") and ":" not in old]


def idle_remappings(
    arguments: Sequence[str], resolved: Callable[[str], str], used: Collection[str]
) -> list[str]:
    """What to say of remappings that change nothing.

    Args:
        resolved: the full name of one, as the node resolves it, remappings left out.
        used: full names of the topics and services that the node has.
    """
    return [
        f"remapping {clean(old)}:={clean(new)} changes nothing: there is no {clean(old)} here"
        for old, new in remappings(arguments)
        if resolved(new) not in used
    ]


def is_for(content: Any, name: str) -> bool:
    """Whether a parameter file has a section for a node of that name, in whichever namespace."""
    return any(matches(pattern.rpartition("/")[2], name) for pattern in sections(content))


def unknown_section(content: Any, nodes: Collection[str]) -> str | None:
    """What to say of a section for a node that is none of ``nodes`` (names without namespace)."""
    for pattern in sections(content):
        name = pattern.rpartition("/")[2]
        if not any(matches(name, node) for node in nodes):
            return suggest("node", clean(name), sorted(nodes))
    return None
