"""event_named: a predicate of events."""

from __future__ import annotations

from collections.abc import Callable

from ..event import Event


def event_named(name: str) -> Callable[[Event], bool]:
    """Return a predicate that is true for events with this name."""
    return lambda event: event.name == name
