"""``ros2 topic``: the table of its verbs, and those that only look at the graph."""

from __future__ import annotations

import argparse

from ros2cli import graph, topic_echo, topic_hz, topic_pub
from ros2cli.verbs import verb


@verb("""
    Output a list of available topics

    [graph]
    -t, --show-types         Also show the type
    -c, --count-topics       Only show the number
    --include-hidden-topics  Hidden ones as well
    -v, --verbose            Show publishers and subscribers
""")
def list_topics(args: argparse.Namespace) -> None:
    with graph.cli_node(args) as node:
        graph.settle(node, args)
        found = graph.topics(node, args.include_hidden_topics)
        counts = {n: (node.count_publishers(n), node.count_subscribers(n)) for n in found}
    if not args.verbose or args.count_topics:
        graph.print_names(found, args.count_topics, args.show_types)
        return
    for index, (title, noun) in enumerate(
        [("Published", "publisher"), ("Subscribed", "subscriber")]
    ):
        print(f"{title} topics:")
        for name, types in found.items():
            if count := counts[name][index]:
                plural = "s" if count > 1 else ""
                print(f" * {name} [{', '.join(types)}] {count} {noun}{plural}")
        print()


@verb("""
    Print information about a topic

    [graph]
    topic_name               Name of the ROS topic (e.g. '/chatter')
    -v, --verbose            Print node, type hash, GUID and QoS of each endpoint
""")
def info(args: argparse.Namespace) -> None:
    end = "\n\n" if args.verbose else "\n"
    with graph.cli_node(args) as node:
        name, type_name = graph.topic_type(node, args, args.topic_name)
        # The name was found at the first endpoint; the others may still be on their way.
        graph.settle(node, args)
        print(f"Type: {type_name}", end=end)
        for title, endpoints in (
            ("Publisher", node.get_publishers_info_by_topic(name)),
            ("Subscription", node.get_subscriptions_info_by_topic(name)),
        ):
            print(f"{title} count: {len(endpoints)}", end=end)
            for endpoint in endpoints if args.verbose else ():
                print(endpoint, end=end)


COMMAND = {
    "echo": topic_echo.echo,
    "hz": topic_hz.hz,
    "info": info,
    "list": list_topics,
    "pub": topic_pub.pub,
}
