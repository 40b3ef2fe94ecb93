"""Event: something that happened, or should happen, in a launched system."""

from __future__ import annotations


class Event:
    """Base of all events; `name` identifies the kind."""

    name = "launch.Event"
