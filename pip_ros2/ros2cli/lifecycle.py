"""``ros2 lifecycle``: states and transitions of managed nodes."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from ros2cli import graph
from ros2cli.command import Verb, add_verbs
from ros2cli.errors import CliError, unknown
from ros2cli.interfaces import import_interface

if TYPE_CHECKING:
    from rclpy.node import Node

ANSWER_WAIT_S = 10.0
GET_STATE = "lifecycle_msgs/srv/GetState"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_verbs(
        parser,
        {
            "get": Verb("Get lifecycle state for one or more nodes", _get_arguments, get),
            "list": Verb("Output a list of available transitions", _list_arguments, transitions),
            "nodes": Verb("Output a list of nodes with lifecycle", _nodes_arguments, nodes),
            "set": Verb("Trigger lifecycle state transition", _set_arguments, set_state),
        },
    )


def lifecycle_nodes(node: Node, include_hidden: bool = False) -> list[str]:
    """Full names of the nodes that serve ``~/get_state``."""
    served = graph.services(node, include_hidden=True)
    return [
        found.full
        for found in graph.node_names(node, include_hidden)
        if GET_STATE in served.get(f"{found.full}/get_state", [])
    ]


def find_lifecycle_node(node: Node, args: argparse.Namespace) -> str:
    """The full name of the lifecycle node that the user named; CliError when there is none."""
    full = args.node_name if args.node_name.startswith("/") else f"/{args.node_name}"
    if not graph.find(args, lambda: full in lifecycle_nodes(node, True)):
        raise unknown("lifecycle node", full, lifecycle_nodes(node))
    return full


def call(node: Node, service: str, type_name: str, **request: Any) -> Any:
    """The response of one lifecycle service; CliError when the node does not answer."""
    import rclpy

    cls = import_interface(f"lifecycle_msgs/srv/{type_name}", "srv")
    client: Any = node.create_client(cls, service)
    if not client.wait_for_service(timeout_sec=ANSWER_WAIT_S):
        raise CliError(f"service '{service}' is not available")
    future = client.call_async(cls.Request(**request))
    rclpy.spin_until_future_complete(node, future, timeout_sec=ANSWER_WAIT_S)
    if not future.done() or future.result() is None:
        raise CliError(f"service '{service}' did not answer within {ANSWER_WAIT_S:g} s")
    return future.result()


def _nodes_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument("-a", "--all", action="store_true", help="Display hidden nodes as well")
    parser.add_argument("-c", "--count-nodes", action="store_true", help="Only show the number")


def nodes(args: argparse.Namespace) -> None:
    with graph.cli_node(args) as node:
        graph.settle(node, args)
        names = lifecycle_nodes(node, args.all)
    print(*([len(names)] if args.count_nodes else names), sep="\n", end="\n" if names else "")


def _get_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument("node_name", nargs="?", help="Name of the ROS node (default: all)")
    parser.add_argument("--include-hidden-nodes", action="store_true")


def get(args: argparse.Namespace) -> None:
    with graph.cli_node(args) as node:
        if args.node_name:
            state = call(node, f"{find_lifecycle_node(node, args)}/get_state", "GetState")
            print(f"{state.current_state.label} [{state.current_state.id}]")
            return
        graph.settle(node, args)
        for name in lifecycle_nodes(node, args.include_hidden_nodes):
            try:
                state = call(node, f"{name}/get_state", "GetState").current_state
                print(f"{name}: {state.label} [{state.id}]")
            except CliError as error:
                print(f"{name}: {error}", file=sys.stderr)


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument("node_name", help="Name of the ROS node")
    parser.add_argument("--include-hidden-nodes", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("-a", "--all", action="store_true", help="Display all transitions")


def transitions(args: argparse.Namespace) -> None:
    with graph.cli_node(args) as node:
        name = find_lifecycle_node(node, args)
        service = "get_transition_graph" if args.all else "get_available_transitions"
        found = call(node, f"{name}/{service}", "GetAvailableTransitions").available_transitions
    for description in found:
        transition = description.transition
        print(
            f"- {transition.label} [{transition.id}]\n"
            f"\tStart: {description.start_state.label}\n\tGoal: {description.goal_state.label}"
        )


def _set_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument("node_name", help="Name of the ROS node")
    parser.add_argument("transition", help="The lifecycle transition, by label or number")
    parser.add_argument("--include-hidden-nodes", action="store_true", help=argparse.SUPPRESS)


def set_state(args: argparse.Namespace) -> None:
    with graph.cli_node(args) as node:
        name = find_lifecycle_node(node, args)
        found = call(node, f"{name}/get_available_transitions", "GetAvailableTransitions")
        available = [description.transition for description in found.available_transitions]
        chosen = next((t for t in available if args.transition in (t.label, str(t.id))), None)
        if chosen is None:
            labels = [f"{t.label} [{t.id}]" for t in available]
            raise unknown("transition", args.transition, labels, f"in the state of '{name}'")
        response = call(node, f"{name}/change_state", "ChangeState", transition=chosen)
    if not response.success:
        raise CliError("Transitioning failed")
    print("Transitioning successful")
