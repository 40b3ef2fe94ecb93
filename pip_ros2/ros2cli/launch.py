"""``ros2 launch``: find a launch file, check what the user passes to it, run it.

Beyond the real command, a ``name:=value`` that the file does not declare is refused, with the
declared names and the nearest: there it is ignored without a word, so a mistyped ``taks:=reach``
starts the robot on the default task. ``--allow-undeclared`` passes it on, for files that read an
argument without declaring it.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from traceback import extract_tb
from typing import Any

from ros2cli import log_folder, packages
from ros2cli.errors import CliError, unknown
from ros2cli.verbs import verb


@verb("""
    Run a launch file

    -n, --noninteractive  Run the launch system non-interactively, with no terminal associated
    -d, --debug           Put the launch system in debug mode
    -s, --show-args, --show-arguments   Show arguments that may be given to the launch file
    -a, --show-all-subprocesses-output  Show all output, whatever the launch file says
    --allow-undeclared    Pass arguments on that the launch file does not declare
    --fail-with-required  Exit code 1 where a required process failed (without: 0, as the real one)
    package_name          Name of the package, or path of a launch file
    launch_file_name TEXT?           Name of the launch file
    launch_arguments WORD?...        Arguments: '<name>:=<value>' (of duplicates the last one wins)
""")
def run(args: argparse.Namespace) -> int | None:
    path, words = locate(args.package_name, args.launch_file_name, args.launch_arguments)
    passed = parse_arguments(words)
    description = load(path, args.debug)
    declared = description.get_launch_arguments()
    if not args.allow_undeclared:
        check_declared(passed, [argument.name for argument in declared], path)
    if args.show_args:
        print(describe_arguments(declared))
        return None
    if args.show_all_subprocesses_output:
        os.environ["OVERRIDE_LAUNCH_PROCESS_OUTPUT"] = "both"
    return _launch(path, passed, args)


def load(path: Path, debug: bool) -> Any:
    """The file's LaunchDescription; CliError with the line of the file that failed.

    With ``debug`` the error itself, with all that led to it.
    """
    from launch.launch_description_sources import get_launch_description_from_any_launch_file

    try:
        return get_launch_description_from_any_launch_file(str(path))
    except Exception as error:  # a launch file is a program and can raise anything
        if debug:
            raise
        lines = [f.lineno for f in extract_tb(error.__traceback__) if f.filename == str(path)]
        where = f"{path}, line {lines[-1]}" if lines else str(path)
        raise CliError(
            f"cannot load {where}: {type(error).__name__}: {error} (--debug shows more)"
        ) from None


def locate(
    package_or_path: str, file_name: str | None, arguments: list[str]
) -> tuple[Path, list[str]]:
    """The launch file and the words that are its arguments.

    An existing file may stand in place of the package; the next word is then an argument already.
    """
    path = Path(package_or_path)
    if path.is_file():
        return path.resolve(), [*([file_name] if file_name else []), *arguments]
    if path.suffix == ".py" or "/" in package_or_path:
        folder = path.parent
        known = [str(p) for p in sorted(folder.glob("*.launch.py"))] if folder.is_dir() else []
        raise unknown("launch file", package_or_path, known)
    share = packages.share_folder(package_or_path)
    known = [p.name for p in packages.files_below(share) if p.name.endswith("launch.py")]
    where = f"of package '{package_or_path}'"
    if file_name is None:
        raise CliError(f"name a launch file {where}: {', '.join(sorted(known)) or 'it has none'}")
    matches = packages.files_below(share, file_name)
    if not matches:
        raise unknown("launch file", file_name, known, where)
    if len(matches) > 1:
        listed = ", ".join(str(match) for match in matches)
        raise CliError(f"launch file '{file_name}' {where} is there more than once: {listed}")
    return matches[0], arguments


def parse_arguments(words: list[str]) -> dict[str, str]:
    """``name:=value`` words as a dictionary; the last of equal names wins."""
    passed = {}
    for word in words:
        name, separator, value = word.partition(":=")
        if not name or not separator or not value:
            raise CliError(f"malformed launch argument '{word}', expected '<name>:=<value>'")
        passed[name] = value
    return passed


def check_declared(passed: dict[str, str], declared: list[str], path: Path) -> None:
    """Refuse arguments that the file (with the files it includes) does not declare."""
    for name in passed:
        if name not in declared:
            raise unknown(
                "launch argument", name, declared, f"of {path.name} (--allow-undeclared passes it)"
            )


def describe_arguments(declared: list[Any]) -> str:
    """The text of ``--show-args``: names, descriptions and defaults."""
    lines = ["Arguments (pass arguments as '<name>:=<value>'):"]
    for argument in declared:
        conditional = getattr(argument, "_conditionally_included", False)
        lines += ["", f"    '{argument.name}':{'*' if conditional else ''}"]
        lines.append(f"        {argument.description}")
        if argument.default_value is not None:
            default = " + ".join(part.describe() for part in argument.default_value)
            lines.append(f"        (default: {default})")
    if not declared:
        lines += ["", "  No arguments."]
    elif any(getattr(argument, "_conditionally_included", False) for argument in declared):
        lines += ["", "* argument(s) which are only used if specific conditions occur"]
    return "\n".join(lines)


def _launch(path: Path, passed: dict[str, str], args: argparse.Namespace) -> int:
    from launch import LaunchDescription, LaunchService
    from launch.actions import IncludeLaunchDescription
    from launch.launch_description_sources import AnyLaunchDescriptionSource
    from launch.process_record import end_left_over

    if ended := end_left_over(log_folder.wanted()):
        listed = ", ".join(map(str, ended))
        print(f"ros2: ended what a launch that was killed had left running (pid {listed})")

    service = LaunchService(
        argv=[f"{name}:={value}" for name, value in passed.items()],
        noninteractive=args.noninteractive or not sys.stdin.isatty(),
        debug=args.debug,
    )
    # By way of an include, so that ThisLaunchFileDir and relative paths know where the file is.
    include = IncludeLaunchDescription(
        AnyLaunchDescriptionSource(str(path)), launch_arguments=passed.items()
    )
    service.include_launch_description(LaunchDescription([include]))
    code = int(service.run())
    failed = args.fail_with_required and bool(service.context._failed_requirements)
    return code or int(failed)


COMMAND = run
