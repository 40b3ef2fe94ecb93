"""Text that somebody else wrote, before it gets into a log or a diagnostic status."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 60  # characters of a name or a phrase; joint names have about 15
MOST = 8  # entries of a list


def clean(text: object, longest: int = LONGEST) -> str:
    """``text`` on one line without control characters and terminal escapes, cut to ``longest``.

    What cannot be printed becomes ``?``. Example: ``clean("\\x1b[2Jjoint\\n" + 100 * "x", 12)`` is
    ``?[2Jjoint?xx…``.
    """
    # Cut first: a megabyte is not looked through for its first sixty characters.
    start = str(text)[: longest + 1]
    shown = "".join(letter if letter.isprintable() else "?" for letter in start)
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


def clean_list(texts: Iterable[object], longest: int = LONGEST, most: int = MOST) -> str:
    """The texts with commas between them, each of them clean; of many, the first ``most``.

    Example: ``clean_list(["a", "b", "c"], most=2)`` is ``a, b and 1 more``; no texts: ``none``.
    """
    known = list(texts)
    shown = ", ".join(clean(text, longest) for text in known[:most])
    more = len(known) - most
    return f"{shown} and {more} more" if more > 0 else shown or "none"
