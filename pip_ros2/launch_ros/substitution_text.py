"""Substitutions in text: `$(var name)`, `$(find-pkg-share pkg)/x.yaml`, as parameter files hold.

    text      = (plain | "$(" name (" " argument)* ")")*
    argument  = text without spaces, or text in '…' or "…"

A backslash makes the next character plain. Arguments may hold substitutions themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature

from launch.bases import Substitution, SubstitutionFailure, Text, TextSubstitution
from launch.refusal import needs_distribution
from launch.substitutions import (
    AndSubstitution,
    Command,
    EnvironmentVariable,
    EqualsSubstitution,
    FileContent,
    FindExecutable,
    IfElseSubstitution,
    LaunchConfiguration,
    LaunchLogDir,
    NotEqualsSubstitution,
    NotSubstitution,
    OrSubstitution,
    PythonExpression,
    ThisLaunchFile,
    ThisLaunchFileDir,
)

from .substitutions import ExecutableInPackage, FindPackagePrefix, FindPackageShare

# Name in text -> what makes the substitution of its arguments.
_KNOWN: dict[str, Callable[..., Substitution]] = {
    "and": AndSubstitution,
    "command": lambda command, on_stderr="fail": Command(command, on_stderr=on_stderr),
    "dirname": ThisLaunchFileDir,
    "env": lambda name, default=None: EnvironmentVariable(name, default_value=default),
    "equals": EqualsSubstitution,
    "eval": PythonExpression,
    "exec-in-pkg": ExecutableInPackage,
    "file-content": FileContent,
    "filename": ThisLaunchFile,
    "find-exec": lambda name: FindExecutable(name=name),
    "find-pkg-prefix": FindPackagePrefix,
    "find-pkg-share": FindPackageShare,
    "if": IfElseSubstitution,
    "launch_log_dir": LaunchLogDir,
    "log_dir": LaunchLogDir,
    "not": NotSubstitution,
    "not-equals": NotEqualsSubstitution,
    "or": OrSubstitution,
    "var": lambda name, default=None: LaunchConfiguration(name, default=default),
}


def parse_substitutions(text: str) -> Text:
    """Return the text with its substitutions; SubstitutionFailure names what is wrong."""
    return _Parser(text).text(until="")


class _Parser:
    """Reads from `position` on; each method leaves it behind what it has read."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._position = 0

    def text(self, until: str) -> Text:
        """Read up to one of the characters `until`, or the end."""
        parts: list[Substitution] = []
        plain = ""
        while self._position < len(self._source) and not self._at(*until):
            if self._at("\\") and self._position + 1 < len(self._source):
                plain += self._source[self._position + 1]
                self._position += 2
            elif self._at("$("):
                if plain:
                    parts.append(TextSubstitution(text=plain))
                    plain = ""
                parts.append(self._substitution())
            else:
                plain += self._source[self._position]
                self._position += 1
        if plain or not parts:
            parts.append(TextSubstitution(text=plain))
        return Text(parts)

    def _substitution(self) -> Substitution:
        start = self._position
        self._position += 2
        name = ""
        while self._position < len(self._source) and not self._at(" ", ")"):
            name += self._source[self._position]
            self._position += 1
        arguments: list[Text] = []
        while self._skip_spaces() and not self._at(")"):
            arguments.append(self._argument())
        if not self._at(")"):
            raise SubstitutionFailure(f"no ')' after '{self._source[start : start + 40]}'")
        self._position += 1
        if name not in _KNOWN:
            raise SubstitutionFailure(
                needs_distribution(f"substitution '$({name} …)'") + f" (known: {', '.join(_KNOWN)})"
            )
        make = _KNOWN[name]
        taken = [each.default for each in signature(make).parameters.values()]
        counts = range(taken.count(Parameter.empty), len(taken) + 1)
        if len(arguments) not in counts:
            expected = " or ".join(map(str, counts))
            raise SubstitutionFailure(
                f"'{self._source[start : self._position]}': expected {expected} arguments, "
                f"got {len(arguments)}"
            )
        return make(*arguments)

    def _argument(self) -> Text:
        for quote in ("'", '"'):
            if self._at(quote):
                self._position += 1
                text = self.text(until=quote)
                if not self._at(quote):
                    raise SubstitutionFailure(f"no closing {quote} in '{self._source[:40]}'")
                self._position += 1
                return text
        return self.text(until=" )")

    def _skip_spaces(self) -> bool:
        while self._at(" "):
            self._position += 1
        return self._position < len(self._source)

    def _at(self, *beginnings: str) -> bool:
        return any(self._source.startswith(text, self._position) for text in beginnings)
