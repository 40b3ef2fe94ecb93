"""Predicates of processes for the events that are meant for some of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...actions.execute_local import ExecuteLocal

# A process that has not been started has no details and never matches.


def matches_pid(pid: int) -> Callable[[ExecuteLocal], bool]:
    """Return a predicate that is true for the process with this id."""
    return lambda action: _details(action).get("pid") == pid


def matches_name(name: str) -> Callable[[ExecuteLocal], bool]:
    """Return a predicate that is true for the process with this final name ('talker-1')."""
    return lambda action: _details(action).get("name") == name


def matches_executable(executable: str) -> Callable[[ExecuteLocal], bool]:
    """Return a predicate that is true where the command's first word ends so."""
    return lambda action: _details(action).get("cmd", [""])[0].endswith(executable)


def _details(action: ExecuteLocal) -> dict[str, Any]:
    return action.process_details or {}
