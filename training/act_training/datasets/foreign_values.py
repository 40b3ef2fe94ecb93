"""Single values that others wrote: what a truth, a number and a text may look like.

Python takes any text for true, "False" among them, and so NaN. What is read here is what was
meant, or refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from act_training.datasets.errors import DatasetError
from act_training.datasets.foreign import finite_number, shortened, whole_number

TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
LARGEST_SEED = 2**63 - 1  # of 64 bits


def truth(what: str, value: Any) -> bool:
    """True or false, also as 0 or 1, as an array of one value or in words; DatasetError otherwise,
    which names `what`."""
    value = _bare(value)
    if isinstance(value, (bool, int, float)) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.strip().casefold() in TRUTHS:
        return TRUTHS[value.strip().casefold()]
    raise DatasetError(f"{what} is {shortened(value)}, expected true or false")


def number(what: str, value: Any) -> float:
    """A finite number, also as an array of one value or as a text; DatasetError otherwise."""
    value = _bare(value)
    try:
        return finite_number(what, float(value) if isinstance(value, str) else value)
    except ValueError:
        raise DatasetError(f"{what} is {shortened(value)}, expected a finite number") from None


def seed(what: str, value: Any) -> int:
    """A whole number of 64 bits; DatasetError otherwise."""
    value = _bare(value)
    try:
        return whole_number(what, value, LARGEST_SEED, -LARGEST_SEED - 1)
    except DatasetError:
        raise DatasetError(
            f"{what} is {shortened(value)}, expected a whole number of 64 bits"
        ) from None


def text(value: Any) -> str | None:
    """A text that can be stored: several are joined, and signs that no file can hold (halves of a
    pair, NUL) are "?"; None for an empty one."""
    value = _bare(value)
    if isinstance(value, np.ndarray):
        value = ", ".join(found for part in value.flat if (found := text(part)))
    if value is None:
        return None
    return storable(str(value)).strip() or None


def storable(text: str) -> str:
    """The same text, with "?" for signs that no file can hold."""
    return text.replace("\0", "?").encode("utf-8", "replace").decode()


def _bare(value: Any) -> Any:
    """Of an array of one value that value, of bytes their text."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.flat[0]
    if isinstance(value, np.generic):
        value = value.item()
    return value.decode(errors="replace") if isinstance(value, bytes) else value
