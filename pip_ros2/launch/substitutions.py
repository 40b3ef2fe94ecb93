"""Substitutions: texts that are only known when the launch runs."""

from __future__ import annotations

import importlib
import math
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from typing import Any

from . import logging
from .bases import (
    LaunchContext,
    SomeSubstitutionsType,
    Substitution,
    SubstitutionFailure,
    Text,
    optional,
)
from .bases import TextSubstitution as TextSubstitution
from .refusal import nearest
from .utilities import coerce_to_type, is_substitution


def perform_bool(context: LaunchContext, value: Text) -> bool:
    """Return the truth value that YAML gives the text ('1' and '0' count too).

    Raises SubstitutionFailure for any other text.
    """
    text = value.perform(context)
    try:
        return coerce_to_type(text, bool)
    except ValueError as error:
        raise SubstitutionFailure(f"'{text}' is neither true nor false") from error


def bool_text(value: bool) -> str:
    """Return 'true' or 'false'."""
    return "true" if value else "false"


class _BooleanSubstitution(Substitution):
    """Combines two truth values."""

    _decisive: bool  # one such value makes it the whole

    def __init__(self, left: SomeSubstitutionsType, right: SomeSubstitutionsType) -> None:
        self.left, self.right = Text(left), Text(right)

    def perform(self, context: LaunchContext) -> str:
        values = [perform_bool(context, value) for value in (self.left, self.right)]
        return bool_text((self._decisive in values) == self._decisive)


class AndSubstitution(_BooleanSubstitution):
    """'true' if both values are true."""

    _decisive = False


class OrSubstitution(_BooleanSubstitution):
    """'true' if at least one of both values is true."""

    _decisive = True


class NotSubstitution(Substitution):
    """'true' if the value is false."""

    def __init__(self, value: SomeSubstitutionsType) -> None:
        self.value = Text(value)

    def perform(self, context: LaunchContext) -> str:
        return bool_text(not perform_bool(context, self.value))


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
        self.condition = Text(condition)
        self.if_value, self.else_value = Text(if_value), Text(else_value)

    def perform(self, context: LaunchContext) -> str:
        chosen = self.if_value if perform_bool(context, self.condition) else self.else_value
        return chosen.perform(context)


def _as_text(value: Any) -> Text:
    """Return a value as text; numbers and truth values as they are written in YAML."""
    if is_substitution(value):
        return Text(value)
    if isinstance(value, bool):
        return Text(bool_text(value))
    return Text("" if value is None else str(value))


_TRUE, _FALSE = ("true", "1"), ("false", "0")


class EqualsSubstitution(Substitution):
    """'true' if both values are equal: as truth values, as numbers, otherwise as texts."""

    def __init__(self, left: Any, right: Any) -> None:
        self.left, self.right = _as_text(left), _as_text(right)

    def perform(self, context: LaunchContext) -> str:
        return bool_text(self._equal(context))

    def _equal(self, context: LaunchContext) -> bool:
        left, right = (side.perform(context) for side in (self.left, self.right))
        if left.lower() in _TRUE + _FALSE and right.lower() in _TRUE + _FALSE:
            return (left.lower() in _TRUE) == (right.lower() in _TRUE)
        try:
            return math.isclose(float(left), float(right))
        except ValueError:
            return left == right


class NotEqualsSubstitution(EqualsSubstitution):
    """The opposite of `EqualsSubstitution`."""

    def perform(self, context: LaunchContext) -> str:
        return bool_text(not self._equal(context))


class LaunchConfiguration(Substitution):
    """The launch configuration's value; not set and no default: a failure that lists those set."""

    def __init__(self, variable_name: SomeSubstitutionsType, *, default: Any = None) -> None:
        self.variable_name = Text(variable_name)
        many = isinstance(default, Iterable) and not isinstance(default, (str, os.PathLike))
        parts = default if many else [] if default is None else [default]
        texts = [part if isinstance(part, Substitution) else str(part) for part in parts]
        self._default = None if default is None else Text(texts)

    def perform(self, context: LaunchContext) -> str:
        name = self.variable_name.perform(context)
        configurations = context.launch_configurations
        if name in configurations:
            return configurations[name]
        if self._default is None:
            raise SubstitutionFailure(
                f"launch configuration '{name}' does not exist{nearest(name, configurations)} "
                f"(set: {', '.join(sorted(configurations)) or 'none'})"
            )
        return self._default.perform(context)


class EnvironmentVariable(Substitution):
    """The variable as it is when the launch gets there; unset and no default: a failure."""

    def __init__(
        self, name: SomeSubstitutionsType, *, default_value: SomeSubstitutionsType | None = None
    ) -> None:
        self.name = Text(name)
        self.default_value = optional(default_value)

    def perform(self, context: LaunchContext) -> str:
        name = self.name.perform(context)
        if name in context.environment:
            return context.environment[name]
        if self.default_value is None:
            raise SubstitutionFailure(f"environment variable '{name}' does not exist")
        return self.default_value.perform(context)


class Path(Substitution):
    """Base of the substitutions that give a path; `/` goes on from there, as with pathlib."""

    def __truediv__(self, additional_path: SomeSubstitutionsType) -> PathJoinSubstitution:
        return PathJoinSubstitution([self, additional_path])


class PathJoinSubstitution(Path):
    """Parts joined to a path.

    A part may be a list that makes one name: `["config_", LaunchConfiguration("map"), ".yaml"]`.
    """

    def __init__(self, substitutions: Iterable[SomeSubstitutionsType]) -> None:
        self.substitutions = [Text(part) for part in substitutions]

    def perform(self, context: LaunchContext) -> str:
        return os.path.join(*(part.perform(context) for part in self.substitutions))


class PathSubstitution(PathJoinSubstitution):
    """A path to go on from with `/`: `PathSubstitution(FindPackageShare("pkg")) / "config"`."""

    def __init__(self, path: SomeSubstitutionsType) -> None:
        super().__init__(Text(path))


class ThisLaunchFile(Path):
    """The absolute path of the launch file that is being visited."""

    _local = "current_launch_file_path"

    def perform(self, context: LaunchContext) -> str:
        values = context.get_locals_as_dict()
        if self._local not in values:
            raise SubstitutionFailure(f"{type(self).__name__} used outside of a launch file")
        return values[self._local]


class ThisLaunchFileDir(ThisLaunchFile):
    """The absolute path of the folder of the launch file that is being visited."""

    _local = "current_launch_file_directory"


class LaunchLogDir(Path):
    """The folder of this launch's log files."""

    def perform(self, context: LaunchContext) -> str:
        return logging.launch_config.log_dir


class LocalSubstitution(Substitution):
    """A Python expression on `context.locals`, such as 'event.returncode'."""

    def __init__(self, expression: str, description: str | None = None) -> None:
        if not isinstance(expression, str):
            raise TypeError(f"LocalSubstitution: expression must be a str, got {expression!r}")
        self.expression = expression
        self.description = description

    def perform(self, context: LaunchContext) -> str:
        # The expression comes from the launch file, which is itself Python code.
        return str(eval(f"_locals.{self.expression}", {"_locals": context.locals}))


class PythonExpression(Substitution):
    """A Python expression as text, evaluated with the modules named; `math` without its name."""

    def __init__(
        self,
        expression: SomeSubstitutionsType,
        python_modules: SomeSubstitutionsType = ("math",),
    ) -> None:
        self.expression = Text(expression)
        self.python_modules = Text(python_modules)

    def perform(self, context: LaunchContext) -> str:
        values: dict[str, object] = {}
        for part in self.python_modules:
            name = context.perform_substitution(part)
            module = importlib.import_module(name)
            if name == "math":
                values.update(vars(module))
            values[name] = module
        # The expression comes from the launch file, which is itself Python code.
        return str(eval(self.expression.perform(context), {}, values))


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
        self.command = Text(command)
        self.on_stderr = Text(on_stderr)

    def perform(self, context: LaunchContext) -> str:
        command = self.command.perform(context)
        on_stderr = self.on_stderr.perform(context)
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


class FileContent(Substitution):
    """The text of a file; SubstitutionFailure if it cannot be read."""

    def __init__(self, path: SomeSubstitutionsType) -> None:
        self.path = Text(path)

    def perform(self, context: LaunchContext) -> str:
        path = self.path.perform(context)
        try:
            with open(path, encoding="utf-8") as file:
                return file.read()
        except OSError as error:
            raise SubstitutionFailure(f"cannot read file '{path}': {error}") from error


class FindExecutable(Substitution):
    """The path of a program on the PATH; SubstitutionFailure if there is none."""

    def __init__(self, *, name: SomeSubstitutionsType) -> None:
        self.name = Text(name)

    def perform(self, context: LaunchContext) -> str:
        name = self.name.perform(context)
        path = shutil.which(name)
        if path is None:
            raise SubstitutionFailure(f"executable '{name}' not found on the PATH")
        return path
