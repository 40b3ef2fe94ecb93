"""Action: an entity that does something when it is visited, on a condition if one is given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .condition import Condition
from .events.execution_complete import ExecutionComplete
from .launch_context import LaunchContext
from .launch_description_entity import LaunchDescriptionEntity
from .refusal import unknown_arguments


class Action(LaunchDescriptionEntity):
    """Base of all actions. Subclasses define `execute(context)`.

    Keyword arguments that no subclass has taken end here and are refused by name.
    """

    def __init__(self, *, condition: Condition | None = None, **unknown: Any) -> None:
        if unknown:
            raise unknown_arguments(type(self), unknown)
        self.condition = condition

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Do the work and return the entities to visit next."""
        return None

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        if self.condition is not None and not self.condition.evaluate(context):
            return None
        try:
            return self.execute(context)
        finally:
            self._announce_completion(context)

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the entities that executing this action leads to, as far as known beforehand."""
        return []

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        return [] if self.condition is not None else self.get_sub_entities()

    def describe_conditional_sub_entities(
        self,
    ) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        if self.condition is None:
            return []
        return [(f"Conditionally included by {self.describe()}", self.get_sub_entities())]

    def _announce_completion(self, context: LaunchContext) -> None:
        event = ExecutionComplete(action=self)
        if not context.would_handle_event(event):
            return
        future = self.get_asyncio_future()
        if future is None:
            context.emit_event_sync(event)
        else:
            future.add_done_callback(lambda _: context.emit_event_sync(event))
