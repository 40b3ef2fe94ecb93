"""What is done when an event happens: entities, or what a function `(event, context)` returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .bases import Action, BaseEventHandler, Event, ExecutionComplete, OnEvent, SomeEntitiesType
from .events import ProcessExited, ProcessIO, ProcessStarted, Shutdown


class OnShutdown(BaseEventHandler):
    """Handles the end of the launch."""

    def __init__(self, *, on_shutdown: OnEvent[Shutdown], **kwargs: Any) -> None:
        super().__init__(
            matcher=lambda event: isinstance(event, Shutdown), _on_event=on_shutdown, **kwargs
        )


class OnActionEvent(BaseEventHandler):
    """Handles one kind of event of one action, of the actions that a predicate chooses, or of all.

    Raises TypeError for a target that is neither a function nor an action that has such events.
    """

    def __init__(
        self, kind: type[Event], target_action: Any, on_event: OnEvent, **kwargs: Any
    ) -> None:
        of_processes = kind is not ExecutionComplete
        is_action = isinstance(target_action, Action)
        fits = not of_processes or hasattr(target_action, "process_details")
        if not (callable(target_action) or target_action is None or (is_action and fits)):
            wanted = "ExecuteProcess (ExecuteLocal)" if of_processes else "Action"
            raise TypeError(
                f"{type(self).__name__}: target_action must be one {wanted} or a function of an "
                f"action, got {target_action!r}"
            )

        def matches(event: Any) -> bool:
            if not isinstance(event, kind) or target_action is None:
                return isinstance(event, kind)
            action = event.action  # type: ignore[attr-defined]
            return action is target_action if is_action else bool(target_action(action))

        super().__init__(matcher=matches, _on_event=on_event, **kwargs)


Target = Action | Callable[[Any], bool] | None


class OnExecutionComplete(OnActionEvent):
    """Handles the completion of one action, or of all of them."""

    def __init__(
        self,
        *,
        on_completion: OnEvent[ExecutionComplete],
        target_action: Target = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(ExecutionComplete, target_action, on_completion, **kwargs)


class OnProcessStart(OnActionEvent):
    """Handles the start of one process, or of all of them."""

    def __init__(
        self, *, on_start: OnEvent[ProcessStarted], target_action: Target = None, **kwargs: Any
    ) -> None:
        super().__init__(ProcessStarted, target_action, on_start, **kwargs)


class OnProcessExit(OnActionEvent):
    """Handles the end of one process, or of all of them."""

    def __init__(
        self, *, on_exit: OnEvent[ProcessExited], target_action: Target = None, **kwargs: Any
    ) -> None:
        super().__init__(ProcessExited, target_action, on_exit, **kwargs)


_Function = Callable[[ProcessIO], "SomeEntitiesType | None"]


class OnProcessIO(OnActionEvent):
    """Calls a function with each piece of output of one process, or of all of them."""

    def __init__(
        self,
        *,
        on_stdout: _Function | None = None,
        on_stderr: _Function | None = None,
        target_action: Target = None,
        **kwargs: Any,
    ) -> None:
        def handle(event: ProcessIO, _: object) -> SomeEntitiesType | None:
            function = on_stdout if event.from_stdout else on_stderr
            return None if function is None else function(event)

        super().__init__(ProcessIO, target_action, handle, **kwargs)
