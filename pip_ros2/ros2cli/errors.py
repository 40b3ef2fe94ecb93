"""The one error that a user of ``ros2`` is shown, and how it suggests what was meant."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable

LISTED = 40  # names; more than this is no help on a terminal


class CliError(Exception):
    """The request cannot be carried out; the text says why and what to do. Exit code 1."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like ``name``, or None when nothing is close."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[matches[0]] if matches else None


def unknown(kind: str, name: str, known: Iterable[str], where: str = "") -> CliError:
    """``unknown topic '/jont_states'; did you mean '/joint_states'? known: ...``."""
    names = sorted(set(known))
    text = f"unknown {kind} '{name}'{' ' + where if where else ''}"
    guess = nearest(name, names)
    if guess is not None:
        text += f"; did you mean '{guess}'?"
    if not names:
        return CliError(f"{text}; there is none")
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return CliError(f"{text}{'' if guess else ';'} known: {', '.join(names[:LISTED])}{more}")


def printable(text: str, most: int = 200) -> str:
    """A foreign text for a terminal: short, and without what steers one."""
    short = text if len(text) <= most else f"{text[:most]}..."
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in short)


def warn(text: str) -> None:
    """A line on standard error; names of others in it do not steer the terminal."""
    print(f"WARNING: {printable(text, most=2000)}", file=sys.stderr)
