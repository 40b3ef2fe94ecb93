"""OnActionEvent: base of the handlers of events that an action causes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..event import Event
from ..event_handler import BaseEventHandler
from ..launch_context import LaunchContext
from ..some_entities_type import SomeEntitiesType, as_entities

if TYPE_CHECKING:
    from ..action import Action


class OnActionEvent(BaseEventHandler):
    """Handles one kind of event of one action, of the actions that a predicate chooses, or of all.

    `on_event` is an entity, several, or a function `(event, context)` that returns them. Raises
    TypeError for a target or entity of another type.
    """

    def __init__(
        self,
        *,
        target_action: Any,
        on_event: SomeEntitiesType | Callable[[Any, LaunchContext], SomeEntitiesType | None],
        target_event_cls: type[Event],
        target_action_cls: type[Action],
        **kwargs: Any,
    ) -> None:
        is_action = isinstance(target_action, target_action_cls)
        if target_action is not None and not is_action and not callable(target_action):
            raise TypeError(
                f"{type(self).__name__}: target_action must be one {target_action_cls.__name__} "
                f"or a function of an action, got {target_action!r}"
            )

        def matches(event: Event) -> bool:
            if not isinstance(event, target_event_cls):
                return False
            if target_action is None:
                return True
            action = event.action  # type: ignore[attr-defined]
            return action is target_action if is_action else bool(target_action(action))

        super().__init__(matcher=matches, **kwargs)
        self._event_name = target_event_cls.__name__
        self._function = on_event if callable(on_event) else None
        self._entities = [] if callable(on_event) else as_entities(on_event, type(self).__name__)

    @property
    def handler_description(self) -> str:
        return str(self._function) if self._function else "<actions>"

    @property
    def matcher_description(self) -> str:
        return f"event == {self._event_name}"

    def describe(self) -> tuple[str, list[Any]]:
        return super().describe()[0], list(self._entities)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        super().handle(event, context)
        return self._function(event, context) if self._function else self._entities
