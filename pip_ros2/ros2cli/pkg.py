"""``ros2 pkg``: packages of the ament index."""

from __future__ import annotations

import argparse

from ros2cli import packages
from ros2cli.command import Verb, add_verbs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_verbs(
        parser,
        {
            "executables": Verb(
                "Output the executables of one or all packages", _executables_arguments, executables
            ),
            "list": Verb("Output a list of available packages", lambda _: None, list_packages),
            "prefix": Verb("Output the prefix path of a package", _prefix_arguments, prefix),
        },
    )


def list_packages(_: argparse.Namespace) -> None:
    for name in sorted(packages.packages()):
        print(name)


def _prefix_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("package_name", help="The package name")
    parser.add_argument("--share", action="store_true", help="Show share directory for the package")


def prefix(args: argparse.Namespace) -> None:
    locate = packages.share_folder if args.share else packages.package_prefix
    print(locate(args.package_name))


def _executables_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("package_name", nargs="?", help="The package name")
    parser.add_argument(
        "--full-path", action="store_true", help="Show full path of each executable"
    )


def executables(args: argparse.Namespace) -> None:
    names = [args.package_name] if args.package_name else sorted(packages.packages())
    for name in names:
        for path in packages.executables(name):
            print(path if args.full_path else f"{name} {path.name}")
