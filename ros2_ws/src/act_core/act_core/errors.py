"""Errors that teach: the value, what exists, and the nearest name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from act_core.foreign_text import LONGEST, clean, clean_list

MOST_KNOWN = 60  # names; more are counted


class ConfigurationError(ValueError):
    """Somebody asked for what cannot be: a wrong parameter, name, file or combination of them.

    Its text is for the person who asked; a node that meets one at its start prints it and ends.
    """


def suggest(kind: str, name: str, known: Iterable[str]) -> str:
    """Text for an unknown name, e.g. for ``suggest("task", "pik_place", ["pick_place", "reach"])``:

    ``unknown task 'pik_place'; did you mean 'pick_place'? known: pick_place, reach``
    """
    names = sorted(known)
    nearest = get_close_matches(name[:LONGEST], names, n=1, cutoff=0.5)
    hint = f" did you mean '{clean(nearest[0])}'?" if nearest else ""
    shown = clean_list(names, most=MOST_KNOWN)
    return f"unknown {kind} '{clean(name)}';{hint} known: {shown}"
