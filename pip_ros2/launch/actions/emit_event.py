"""EmitEvent: queues an event."""

from __future__ import annotations

from typing import Any

from ..action import Action
from ..event import Event
from ..launch_context import LaunchContext


class EmitEvent(Action):
    """Queues an event when it is executed."""

    def __init__(self, *, event: Event, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(event, Event):
            raise RuntimeError(f"EmitEvent: expected an event, got {event!r}")
        self.event = event

    def describe(self) -> str:
        return f"EmitEvent(event='{self.event.name}')"

    def execute(self, context: LaunchContext) -> None:
        context.emit_event_sync(self.event)
