"""Substitutions: texts that are only known when the launch runs."""

from __future__ import annotations

import importlib
import math
import os
import random
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from . import logging
from .bases import (
    LaunchContext,
    SomeSubstitutionsType,
    Substitution,
    SubstitutionFailure,
    TextSubstitution,
)
from .refusal import nearest
from .utilities import (
    coerce_to_type,
    describe_substitutions,
    is_substitution,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

__all__ = [
    "AllSubstitution",
    "AndSubstitution",
    "AnonName",
    "AnySubstitution",
    "Command",
    "EnvironmentVariable",
    "EqualsSubstitution",
    "FileContent",
    "FindExecutable",
    "IfElseSubstitution",
    "LaunchConfiguration",
    "LaunchLogDir",
    "LocalSubstitution",
    "NotEqualsSubstitution",
    "NotSubstitution",
    "OrSubstitution",
    "PathJoinSubstitution",
    "PathSubstitution",
    "PythonExpression",
    "StringJoinSubstitution",
    "SubstitutionFailure",
    "TextSubstitution",
    "ThisLaunchFile",
    "ThisLaunchFileDir",
]


def perform_bool(context: LaunchContext, value: list[Substitution]) -> bool:
    """Return the truth value that YAML gives the text ('1' and '0' count too).

    Raises SubstitutionFailure for any other text.
    """
    text = perform_substitutions(context, value)
    try:
        return coerce_to_type(text, bool)
    except ValueError as error:
        raise SubstitutionFailure(f"'{text}' is neither true nor false") from error


def bool_text(value: bool) -> str:
    """Return 'true' or 'false'."""
    return "true" if value else "false"


class _BooleanSubstitution(Substitution):
    """Combines truth values; subclasses define `_combine`."""

    def __init__(self, *values: SomeSubstitutionsType) -> None:
        self.args = [normalize_to_list_of_substitutions(value) for value in values]

    def describe(self) -> str:
        values = [describe_substitutions(value) for value in self.args]
        return f"{type(self).__name__}({', '.join(values)})"

    def perform(self, context: LaunchContext) -> str:
        return bool_text(self._combine([perform_bool(context, value) for value in self.args]))

    def _combine(self, values: list[bool]) -> bool:
        raise TypeError(f"{type(self).__name__} must define _combine")


class NotSubstitution(_BooleanSubstitution):
    """'true' if the value is false."""

    def __init__(self, value: SomeSubstitutionsType) -> None:
        super().__init__(value)

    def _combine(self, values: list[bool]) -> bool:
        return not values[0]


class AndSubstitution(_BooleanSubstitution):
    """'true' if both values are true."""

    def __init__(self, left: SomeSubstitutionsType, right: SomeSubstitutionsType) -> None:
        super().__init__(left, right)

    def _combine(self, values: list[bool]) -> bool:
        return all(values)


class OrSubstitution(_BooleanSubstitution):
    """'true' if at least one of both values is true."""

    def __init__(self, left: SomeSubstitutionsType, right: SomeSubstitutionsType) -> None:
        super().__init__(left, right)

    def _combine(self, values: list[bool]) -> bool:
        return any(values)


class AnySubstitution(_BooleanSubstitution):
    """'true' if at least one of the values is true."""

    def _combine(self, values: list[bool]) -> bool:
        return any(values)


class AllSubstitution(_BooleanSubstitution):
    """'true' if all values are true."""

    def _combine(self, values: list[bool]) -> bool:
        return all(values)


def normalize_default(default: Any) -> list[Substitution] | None:
    """Return a default as substitutions; numbers and truth values become text."""
    if default is None:
        return None
    many = isinstance(default, Iterable) and not isinstance(default, (str, os.PathLike))
    parts = default if many else [default]
    return normalize_to_list_of_substitutions(
        [part if isinstance(part, Substitution) else str(part) for part in parts]
    )


class LaunchConfiguration(Substitution):
    """The launch configuration's value; not set and no default: a failure that lists those set."""

    def __init__(self, variable_name: SomeSubstitutionsType, *, default: Any = None) -> None:
        self.variable_name = normalize_to_list_of_substitutions(variable_name)
        self._default = normalize_default(default)

    def describe(self) -> str:
        return f"LaunchConfig({describe_substitutions(self.variable_name)})"

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self.variable_name)
        configurations = context.launch_configurations
        if name in configurations:
            return configurations[name]
        if self._default is None:
            raise SubstitutionFailure(
                f"launch configuration '{name}' does not exist{nearest(name, configurations)} "
                f"(set: {', '.join(sorted(configurations)) or 'none'})"
            )
        return perform_substitutions(context, self._default)


class EnvironmentVariable(Substitution):
    """The variable as it is when the launch gets there; unset and no default: a failure."""

    def __init__(
        self,
        name: SomeSubstitutionsType,
        *,
        default_value: SomeSubstitutionsType | None = None,
    ) -> None:
        self.name = normalize_to_list_of_substitutions(name)
        self.default_value = (
            None if default_value is None else normalize_to_list_of_substitutions(default_value)
        )

    def describe(self) -> str:
        return f"EnvVar({describe_substitutions(self.name)})"

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self.name)
        if name in context.environment:
            return context.environment[name]
        if self.default_value is None:
            raise SubstitutionFailure(f"environment variable '{name}' does not exist")
        return perform_substitutions(context, self.default_value)


class PathJoinSubstitution(Substitution):
    """Parts joined to a path; `/` adds another, as with pathlib.

    A part may be a list that makes one name: `["config_", LaunchConfiguration("map"), ".yaml"]`.
    """

    def __init__(self, substitutions: Iterable[SomeSubstitutionsType]) -> None:
        self.substitutions = [normalize_to_list_of_substitutions(part) for part in substitutions]

    def describe(self) -> str:
        parts = (describe_substitutions(part) for part in self.substitutions)
        return f"PathJoin({', '.join(parts)})"

    def perform(self, context: LaunchContext) -> str:
        return os.path.join(*(perform_substitutions(context, part) for part in self.substitutions))

    def __truediv__(self, additional_path: SomeSubstitutionsType) -> PathJoinSubstitution:
        return PathJoinSubstitution([*self.substitutions, additional_path])


class PathSubstitution(PathJoinSubstitution):
    """A path to go on from with `/`: `PathSubstitution(FindPackageShare("pkg")) / "config"`."""

    def __init__(self, path: SomeSubstitutionsType) -> None:
        super().__init__(normalize_to_list_of_substitutions(path))


class ThisLaunchFile(PathSubstitution):
    """The absolute path of the launch file that is being visited."""

    _local = "current_launch_file_path"

    def __init__(self) -> None:
        super().__init__(self)

    def describe(self) -> str:
        return f"{type(self).__name__}()"

    def perform(self, context: LaunchContext) -> str:
        values = context.get_locals_as_dict()
        if self._local not in values:
            raise SubstitutionFailure(f"{type(self).__name__} used outside of a launch file")
        return values[self._local]


class ThisLaunchFileDir(ThisLaunchFile):
    """The absolute path of the folder of the launch file that is being visited."""

    _local = "current_launch_file_directory"


class LaunchLogDir(PathSubstitution):
    """The folder of this launch's log files."""

    def __init__(self) -> None:
        super().__init__(self)

    def describe(self) -> str:
        return "LaunchLogDir()"

    def perform(self, context: LaunchContext) -> str:
        return logging.launch_config.log_dir


class LocalSubstitution(Substitution):
    """A Python expression on `context.locals`, such as 'event.returncode'."""

    def __init__(self, expression: str, description: str | None = None) -> None:
        if not isinstance(expression, str):
            raise TypeError(f"LocalSubstitution: expression must be a str, got {expression!r}")
        self.expression = expression
        self.description = description

    def describe(self) -> str:
        return f"LocalVar('{self.description or self.expression}')"

    def perform(self, context: LaunchContext) -> str:
        # The expression comes from the launch file, which is itself Python code.
        return str(eval(f"_locals.{self.expression}", {"_locals": context.locals}))


class AnonName(Substitution):
    """The name with host, process and a random number; the same for the same name in a launch."""

    def __init__(self, name: SomeSubstitutionsType) -> None:
        self.name = normalize_to_list_of_substitutions(name)

    def describe(self) -> str:
        return f"AnonName({describe_substitutions(self.name)})"

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self.name)
        # Kept where the real package keeps it, so that it is scoped in the same way.
        key = "anon" + name
        if key not in context.launch_configurations:
            number = random.randint(0, sys.maxsize)
            unique = f"{name}_{socket.gethostname()}_{os.getpid()}_{number}"
            context.launch_configurations[key] = re.sub(r"[.:-]", "_", unique)
        return context.launch_configurations[key]


_ON_STDERR = ("fail", "ignore", "warn", "capture")


class Command(Substitution):
    """The standard output of a command, split as a shell splits words.

    `on_stderr` says what output to standard error means: 'fail' (SubstitutionFailure),
    'ignore', 'warn' (logged) or 'capture' (part of the result). A command that cannot be found
    or returns non-zero is a SubstitutionFailure.
    """

    def __init__(
        self, command: SomeSubstitutionsType, *, on_stderr: SomeSubstitutionsType = "fail"
    ) -> None:
        self.command = normalize_to_list_of_substitutions(command)
        self.on_stderr = normalize_to_list_of_substitutions(on_stderr)

    def describe(self) -> str:
        return f"Command({describe_substitutions(self.command)})"

    def perform(self, context: LaunchContext) -> str:
        command = perform_substitutions(context, self.command)
        on_stderr = perform_substitutions(context, self.on_stderr)
        if on_stderr not in _ON_STDERR:
            raise SubstitutionFailure(f"on_stderr '{on_stderr}' is not one of {_ON_STDERR}")
        try:
            result = subprocess.run(
                shlex.split(command),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if on_stderr == "capture" else subprocess.PIPE,
                text=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise SubstitutionFailure(f"command '{command}' not found: {error}") from error
        printed = f"\nstandard error:\n{result.stderr}" if result.stderr else ""
        if result.returncode != 0:
            raise SubstitutionFailure(
                f"command '{command}' failed with exit code {result.returncode}{printed}"
            )
        if printed and on_stderr == "fail":
            raise SubstitutionFailure(f"command '{command}' wrote to standard error{printed}")
        if printed and on_stderr == "warn":
            logging.get_logger("launch").warning("command '%s'%s", command, printed)
        return result.stdout


_TRUE, _FALSE = ("true", "1"), ("false", "0")


class EqualsSubstitution(Substitution):
    """'true' if both values are equal: as truth values, as numbers, otherwise as texts."""

    def __init__(self, left: Any, right: Any) -> None:
        self.left = _normalize(left)
        self.right = _normalize(right)

    def describe(self) -> str:
        left, right = (describe_substitutions(side) for side in (self.left, self.right))
        return f"{type(self).__name__}({left}, {right})"

    def perform(self, context: LaunchContext) -> str:
        return bool_text(self._equal(context))

    def _equal(self, context: LaunchContext) -> bool:
        left = perform_substitutions(context, self.left)
        right = perform_substitutions(context, self.right)
        if left.lower() in _TRUE + _FALSE and right.lower() in _TRUE + _FALSE:
            return (left.lower() in _TRUE) == (right.lower() in _TRUE)
        try:
            return math.isclose(float(left), float(right))
        except ValueError:
            return left == right


def _normalize(value: Any) -> list[Substitution]:
    if is_substitution(value):
        return normalize_to_list_of_substitutions(value)
    if value is None:
        return normalize_to_list_of_substitutions("")
    if isinstance(value, bool):
        return normalize_to_list_of_substitutions(bool_text(value))
    return normalize_to_list_of_substitutions(str(value))


class NotEqualsSubstitution(EqualsSubstitution):
    """The opposite of `EqualsSubstitution`."""

    def perform(self, context: LaunchContext) -> str:
        return bool_text(not self._equal(context))


class IfElseSubstitution(Substitution):
    """`if_value` if the condition is true, else `else_value`."""

    def __init__(
        self,
        condition: SomeSubstitutionsType,
        if_value: SomeSubstitutionsType = "",
        else_value: SomeSubstitutionsType = "",
    ) -> None:
        if if_value == "" and else_value == "":
            raise RuntimeError("IfElseSubstitution: if_value or else_value must be given")
        self.condition = normalize_to_list_of_substitutions(condition)
        self.if_value = normalize_to_list_of_substitutions(if_value)
        self.else_value = normalize_to_list_of_substitutions(else_value)

    def describe(self) -> str:
        values = (
            describe_substitutions(value)
            for value in (self.condition, self.if_value, self.else_value)
        )
        return f"IfElseSubstitution({', '.join(values)})"

    def perform(self, context: LaunchContext) -> str:
        chosen = self.if_value if perform_bool(context, self.condition) else self.else_value
        return perform_substitutions(context, chosen)


class FileContent(Substitution):
    """The text of a file; SubstitutionFailure if it cannot be read."""

    def __init__(self, path: SomeSubstitutionsType) -> None:
        self.path = normalize_to_list_of_substitutions(path)

    def describe(self) -> str:
        return f"FileContent({describe_substitutions(self.path)})"

    def perform(self, context: LaunchContext) -> str:
        path = perform_substitutions(context, self.path)
        try:
            with open(path, encoding="utf-8") as file:
                return file.read()
        except OSError as error:
            raise SubstitutionFailure(f"cannot read file '{path}': {error}") from error


class FindExecutable(Substitution):
    """The path of a program on the PATH; SubstitutionFailure if there is none."""

    def __init__(self, *, name: SomeSubstitutionsType) -> None:
        self.name = normalize_to_list_of_substitutions(name)

    def describe(self) -> str:
        return f"FindExec({describe_substitutions(self.name)})"

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self.name)
        path = shutil.which(name)
        if path is None:
            raise SubstitutionFailure(f"executable '{name}' not found on the PATH")
        return path


class PythonExpression(Substitution):
    """A Python expression as text, evaluated with the modules named; `math` without its name."""

    def __init__(
        self,
        expression: SomeSubstitutionsType,
        python_modules: SomeSubstitutionsType = ("math",),
    ) -> None:
        self.expression = normalize_to_list_of_substitutions(expression)
        self.python_modules = normalize_to_list_of_substitutions(python_modules)

    def describe(self) -> str:
        expression = describe_substitutions(self.expression)
        modules = ", ".join(part.describe() for part in self.python_modules)
        return f"PythonExpr({expression}, [{modules}])"

    def perform(self, context: LaunchContext) -> str:
        values: dict[str, object] = {}
        for part in self.python_modules:
            name = context.perform_substitution(part)
            module = importlib.import_module(name)
            if name == "math":
                values.update(vars(module))
            values[name] = module
        # The expression comes from the launch file, which is itself Python code.
        return str(eval(perform_substitutions(context, self.expression), {}, values))


class StringJoinSubstitution(Substitution):
    """The texts, joined as `str.join` does."""

    def __init__(
        self,
        substitutions: Iterable[SomeSubstitutionsType],
        delimiter: SomeSubstitutionsType = "",
    ) -> None:
        self.substitutions = [normalize_to_list_of_substitutions(part) for part in substitutions]
        self.delimiter = normalize_to_list_of_substitutions(delimiter)

    def describe(self) -> str:
        parts = (describe_substitutions(part) for part in self.substitutions)
        return f"StringJoin({', '.join(parts)})"

    def perform(self, context: LaunchContext) -> str:
        parts = (perform_substitutions(context, part) for part in self.substitutions)
        return perform_substitutions(context, self.delimiter).join(parts)
