"""Verbs and what they take, each said once: the text that help shows is the declaration.

    @verb('''
        Play back ROS data from a bag

        bag_path PATH             a positional argument and its type; without: a text
        other TEXT?=x             one that may be left out, and is 'x' then
        topics TOPIC?...          none or more of them; without the question mark: one or more
        -r, --rate HZ=1.0         an option with a value: type and default
        --clock HZ?=40            given without a value it is 40
        --mode fast|slow=fast     one of these
        -l, --loop                an option without a value
        [graph]                   what is declared under this name in BLOCKS
    ''')
    def play(args): ...

A type that is not in TYPES is a text. A line without an explanation is not shown in the help.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any, NoReturn

from ros2cli.discovery import LIMIT_S
from ros2cli.errors import CliError, unknown

DISTRIBUTION = "install a ROS 2 distribution (https://docs.ros.org)"
# What the real command has and this one has not.
GONE = {
    "ros2": (
        "action", "component", "control", "daemon", "interface", "lifecycle", "multicast",
        "plugin", "security", "test", "trace",
    ),
    "ros2 bag": ("burst", "convert", "list"),
    "ros2 doctor": ("hello",),
    "ros2 param": ("delete", "describe", "load"),
    "ros2 pkg": ("create", "xml"),
    "ros2 service": ("echo", "find"),
    "ros2 topic": ("bw", "delay", "find", "type"),
}  # fmt: skip

Run = Callable[[argparse.Namespace], "int | None"]
Command = Run | Mapping[str, Run]  # a verb, or the verbs of a command by their names


def verb(text: str) -> Callable[[Run], Run]:
    """Decorator of the function that does it: a line that tells what, then what it takes."""

    def declare(run: Run) -> Run:
        vars(run)["declared"] = dedent(text).strip()
        return run

    return declare


class Parser(argparse.ArgumentParser):
    """argparse with suggestions for a mistyped command, verb or choice (exit code 2)."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        if value in GONE.get(self.prog, ()):
            package = "".join((*self.prog.split(), str(value))[:2])
            raise argparse.ArgumentError(
                None,
                f"'{self.prog} {value}' is not part of what comes with the PyPI wheels: "
                f"{DISTRIBUTION}, whose {package} has it",
            )
        kind = action.metavar if isinstance(action.metavar, str) else "value"
        if action.option_strings:
            kind = f"value of {action.option_strings[-1]}"
        raise argparse.ArgumentError(
            None, str(unknown(kind.strip("<>"), str(value), map(str, action.choices)))
        )

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: error: {message}\n")

    def add(self, command: Command) -> None:
        """Add the arguments of a verb, or the verbs of a command, each as a parser of its own.

        Without a verb the command prints its help.
        """
        if callable(command):
            _add_arguments(self, vars(command)["declared"].partition("\n")[2])
            self.set_defaults(run=command, parser=self)
            return
        subparsers = self.add_subparsers(metavar="<verb>", title="verbs")
        for name, run in command.items():
            summary = vars(run)["declared"].partition("\n")[0]
            subparsers.add_parser(name, help=summary, description=summary).add(run)
        self.set_defaults(run=lambda _: self.print_help())


_VALUE = re.compile(r"(?P<type>[^=?.]+)(?P<optional>\?)?(?P<many>\.\.\.)?(?:=(?P<default>.*))?")


def _add_arguments(parser: Parser, text: str) -> None:
    """One for each line."""
    for line in filter(None, map(str.strip, text.splitlines())):
        if line in BLOCKS:
            _add_arguments(parser, BLOCKS[line])
            continue
        what, _, explanation = line.partition("  ")
        names = re.split(",? ", what)
        options: dict[str, Any] = {"help": explanation.strip() or argparse.SUPPRESS}
        is_option = names[0].startswith("-")
        if len(names) > 1 and not names[-1].startswith("-"):
            options.update(_value_options(names.pop(), is_option))
        elif is_option:
            options["action"] = "store_true"
        parser.add_argument(*names, **options)


def _value_options(value: str, is_option: bool) -> dict[str, Any]:
    """What `add_argument` of argparse calls it."""
    match = _VALUE.fullmatch(value)
    assert match is not None, value
    kind, default = match["type"], match["default"]
    options: dict[str, Any] = {"type": TYPES.get(kind, str)}
    if kind in CHOICES or kind.islower():
        options["choices"] = CHOICES.get(kind) or kind.split("|")
    elif is_option:
        options["metavar"] = kind
    if kind == "REST":
        options["nargs"] = argparse.REMAINDER
    elif match["many"]:
        options.update(nargs="*" if match["optional"] else "+", default=[])
    elif match["optional"]:
        options["nargs"] = "?"
    if default is not None and is_option and match["optional"]:
        options["const"] = options["type"](default)
    elif default is not None:
        options["default"] = default
    return options


def expression(text: str) -> Callable[[Any], Any]:
    """Argument type: a Python expression of ``m``; calling it with a message evaluates it."""
    try:
        code = compile(text, "EXPR", "eval")
    except (SyntaxError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not an expression: {error}") from None

    def evaluate(message: Any) -> Any:
        try:
            return eval(code, {"m": message})
        except Exception as error:  # whatever the user's expression raises
            raise CliError(f"cannot evaluate '{text}': {error!r}") from None

    return evaluate


def _number(kind: type, wanted: str, fits: Callable[[Any], bool]) -> Callable[[str], Any]:
    """An argument type: a finite number of this kind that fits."""

    def convert(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number") from None
        if not fits(value) or value == float("inf"):
            raise argparse.ArgumentTypeError(f"'{text}' is not {wanted}")
        return value

    return convert


positive_float = _number(float, "a number above zero", lambda value: value > 0)
non_negative_int = _number(int, "a whole number of zero or more", lambda value: value >= 0)
TYPES: dict[str, Callable[[str], Any]] = {
    "BYTES": _number(int, "a whole number above zero", lambda value: value > 0),
    "COUNT": non_negative_int,
    "DELAY": _number(float, "a number of zero or more", lambda value: value >= 0),
    "EXPR": expression,
    "HZ": positive_float,
    "N": int,
    "NUMBER": float,
    "PATH": Path,
    "SECONDS": positive_float,
}

# The words of rclpy.qos (a test compares them), which the help of a command does not import.
CHOICES = {
    "PROFILE": (
        "unknown", "default", "system_default", "sensor_data", "services_default", "parameters",
        "parameter_events", "action_status_default", "best_available", "rosout_default",
    ),
    "HISTORY": ("system_default", "keep_last", "keep_all", "unknown"),
    "RELIABILITY": ("system_default", "reliable", "best_effort", "unknown", "best_available"),
    "DURABILITY": ("system_default", "transient_local", "volatile", "unknown", "best_available"),
    "LIVELINESS": ("system_default", "automatic", "manual_by_topic", "unknown", "best_available"),
}  # fmt: skip
BLOCKS = {
    "[graph]": f"""
        --spin-time SECONDS={LIMIT_S:g}  Longest wait for discovery in s (default: {LIMIT_S:g})
        -s, --use-sim-time    Enable ROS simulation time
        --no-daemon
        """,
    "[qos]": """
        --qos-depth COUNT              How many messages are kept for whom is slow
        --qos-history HISTORY          Whether all of them are kept
        --qos-reliability RELIABILITY  Whether what got lost is sent again
        --qos-durability DURABILITY    Whether who comes late gets what was sent before
        --qos-liveliness LIVELINESS    How a publisher shows that it is alive
        --qos-liveliness-lease-duration-seconds SECONDS  After how long without it is not
        """,
    "[bag]": """
        bag_path PATH                Bag to open
        -s, --storage mcap|sqlite3
        """,
    "[chunks]": """
        --compression none|lz4|zstd=none  Compression of the MCAP chunks (default: none)
        """,
}
