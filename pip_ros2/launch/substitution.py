"""Substitution: a piece of text that is only known when the launch runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .launch_context import LaunchContext


class Substitution:
    """Base of all substitutions: `perform(context)` gives the text."""

    def describe(self) -> str:
        """Return a short text for listings (`--show-args`, `--print`)."""
        return repr(self)

    def perform(self, context: LaunchContext) -> str:
        """Return the text, given the state of the launch at this moment."""
        raise TypeError(f"{type(self).__name__} must define perform(context)")


class TextSubstitution(Substitution):
    """Text that is known already."""

    def __init__(self, *, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"TextSubstitution: text must be a str, got {text!r}")
        self.text = text

    def describe(self) -> str:
        return f"'{self.text}'"

    def perform(self, context: LaunchContext) -> str:
        return self.text


class SubstitutionFailure(RuntimeError):  # noqa: N818, the name is public
    """A substitution has no value: an unset variable, a failed command, a missing file."""
