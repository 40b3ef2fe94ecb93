"""``ros2 node``."""

from __future__ import annotations

import argparse
import sys

from ros2cli import graph
from ros2cli.errors import warn
from ros2cli.verbs import verb


@verb("""
    Output a list of available nodes

    [graph]
    -a, --all          Display hidden nodes as well
    -c, --count-nodes  Only show the number
""")
def list_nodes(args: argparse.Namespace) -> None:
    with graph.cli_node(args) as node:
        graph.settle(node, args)
        names = [found.full for found in graph.node_names(node, args.all)]
    if args.count_nodes:
        print(len(names))
        return
    if len(set(names)) < len(names):
        warn("some nodes share an exact name, which can have unintended side effects.")
    for name in names:
        print(name)


@verb("""
    Output information about a node

    [graph]
    node_name         Fully qualified node name
    --include-hidden  Display hidden topics and services as well
""")
def info(args: argparse.Namespace) -> None:
    import rclpy.action as action

    with graph.cli_node(args) as node:
        found = graph.find_node(node, args, args.node_name)
        # The node's name arrives before all of its topics and services.
        graph.settle(node, args)
        count = graph.node_names(node, True).count(found)
        if count > 1:
            print(
                f'There are {count} nodes in the graph with the exact name "{found.full}". '
                "You are seeing information about only one of them.",
                file=sys.stderr,
            )
        where = (found.name, found.namespace)
        sections = {
            "Subscribers": node.get_subscriber_names_and_types_by_node(*where),
            "Publishers": node.get_publisher_names_and_types_by_node(*where),
            "Service Servers": node.get_service_names_and_types_by_node(*where),
            "Service Clients": node.get_client_names_and_types_by_node(*where),
            "Action Servers": action.get_action_server_names_and_types_by_node(node, *where),
            "Action Clients": action.get_action_client_names_and_types_by_node(node, *where),
        }
    print(found.full)
    for title, names_and_types in sections.items():
        print(f"  {title}:")
        visible = graph.visible(names_and_types, args.include_hidden)
        print("\n".join(f"    {name}: {', '.join(types)}" for name, types in visible.items()))


COMMAND = {"info": info, "list": list_nodes}
