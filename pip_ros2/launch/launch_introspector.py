"""LaunchIntrospector: a launch description as a tree of text, without running it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .bases import LaunchDescriptionEntity
from .launch_description import LaunchDescription


class LaunchIntrospector:
    """Formats launch descriptions for `ros2 launch --print`."""

    def format_launch_description(self, launch_description: LaunchDescription) -> str:
        """Return one line per entity, indented as a tree."""
        lines = [_label(launch_description)]
        lines += _tree(_children(launch_description))
        return "\n".join(lines)


def _label(entity: LaunchDescriptionEntity) -> str:
    # The plain repr of an entity says nothing but its class and address.
    text = entity.describe()
    return type(entity).__name__ if text == object.__repr__(entity) else text


def _children(entity: LaunchDescriptionEntity) -> list[tuple[str, list[Any]]]:
    """Return (text, children of the same form) for what an entity leads to."""
    children = [(_label(child), _children(child)) for child in entity.describe_sub_entities()]
    for condition, branch in entity.describe_conditional_sub_entities():
        children.append((condition, [(_label(child), _children(child)) for child in branch]))
    return children


def _tree(children: Iterable[tuple[str, list[Any]]], indent: str = "") -> Iterator[str]:
    children = list(children)
    for index, (text, grandchildren) in enumerate(children):
        last = index == len(children) - 1
        yield f"{indent}{'└── ' if last else '├── '}{text}"
        yield from _tree(grandchildren, indent + ("    " if last else "│   "))
