"""``ros2 interface``: definitions of messages, services and actions."""

from __future__ import annotations

import argparse

from ros2cli.command import Verb, add_verbs
from ros2cli.errors import CliError, unknown
from ros2cli.interfaces import KINDS, definition_file, full_name, interfaces

TITLES = {"msg": "Messages:", "srv": "Services:", "action": "Actions:"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_verbs(
        parser,
        {
            "list": Verb("List all interface types available", _list_arguments, list_interfaces),
            "package": Verb("List the types of one package", _package_arguments, package),
            "show": Verb("Output the interface definition", _show_arguments, show),
        },
    )


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-m", "--only-msgs", dest="kinds", action="append_const", const="msg")
    parser.add_argument("-s", "--only-srvs", dest="kinds", action="append_const", const="srv")
    parser.add_argument("-a", "--only-actions", dest="kinds", action="append_const", const="action")


def list_interfaces(args: argparse.Namespace) -> None:
    for kind in args.kinds or KINDS:
        print(TITLES[kind])
        for name, types in sorted(interfaces(kind).items()):
            for base in types:
                print(f"    {name}/{kind}/{base}")


def _package_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("package_name", help="Name of the package")


def package(args: argparse.Namespace) -> None:
    by_kind = {kind: interfaces(kind) for kind in KINDS}
    known = {name for found in by_kind.values() for name in found}
    if args.package_name not in known:
        raise unknown("package with interfaces", args.package_name, known)
    for kind, found in by_kind.items():
        for base in found.get(args.package_name, []):
            print(f"{args.package_name}/{kind}/{base}")


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("type", help="Type (e.g. 'std_msgs/msg/String')")
    parser.add_argument("--all-comments", action="store_true", help="Show comments of nested types")
    parser.add_argument("--no-comments", action="store_true", help="Show no comments")


def show(args: argparse.Namespace) -> None:
    parts = args.type.split("/")
    if len(parts) != 3:
        raise CliError(f"'{args.type}' is not a full type name such as std_msgs/msg/String")
    print("\n".join(_lines(args.type, parts[1], args, 0)))


def _lines(name: str, kind: str, args: argparse.Namespace, depth: int) -> list[str]:
    """The definition, each field of another type followed by that type's own, one tab deeper."""
    comments = not args.no_comments and (depth == 0 or args.all_comments)
    lines = []
    for line in definition_file(name, kind).read_text().splitlines():
        code = line.split("#")[0].rstrip()
        if comments or code:
            lines.append("\t" * depth + (line if comments else code))
        words = code.split()
        nested = _nested_type(words[0], name.split("/")[0]) if len(words) > 1 else None
        if nested is not None:
            lines += _lines(nested, "msg", args, depth + 1)
    return lines


def _nested_type(word: str, package_name: str) -> str | None:
    base = word.split("[")[0].split("<")[0]
    if "/" in base:
        return full_name(base, "msg")
    # Types of the same package start with an upper-case letter; primitive types do not.
    return f"{package_name}/msg/{base}" if base[:1].isupper() else None
