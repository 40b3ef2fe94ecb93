"""EventHandler: what is done when an event happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .event import Event
from .launch_context import LaunchContext
from .refusal import unknown_arguments
from .some_entities_type import SomeEntitiesType, as_entities


class BaseEventHandler:
    """Says which events it handles (`matches`) and what they lead to (`handle`).

    The entities that `handle` returns find the event in `context.locals.event`. With
    `handle_once` the handler is unregistered after its first event.
    """

    def __init__(
        self, *, matcher: Callable[[Event], bool], handle_once: bool = False, **unknown: Any
    ) -> None:
        if unknown:
            raise unknown_arguments(type(self), unknown)
        self._matcher = matcher
        self.handle_once = handle_once

    @property
    def handler_description(self) -> str | None:
        """Short text for what is done."""
        return None

    @property
    def matcher_description(self) -> str | None:
        """Short text for the events that match."""
        return None

    def matches(self, event: Event) -> bool:
        """Return whether this handler wants the event."""
        return self._matcher(event)

    def describe(self) -> tuple[str, list[Any]]:
        """Return a text and the entities known beforehand, for listings."""
        text = (
            f"{type(self).__name__}(matcher='{self.matcher_description}', "
            f"handler='{self.handler_description}', handle_once={self.handle_once})"
        )
        return text, []

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        """Return the entities to visit; subclasses call this first."""
        context.extend_locals({"event": event})
        if self.handle_once:
            context.unregister_event_handler(self)
        return None


class EventHandler(BaseEventHandler):
    """Handles events with a fixed list of entities."""

    def __init__(
        self,
        *,
        matcher: Callable[[Event], bool],
        entities: SomeEntitiesType | None = None,
        handle_once: bool = False,
        **unknown: Any,
    ) -> None:
        super().__init__(matcher=matcher, handle_once=handle_once, **unknown)
        self.entities = entities

    def describe(self) -> tuple[str, list[Any]]:
        text, _ = super().describe()
        return text, as_entities(self.entities, type(self).__name__)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        super().handle(event, context)
        return self.entities
