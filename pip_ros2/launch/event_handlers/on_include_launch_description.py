"""OnIncludeLaunchDescription: visits launch descriptions that are asked for by event."""

from __future__ import annotations

from typing import Any

from ..event import Event
from ..event_handler import BaseEventHandler
from ..events.include_launch_description import IncludeLaunchDescription
from ..launch_context import LaunchContext
from ..launch_description_entity import LaunchDescriptionEntity


class OnIncludeLaunchDescription(BaseEventHandler):
    """Returns the launch description of the event."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            matcher=lambda event: isinstance(event, IncludeLaunchDescription), **kwargs
        )

    def handle(self, event: Event, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        super().handle(event, context)
        return [event.launch_description]  # type: ignore[attr-defined]
