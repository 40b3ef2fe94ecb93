"""OnExecutionComplete: what is done when an action has finished."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..events.execution_complete import ExecutionComplete
from ..launch_context import LaunchContext
from ..some_entities_type import SomeEntitiesType
from .on_action_event import OnActionEvent

if TYPE_CHECKING:
    from ..action import Action


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
        from ..action import Action

        super().__init__(
            target_action=target_action,
            on_event=on_completion,
            target_event_cls=ExecutionComplete,
            target_action_cls=Action,
            **kwargs,
        )
