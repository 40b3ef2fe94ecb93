"""Substitutions in text: `$(var name)`, `$(find-pkg-share pkg)/x.yaml`, as parameter files hold.

    text      = (plain | "$(" name (" " argument)* ")")*
    argument  = text without spaces, or text in '…' or "…"

A backslash makes the next character plain. Arguments may hold substitutions themselves.
"""

from __future__ import annotations

from collections.abc import Callable

from launch.bases import Substitution, SubstitutionFailure, TextSubstitution
from launch.refusal import needs_distribution
from launch.substitutions import (
    AndSubstitution,
    AnonName,
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

from .substitutions import ExecutableInPackage, FindPackagePrefix, FindPackageShare, Parameter

Text = list[Substitution]

# Name in text -> (how many arguments, substitution of them).
_KNOWN: dict[str, tuple[range, Callable[..., Substitution]]] = {
    "and": (range(2, 3), AndSubstitution),
    "anon": (range(1, 2), AnonName),
    "command": (range(1, 3), lambda command, *on_stderr: Command(
        command, **({"on_stderr": on_stderr[0]} if on_stderr else {})
    )),
    "dirname": (range(0, 1), ThisLaunchFileDir),
    "env": (range(1, 3), lambda name, *default: EnvironmentVariable(
        name, default_value=default[0] if default else None
    )),
    "equals": (range(2, 3), EqualsSubstitution),
    "eval": (range(1, 3), lambda expression, *modules: PythonExpression(expression, *modules)),
    "exec-in-pkg": (range(2, 3), ExecutableInPackage),
    "file-content": (range(1, 2), FileContent),
    "filename": (range(0, 1), ThisLaunchFile),
    "find-exec": (range(1, 2), lambda name: FindExecutable(name=name)),
    "find-pkg-prefix": (range(1, 2), FindPackagePrefix),
    "find-pkg-share": (range(1, 2), FindPackageShare),
    "if": (range(2, 4), IfElseSubstitution),
    "launch_log_dir": (range(0, 1), LaunchLogDir),
    "log_dir": (range(0, 1), LaunchLogDir),
    "not": (range(1, 2), NotSubstitution),
    "not-equals": (range(2, 3), NotEqualsSubstitution),
    "or": (range(2, 3), OrSubstitution),
    "param": (range(1, 3), lambda name, *default: Parameter(
        name, default=default[0] if default else None
    )),
    "var": (range(1, 3), lambda name, *default: LaunchConfiguration(
        name, default=default[0] if default else None
    )),
}  # fmt: skip


def parse_substitutions(text: str) -> Text:
    """Return the text as a list of substitutions; SubstitutionFailure names what is wrong."""
    return _Parser(text).text(until="")


class _Parser:
    """Reads from `position` on; each method leaves it behind what it has read."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._position = 0

    def text(self, until: str) -> Text:
        """Read up to one of the characters `until`, or the end."""
        parts: Text = []
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
        return parts

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
        counts, make = _KNOWN[name]
        if len(arguments) not in counts:
            expected = " or ".join(str(count) for count in counts)
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
