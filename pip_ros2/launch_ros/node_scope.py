"""What SetParameter, SetRemap and PushRosNamespace leave for the nodes in their scope.

It is kept among the launch configurations, under the names that the real launch_ros uses, so
that a scoped `GroupAction` limits it. Lists are replaced, never changed in place: the saved
configurations of the scope outside hold the same list.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from launch.launch_context import LaunchContext

_NAMESPACE, _PARAMETERS, _REMAPS = "ros_namespace", "global_params", "ros_remaps"


class GlobalParameter(NamedTuple):
    """A parameter for every node in scope."""

    name: str
    value: Any


_Parameters = list[GlobalParameter | Path]


def scoped_namespace(context: LaunchContext) -> str | None:
    """Return the namespace for the nodes in this scope."""
    return context.launch_configurations.get(_NAMESPACE)


def set_scoped_namespace(context: LaunchContext, namespace: str) -> None:
    """Set the namespace for the nodes in this scope."""
    context.launch_configurations[_NAMESPACE] = namespace


def global_parameters(context: LaunchContext) -> _Parameters:
    """Return the parameters and parameter files for the nodes in this scope."""
    return list(context.launch_configurations.get(_PARAMETERS, ()))


def add_global_parameters(context: LaunchContext, parameters: _Parameters) -> None:
    """Add parameters or files for the nodes in this scope."""
    context.launch_configurations[_PARAMETERS] = [*global_parameters(context), *parameters]


def global_remaps(context: LaunchContext) -> list[tuple[str, str]]:
    """Return the remappings for the nodes in this scope."""
    return list(context.launch_configurations.get(_REMAPS, ()))


def add_global_remap(context: LaunchContext, source: str, target: str) -> None:
    """Add a remapping for the nodes in this scope."""
    context.launch_configurations[_REMAPS] = [*global_remaps(context), (source, target)]
