"""What a check has found: one line each, with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

FINE, NOTE, WRONG = "fine", "note", "wrong"
"""It fits; a person should know of it; it must not run like this."""

MARKS = {FINE: "✓", NOTE: "·", WRONG: "✗"}


@dataclass(frozen=True)
class Finding:
    """One comparison.

    about: what was looked at, e.g. "cameras".
    remedy: what to do; empty where nothing needs to be done.
    """

    state: str
    about: str
    text: str
    remedy: str = ""


def fine(about: str, text: str) -> Finding:
    return Finding(FINE, about, text)


def note(about: str, text: str, remedy: str = "") -> Finding:
    return Finding(NOTE, about, text, remedy)


def wrong(about: str, text: str, remedy: str = "") -> Finding:
    return Finding(WRONG, about, text, remedy)


def lines(findings: Iterable[Finding]) -> list[str]:
    """Findings as text for a person, remedies below what they are for."""
    shown = list(findings)
    width = max((len(finding.about) for finding in shown), default=0)
    found = []
    for finding in shown:
        found.append(f"  {MARKS[finding.state]} {finding.about:{width}s}  {finding.text}")
        if finding.remedy:
            found.append(f"    {'':{width}s}  -> {finding.remedy}")
    return found
