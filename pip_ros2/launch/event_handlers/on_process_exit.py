"""OnProcessExit: what is done when a process has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..events.process import ProcessExited
from ..launch_context import LaunchContext
from ..some_entities_type import SomeEntitiesType
from .on_action_event import OnActionEvent

if TYPE_CHECKING:
    from ..actions.execute_local import ExecuteLocal


class OnProcessExit(OnActionEvent):
    """Handles the end of one process, or of all of them."""

    def __init__(
        self,
        *,
        target_action: ExecuteLocal | Callable[[ExecuteLocal], bool] | None = None,
        on_exit: SomeEntitiesType
        | Callable[[ProcessExited, LaunchContext], SomeEntitiesType | None],
        **kwargs: Any,
    ) -> None:
        from ..actions.execute_local import ExecuteLocal

        super().__init__(
            target_action=target_action,
            on_event=on_exit,
            target_event_cls=ProcessExited,
            target_action_cls=ExecuteLocal,
            **kwargs,
        )
