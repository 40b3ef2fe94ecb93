"""The node of a command and what it sees of the ROS graph.

There is no daemon that knows the graph already, so a fresh process has to discover it. Two waits,
bounded by ``--spin-time`` (4 s when not given, see discovery.py), cover all verbs:

- ``settle``: list verbs go on when all participants of this host are known and nothing new has
  come for a moment; alone on one host, that is after 0.5 s;
- ``find``: verbs that name something poll for it and go on at once when it has appeared.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ros2cli import discovery
from ros2cli.errors import CliError, printable, unknown
from ros2cli.interrupts import ended_by_ctrl_c

if TYPE_CHECKING:
    from rclpy.node import Node

POLL_S = 0.02
QUIET_S = 0.3
LOOK_S = 0.4  # the least that a list looks, for the sake of other hosts and of late endpoints

GOODBYE_S = 5.0  # that taking a node out of the graph may take
LEAVING = "leaving the graph"

T = TypeVar("T")


class NodeName(NamedTuple):
    """A node of the graph; ``full`` is ``/namespace/name``."""

    name: str
    namespace: str

    @property
    def full(self) -> str:
        return f"{self.namespace.rstrip('/')}/{self.name}"

    @property
    def hidden(self) -> bool:
        return self.name.startswith("_")


def print_names(found: dict[str, list[str]], only_count: bool, show_types: bool) -> None:
    """What the verbs print that list topics or services."""
    if only_count:
        print(len(found))
        return
    for name, types in found.items():
        print(f"{name} [{', '.join(types)}]" if show_types else name)


@contextmanager
def cli_node(args: argparse.Namespace, name: str | None = None) -> Iterator[Node]:
    """A node for the length of one command; its name is hidden unless one is given.

    SIGTERM ends the command with that number as exit code, as the real one does.
    """
    with ended_by_ctrl_c():
        import rclpy
        from rclpy.parameter import Parameter

    try:
        rclpy.init(args=[])
    except RuntimeError as error:  # of rcl, e.g. about ROS_DOMAIN_ID
        raise CliError(printable(str(error).split(", at /")[0])) from None
    node = None
    try:
        node = rclpy.create_node(
            name or f"_ros2cli_{os.getpid()}",
            start_parameter_services=False,
            parameter_overrides=[
                Parameter("use_sim_time", value=bool(getattr(args, "use_sim_time", False))),
                Parameter("start_type_description_service", value=False),
            ],
        )
        yield node
    except Exception as error:
        # SIGTERM shuts rclpy down, and whatever is under way fails for that reason.
        if rclpy.ok() or isinstance(error, CliError):
            raise
        raise SystemExit(int(signal.SIGTERM)) from None
    finally:
        if node is not None:
            leave(node)


@contextmanager
def until_shutdown() -> Iterator[None]:
    """Ctrl-C and SIGTERM end what is inside, and all is well.

    SIGTERM shuts rclpy down at any moment. `ExternalShutdownException` is only one of the errors
    with which whatever is under way then fails.
    """
    import rclpy

    try:
        yield
    except KeyboardInterrupt:
        pass
    except Exception:
        if rclpy.ok():
            raise


def leave(node: Node) -> None:
    """Take the node out of the graph, or give up on that after `GOODBYE_S`.

    Fast DDS can wait for ever while it takes a participant down. A command that has said what it
    had to say ends all the same: `main` then leaves without waiting for that thread.
    """
    import rclpy

    def end() -> None:
        node.destroy_node()
        rclpy.try_shutdown()

    leaving = threading.Thread(target=end, name=LEAVING, daemon=True)
    leaving.start()
    leaving.join(GOODBYE_S)


def is_stuck() -> bool:
    """True when a node could not be taken out of the graph in time."""
    return any(thread.name == LEAVING for thread in threading.enumerate())


def find(args: argparse.Namespace, look: Callable[[], T | None]) -> T | None:
    """Poll until ``look`` gives something true; None when it has not within the bounded wait."""
    deadline = time.monotonic() + args.spin_time
    while not (found := look()):
        if time.monotonic() > deadline:
            return None
        time.sleep(POLL_S)
    return found


def settle(node: Node, args: argparse.Namespace) -> None:
    """Wait until the whole graph of this host is known and nothing new comes any more."""
    start = changed = time.monotonic()
    seen: Any = None
    while (now := time.monotonic()) - start < args.spin_time:
        view = (
            sorted(node.get_node_names_and_namespaces()),
            len(node.get_topic_names_and_types()),
            len(node.get_service_names_and_types()),
        )
        if view != seen:
            seen, changed = view, now
        quiet = now - changed >= QUIET_S and now - start >= LOOK_S
        if quiet and discovery.known_in_full(node):
            return
        time.sleep(POLL_S)


def node_names(node: Node, include_hidden: bool = False) -> list[NodeName]:
    """All nodes, sorted; hidden ones (``_name``) only when asked for."""
    found = [NodeName(*pair) for pair in node.get_node_names_and_namespaces()]
    return sorted((n for n in found if include_hidden or not n.hidden), key=lambda n: n.full)


def find_node(node: Node, args: argparse.Namespace, name: str) -> NodeName:
    """The node with this name, absolute or not; CliError with the nearest when there is none."""
    full = name if name.startswith("/") else f"/{name}"

    def look() -> NodeName | None:
        return next((n for n in node_names(node, include_hidden=True) if n.full == full), None)

    found = find(args, look)
    if found is None:
        raise unknown("node", full, [n.full for n in node_names(node)])
    return found


def topics(node: Node, include_hidden: bool = False) -> dict[str, list[str]]:
    """Topic name to its types, sorted by name."""
    return visible(node.get_topic_names_and_types(), include_hidden)


def services(node: Node, include_hidden: bool = False) -> dict[str, list[str]]:
    """Service name to its types, sorted by name."""
    return visible(node.get_service_names_and_types(), include_hidden)


def topic_type(node: Node, args: argparse.Namespace, name: str) -> tuple[str, str]:
    """The absolute name and the one type of a topic; CliError when unknown or of several types."""
    return _one_type(args, "topic", resolve(node, name), lambda: topics(node, True))


def service_type(node: Node, args: argparse.Namespace, name: str) -> tuple[str, str]:
    """The absolute name and the one type of a service; CliError as for topics."""
    return _one_type(args, "service", resolve(node, name), lambda: services(node, True))


def resolve(node: Node, name: str) -> str:
    """The absolute name of a topic or service; CliError when it is not a valid name."""
    from rclpy.exceptions import InvalidTopicNameException
    from rclpy.expand_topic_name import expand_topic_name
    from rclpy.validate_full_topic_name import validate_full_topic_name

    try:
        full = expand_topic_name(name, node.get_name(), node.get_namespace())
        validate_full_topic_name(full)
    except (ValueError, InvalidTopicNameException) as error:
        raise CliError(f"'{name}' is not a valid name: {error}") from None
    return full


def is_hidden(name: str) -> bool:
    """True for names with a part that starts with an underscore."""
    return any(part.startswith("_") for part in name.split("/"))


def visible(names_and_types: list[Any], include_hidden: bool) -> dict[str, list[str]]:
    """Names and their types, sorted; hidden names only when asked for."""
    return {
        name: sorted(types)
        for name, types in sorted(names_and_types)
        if include_hidden or not is_hidden(name)
    }


def _one_type(
    args: argparse.Namespace, kind: str, name: str, known: Callable[[], dict[str, list[str]]]
) -> tuple[str, str]:
    types = find(args, lambda: known().get(name))
    if types is None:
        raise unknown(kind, name, [n for n in known() if not is_hidden(n)])
    if len(types) > 1:
        raise CliError(f"{kind} '{name}' has more than one type: {', '.join(types)}")
    return name, types[0]
