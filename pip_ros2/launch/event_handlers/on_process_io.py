"""OnProcessIO: what is done with what a process prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..events.process import ProcessIO
from ..launch_context import LaunchContext
from ..some_entities_type import SomeEntitiesType
from .on_action_event import OnActionEvent

if TYPE_CHECKING:
    from ..actions.execute_local import ExecuteLocal

_Function = Callable[[ProcessIO], "SomeEntitiesType | None"]


class OnProcessIO(OnActionEvent):
    """Calls a function with each piece of output of one process, or of all of them."""

    def __init__(
        self,
        *,
        target_action: ExecuteLocal | Callable[[ExecuteLocal], bool] | None = None,
        on_stdin: _Function | None = None,
        on_stdout: _Function | None = None,
        on_stderr: _Function | None = None,
        **kwargs: Any,
    ) -> None:
        from ..actions.execute_local import ExecuteLocal

        def handle(event: ProcessIO, context: LaunchContext) -> SomeEntitiesType | None:
            if event.from_stdin:
                function = on_stdin
            else:
                function = on_stdout if event.from_stdout else on_stderr
            return None if function is None else function(event)

        super().__init__(
            target_action=target_action,
            on_event=handle,
            target_event_cls=ProcessIO,
            target_action_cls=ExecuteLocal,
            **kwargs,
        )
