"""Argument parsing shared by the commands: verbs from a table, and errors that suggest."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

from ros2cli.errors import CliError, unknown

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


class Verb(NamedTuple):
    """One row of a command's table: ``ros2 <command> <verb>``."""

    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int | None]


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
                f"install a ROS 2 distribution (https://docs.ros.org), whose {package} has it",
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


def add_verbs(parser: argparse.ArgumentParser, verbs: Mapping[str, Verb]) -> None:
    """Add one sub-parser per verb; without a verb the command prints its help."""
    subparsers = parser.add_subparsers(metavar="<verb>", title="verbs")
    for name, verb in verbs.items():
        sub = subparsers.add_parser(name, help=verb.summary, description=verb.summary)
        verb.add_arguments(sub)
        sub.set_defaults(run=verb.run)
    parser.set_defaults(run=lambda _: parser.print_help())


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


def positive_float(text: str) -> float:
    """Argument type: a number above zero."""
    value = _number(text, float)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above zero")
    return value


def non_negative_float(text: str) -> float:
    """Argument type: zero or more."""
    value = _number(text, float)
    if not 0.0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not zero or more")
    return value


def positive_int(text: str) -> int:
    """Argument type: a whole number above zero."""
    value = _number(text, int)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above zero")
    return value


def non_negative_int(text: str) -> int:
    """Argument type: a whole number, zero or more."""
    value = _number(text, int)
    if value < 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of zero or more")
    return value


def _number(text: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number") from None
