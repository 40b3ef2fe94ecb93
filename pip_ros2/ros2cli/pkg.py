"""``ros2 pkg``: packages of the ament index."""

from __future__ import annotations

import argparse

from ros2cli import packages
from ros2cli.verbs import verb


@verb("""
    Output a list of available packages
""")
def list_packages(_: argparse.Namespace) -> None:
    for name in sorted(packages.packages()):
        print(name)


@verb("""
    Output the prefix path of a package

    package_name  The package name
    --share       Show share directory for the package
""")
def prefix(args: argparse.Namespace) -> None:
    locate = packages.share_folder if args.share else packages.package_prefix
    print(locate(args.package_name))


@verb("""
    Output the executables of one or all packages

    package_name TEXT?  The package name
    --full-path         Show full path of each executable
""")
def executables(args: argparse.Namespace) -> None:
    names = [args.package_name] if args.package_name else sorted(packages.packages())
    for name in names:
        for path in packages.executables(name):
            print(path if args.full_path else f"{name} {path.name}")


COMMAND = {"executables": executables, "list": list_packages, "prefix": prefix}
