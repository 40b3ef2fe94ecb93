"""``ros2 param``: parameters of running nodes, through their parameter services."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from ros2cli import graph
from ros2cli.errors import CliError, unknown
from ros2cli.verbs import verb

if TYPE_CHECKING:
    from rclpy.node import Node

ANSWER_WAIT_S = 10.0

# rcl_interfaces/msg/ParameterType to the words of `param get` and of `param list --param-type`.
LABELS = {
    0: ("Parameter not set.", "not set"),
    1: ("Boolean value is:", "boolean"),
    2: ("Integer value is:", "integer"),
    3: ("Double value is:", "double"),
    4: ("String value is:", "string"),
    5: ("Byte values are:", "byte array"),
    6: ("Boolean values are:", "boolean array"),
    7: ("Integer values are:", "integer array"),
    8: ("Double values are:", "double array"),
    9: ("String values are:", "string array"),
}


class ParameterClient:
    """The parameters of one node; every method raises CliError when the node does not answer."""

    def __init__(self, node: Node, name: str) -> None:
        from rclpy.parameter_client import AsyncParameterClient

        self.name = name
        self._node = node
        self._client = AsyncParameterClient(node, name)
        if not self._client.wait_for_services(timeout_sec=ANSWER_WAIT_S):
            raise CliError(f"node '{name}' has no parameter services")

    def names(self) -> list[str]:
        return sorted(self._call(self._client.list_parameters([])).result.names)

    def values(self, names: list[str]) -> list[Any]:
        """rcl_interfaces/msg/ParameterValue for each name."""
        return list(self._call(self._client.get_parameters(names)).values) if names else []

    def set(self, parameters: list[Any]) -> list[Any]:
        """rcl_interfaces/msg/SetParametersResult for each."""
        return list(self._call(self._client.set_parameters(parameters)).results)

    def check(self, name: str) -> None:
        """CliError with the nearest name when the node has no such parameter."""
        known = self.names()
        if name not in known:
            raise unknown("parameter", name, known, f"of node '{self.name}'")

    def _call(self, future: Any) -> Any:
        import rclpy

        rclpy.spin_until_future_complete(self._node, future, timeout_sec=ANSWER_WAIT_S)
        if not future.done():
            raise CliError(f"node '{self.name}' did not answer within {ANSWER_WAIT_S:g} s")
        if future.result() is None:
            raise CliError(f"node '{self.name}' failed: {future.exception()!r}")
        return future.result()


def connect(node: Node, args: argparse.Namespace) -> ParameterClient:
    """The parameters of the node that the user named."""
    return ParameterClient(node, graph.find_node(node, args, args.node_name).full)


@verb("""
    Output a list of available parameters

    [graph]
    node_name TEXT?  Name of the ROS node (default: all)
    --param-type     Print the types as well
""")
def list_parameters(args: argparse.Namespace) -> None:
    with graph.cli_node(args) as node:
        if args.node_name:
            names = [graph.find_node(node, args, args.node_name).full]
        else:
            graph.settle(node, args)
            names = [found.full for found in graph.node_names(node)]
        for name in names:
            try:
                _print_names(ParameterClient(node, name), args)
            except CliError as error:
                if args.node_name:
                    raise
                print(error, file=sys.stderr)


def _print_names(client: ParameterClient, args: argparse.Namespace) -> None:
    names = client.names()
    if not args.node_name and names:
        print(f"{client.name}:")
    values = client.values(names) if args.param_type else []
    for index, name in enumerate(names):
        print(f"  {name} (type: {LABELS[values[index].type][1]})" if values else f"  {name}")


@verb("""
    Get parameter

    [graph]
    node_name       Name of the ROS node
    parameter_name  Name of the parameter
    --hide-type     Hide the type information
""")
def get(args: argparse.Namespace) -> None:
    with graph.cli_node(args) as node:
        client = connect(node, args)
        client.check(args.parameter_name)
        value = client.values([args.parameter_name])[0]
    label, python = LABELS[value.type][0], _to_python(value)
    if args.hide_type:
        print(python)
    elif python is None:
        print(label)
    else:
        print(label, python)


@verb("""
    Set parameter

    [graph]
    node_name       Name of the ROS node
    parameter_name  Name of the parameter
    value           Value of the parameter, as YAML
""")
def set_parameter(args: argparse.Namespace) -> None:
    from rcl_interfaces.msg import Parameter
    from rclpy.parameter import get_parameter_value

    parameter = Parameter(name=args.parameter_name, value=get_parameter_value(args.value))
    with graph.cli_node(args) as node:
        client = connect(node, args)
        client.check(args.parameter_name)
        result = client.set([parameter])[0]
    reason = f": {result.reason}" if result.reason else ""
    if not result.successful:
        raise CliError(f"Setting parameter failed{reason}")
    print(f"Set parameter successful{reason}")


@verb("""
    Show all parameters of a node as YAML

    [graph]
    node_name       Name of the ROS node
""")
def dump(args: argparse.Namespace) -> None:
    import yaml

    with graph.cli_node(args) as node:
        client = connect(node, args)
        names = client.names()
        values = client.values(names)
    tree: dict[str, Any] = {}
    for name, value in zip(names, values, strict=True):
        *branches, leaf = name.split(".")
        branch = tree
        for key in branches:
            branch = branch.setdefault(key, {})
        branch[leaf] = _to_python(value)
    print(yaml.dump({client.name: {"ros__parameters": tree}}, default_flow_style=False))


def _to_python(value: Any) -> Any:
    from rclpy.parameter import parameter_value_to_python

    python: Any = parameter_value_to_python(value)
    return python.tolist() if hasattr(python, "tolist") else python


COMMAND = {"dump": dump, "get": get, "list": list_parameters, "set": set_parameter}
