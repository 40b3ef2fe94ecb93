"""Names of nodes and namespaces, and what is set for all nodes in a scope.

Rules: https://design.ros2.org/articles/topic_and_service_names.html; the lengths are those of rmw.
What is set is kept among the launch configurations, under the names that the real launch_ros uses,
so that a scoped `GroupAction` limits it.
"""

from __future__ import annotations

import re
from typing import Any

from launch.bases import LaunchContext

_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_NODE_NAME = 255
_MAX_NAMESPACE = 245

NAMESPACE = "ros_namespace"
PARAMETERS = "global_params"  # (name, value) pairs and paths of files
REMAPS = "ros_remaps"  # (from, to) pairs


def in_scope(context: LaunchContext, what: str) -> list[Any]:
    """Return the PARAMETERS or REMAPS for the nodes in this scope."""
    return list(context.launch_configurations.get(what, ()))


def add_to_scope(context: LaunchContext, what: str, items: list[Any]) -> None:
    """Add PARAMETERS or REMAPS for the nodes in this scope."""
    # A new list: the saved configurations of the scope outside hold the old one.
    context.launch_configurations[what] = [*in_scope(context, what), *items]


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


def namespace_in_scope(context: LaunchContext, name: str | None) -> str | None:
    """Return the absolute namespace for what asks for `name` in this scope; None: it is free.

    Raises ValueError unless it is valid.
    """
    joined = join_namespaces(context.launch_configurations.get(NAMESPACE), name)
    if joined is None:
        return None
    namespace = joined if joined.startswith("/") else f"/{joined}"
    check_namespace(namespace)
    return namespace


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
