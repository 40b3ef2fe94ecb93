"""What is done when an event happens; the handlers of processes are beside these, in execute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .bases import (
    Action,
    BaseEventHandler,
    Event,
    ExecutionComplete,
    LaunchContext,
    LaunchDescriptionEntity,
    OnActionEvent,
    SomeEntitiesType,
    as_entities,
)
from .events import IncludeLaunchDescription, Shutdown
from .execute import OnProcessExit, OnProcessIO, OnProcessStart

__all__ = [
    "OnExecutionComplete",
    "OnIncludeLaunchDescription",
    "OnProcessExit",
    "OnProcessIO",
    "OnProcessStart",
    "OnShutdown",
    "event_named",
]


def event_named(name: str) -> Callable[[Event], bool]:
    """Return a predicate that is true for events with this name."""
    return lambda event: event.name == name


class OnExecutionComplete(OnActionEvent):
    """Handles the completion of one action, or of all of them."""

    def __init__(
        self,
        *,
        target_action: Action | Callable[[Action], bool] | None = None,
        on_completion: SomeEntitiesType
        | Callable[[ExecutionComplete, LaunchContext], SomeEntitiesType | None],
        **kwargs: Any,
    ) -> None:
        super().__init__(
            target_action=target_action,
            on_event=on_completion,
            target_event_cls=ExecutionComplete,
            target_action_cls=Action,
            **kwargs,
        )


class OnIncludeLaunchDescription(BaseEventHandler):
    """Returns the launch description of the event."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            matcher=lambda event: isinstance(event, IncludeLaunchDescription), **kwargs
        )

    def handle(self, event: Event, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        super().handle(event, context)
        return [event.launch_description]  # type: ignore[attr-defined]


class OnShutdown(BaseEventHandler):
    """Handles the end of the launch with entities, or a function `(event, context)`."""

    def __init__(
        self,
        *,
        on_shutdown: SomeEntitiesType
        | Callable[[Shutdown, LaunchContext], SomeEntitiesType | None],
        **kwargs: Any,
    ) -> None:
        super().__init__(matcher=lambda event: isinstance(event, Shutdown), **kwargs)
        self._on_shutdown = on_shutdown

    def describe(self) -> tuple[str, list[Any]]:
        text, _ = super().describe()
        if callable(self._on_shutdown):
            return text, []
        return text, as_entities(self._on_shutdown, type(self).__name__)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        super().handle(event, context)
        if callable(self._on_shutdown):
            return self._on_shutdown(event, context)  # type: ignore[arg-type]
        return self._on_shutdown
