"""``ros2 service``."""

from __future__ import annotations

import argparse
import time
from typing import Any

from ros2cli import graph
from ros2cli.errors import CliError, unknown
from ros2cli.interfaces import full_name, import_interface
from ros2cli.verbs import verb


@verb("""
    Output a list of available services

    [graph]
    -t, --show-types           Also show the type
    -c, --count-services       Only show the number
    --include-hidden-services  Hidden ones as well
""")
def list_services(args: argparse.Namespace) -> None:
    with graph.cli_node(args) as node:
        graph.settle(node, args)
        found = graph.services(node, args.include_hidden_services)
    graph.print_names(found, args.count_services, args.show_types)


@verb("""
    Output a service's type

    [graph]
    service_name    Name of the ROS service (e.g. '/add_two_ints')
""")
def service_type(args: argparse.Namespace) -> None:
    with graph.cli_node(args) as node:
        print(graph.service_type(node, args, args.service_name)[1])


@verb("""
    Print information about a service

    [graph]
    service_name    Name of the ROS service (e.g. '/add_two_ints')
""")
def info(args: argparse.Namespace) -> None:
    with graph.cli_node(args) as node:
        name, type_name = graph.service_type(node, args, args.service_name)
        graph.settle(node, args)
        print(f"Type: {type_name}")
        print(f"Clients count: {node.count_clients(name)}")
        print(f"Services count: {node.count_services(name)}")


@verb("""
    Call a service

    [graph]
    service_name    Name of the ROS service (e.g. '/add_two_ints')
    service_type    Type (e.g. 'std_srvs/srv/Empty')
    values TEXT?={}  Request in YAML format (e.g. '{a: 1, b: 2}')
    -r, --rate HZ   Repeat the call at N Hz
""")
def call(args: argparse.Namespace) -> None:
    import rclpy

    from ros2cli.messages import parse_values, set_fields

    cls = import_interface(args.service_type, "srv")
    request = cls.Request()
    set_fields(request, parse_values(args.values))
    with graph.cli_node(args) as node:
        name = graph.resolve(node, args.service_name)
        client: Any = node.create_client(cls, name)
        if not client.service_is_ready():
            print("waiting for service to become available...")
            if not graph.find(args, client.service_is_ready):
                _explain_missing(graph.services(node, True), name, args.service_type)
        while True:
            print(f"requester: making request: {request!r}\n")
            called = time.monotonic()
            future = client.call_async(request)
            rclpy.spin_until_future_complete(node, future)
            if future.result() is None:
                raise CliError(f"the call of '{name}' failed: {future.exception()!r}")
            print(f"response:\n{future.result()!r}\n")
            if args.rate is None:
                return
            time.sleep(max(0.0, called + 1.0 / args.rate - time.monotonic()))


def _explain_missing(known: dict[str, list[str]], name: str, type_name: str) -> None:
    """``known`` holds our own client too, which is why its type does not count."""
    others = [other for other in known.pop(name, []) if other != full_name(type_name, "srv")]
    if others:
        raise CliError(f"service '{name}' is of type {', '.join(others)}, not {type_name}")
    visible = [other for other in known if not graph.is_hidden(other)]
    raise unknown("service", name, visible, "(--spin-time waits longer)")


COMMAND = {"call": call, "info": info, "list": list_services, "type": service_type}
