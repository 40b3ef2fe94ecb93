"""Names of nodes and namespaces, and what is set for all nodes in a scope.

Rules: https://design.ros2.org/articles/topic_and_service_names.html; the lengths are those of rmw.
What is set is kept among the launch configurations, under the names that the real launch_ros uses,
so that a scoped `GroupAction` limits it. Lists are replaced, never changed in place: the saved
configurations of the scope outside hold the same list.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from launch.bases import LaunchContext

_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_NODE_NAME = 255
_MAX_NAMESPACE = 245


def join_namespaces(base: str | None, name: str | None) -> str | None:
    """Return the name below the base; an absolute name stays as it is.

    ("a", "b") -> "a/b", ("/", "b") -> "/b", ("a", "/b") -> "/b", (None, "b") -> "b",
    ("a", None) -> "a". A slash at the end is dropped.
    """
    if name is None:
        joined = base
    elif not base or name.startswith("/"):
        joined = name
    else:
        joined = f"{base.rstrip('/')}/{name}"
    if joined is None or joined == "/":
        return joined
    return joined.rstrip("/")


def absolute_namespace(namespace: str | None) -> str | None:
    """Return the namespace with a slash before it."""
    if namespace is None or namespace.startswith("/"):
        return namespace
    return f"/{namespace}"


def check_node_name(name: str) -> None:
    """Raise ValueError unless the name may be that of a node."""
    if not _TOKEN.fullmatch(name) or len(name) > _MAX_NODE_NAME:
        raise ValueError(
            f"node name '{name}' is not valid: expected letters, digits and underscores, not "
            f"beginning with a digit, at most {_MAX_NODE_NAME}"
        )


def check_namespace(namespace: str) -> None:
    """Raise ValueError unless the absolute namespace is valid."""
    tokens = namespace[1:].split("/") if namespace != "/" else []
    valid = namespace.startswith("/") and all(_TOKEN.fullmatch(token) for token in tokens)
    if not valid or len(namespace) > _MAX_NAMESPACE:
        raise ValueError(
            f"namespace '{namespace}' is not valid: expected '/' or names with '/' before each, "
            "each of letters, digits and underscores, not beginning with a digit, at most "
            f"{_MAX_NAMESPACE} characters"
        )


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
