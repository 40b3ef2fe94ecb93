"""OnShutdown: what is done when the launch ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..event import Event
from ..event_handler import BaseEventHandler
from ..events.shutdown import Shutdown
from ..launch_context import LaunchContext
from ..some_entities_type import SomeEntitiesType, as_entities


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

    @property
    def handler_description(self) -> str:
        return str(self._on_shutdown) if callable(self._on_shutdown) else "<actions>"

    @property
    def matcher_description(self) -> str:
        return "event == Shutdown"

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
