"""What a check of ``ros2 doctor`` returns."""

from __future__ import annotations

from typing import NamedTuple

OK, WARN, FAIL = "OK", "WARN", "FAIL"


class Result(NamedTuple):
    """A state, what was found, and in one line what to do about it (empty when all is well)."""

    state: str
    found: str
    remedy: str = ""


def ok(found: str) -> Result:
    return Result(OK, found)


def warn(found: str, remedy: str) -> Result:
    return Result(WARN, found, remedy)


def fail(found: str, remedy: str) -> Result:
    return Result(FAIL, found, remedy)
