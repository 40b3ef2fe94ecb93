"""The argument namespace:=... of every launch file: several robots in one graph."""

from __future__ import annotations

from collections.abc import Sequence

from launch import LaunchContext, LaunchDescriptionEntity
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import PushRosNamespace

from act_bringup.launch_arguments import Argument

NAMESPACE: Argument = (
    "namespace", "", "of all nodes and topics, e.g. robot1, where several robots share a graph"
)  # fmt: skip


def in_namespace(
    context: LaunchContext, nodes: Sequence[LaunchDescriptionEntity]
) -> list[LaunchDescriptionEntity]:
    """The nodes in the namespace that was asked for."""
    name = _name(context)
    return [PushRosNamespace(name), *nodes] if name else list(nodes)


def absolute(context: LaunchContext, name: str) -> str:
    """A topic's or a service's whole name, for nodes that are in a namespace of their own."""
    return "/".join(["", *filter(None, [_name(context)]), name])


def _name(context: LaunchContext) -> str:
    return LaunchConfiguration(NAMESPACE[0]).perform(context).strip("/")
