"""``ros2 topic``: the table of its verbs, and those that only look at the graph."""

from __future__ import annotations

import argparse

from ros2cli import graph, topic_echo, topic_hz, topic_pub
from ros2cli.command import Verb, add_verbs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_verbs(
        parser,
        {
            "echo": Verb("Output messages from a topic", topic_echo.add_arguments, topic_echo.echo),
            "hz": Verb(
                "Print the average publishing rate to screen",
                topic_hz.add_arguments,
                topic_hz.hz,
            ),
            "info": Verb("Print information about a topic", _info_arguments, info),
            "list": Verb("Output a list of available topics", _list_arguments, list_topics),
            "pub": Verb("Publish a message to a topic", topic_pub.add_arguments, topic_pub.pub),
        },
    )


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument("-t", "--show-types", action="store_true", help="Also show the type")
    parser.add_argument("-c", "--count-topics", action="store_true", help="Only show the number")
    parser.add_argument("--include-hidden-topics", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true", help="Show publishers, subscribers")


def list_topics(args: argparse.Namespace) -> None:
    with graph.cli_node(args) as node:
        graph.settle(node, args)
        found = graph.topics(node, args.include_hidden_topics)
        counts = {n: (node.count_publishers(n), node.count_subscribers(n)) for n in found}
    if args.count_topics:
        print(len(found))
    elif args.verbose:
        for index, (title, noun) in enumerate(
            [("Published", "publisher"), ("Subscribed", "subscriber")]
        ):
            print(f"{title} topics:")
            for name, types in found.items():
                count = counts[name][index]
                if count:
                    plural = "s" if count > 1 else ""
                    print(f" * {name} [{', '.join(types)}] {count} {noun}{plural}")
            print()
    else:
        for name, types in found.items():
            print(f"{name} [{', '.join(types)}]" if args.show_types else name)


def _info_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument("topic_name", help="Name of the ROS topic (e.g. '/chatter')")
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="Print node, type hash, GUID and QoS of each publisher and subscriber",
    )


def info(args: argparse.Namespace) -> None:
    end = "\n\n" if args.verbose else "\n"
    with graph.cli_node(args) as node:
        name, type_name = graph.topic_type(node, args, args.topic_name)
        # The name was found at the first endpoint; the others may still be on their way.
        graph.settle(node, args)
        print(f"Type: {type_name}", end=end)
        print(f"Publisher count: {node.count_publishers(name)}", end=end)
        for endpoint in node.get_publishers_info_by_topic(name) if args.verbose else []:
            print(endpoint, end=end)
        print(f"Subscription count: {node.count_subscribers(name)}", end=end)
        for endpoint in node.get_subscriptions_info_by_topic(name) if args.verbose else []:
            print(endpoint, end=end)
