"""Shutdown: ends the launch."""

from __future__ import annotations

from typing import Any

from .. import logging
from ..events import Shutdown as ShutdownEvent
from ..events.process import ProcessExited
from ..launch_context import LaunchContext
from .emit_event import EmitEvent


class Shutdown(EmitEvent):
    """Ends every process and then the launch; often the `on_exit` of a required process."""

    def __init__(self, *, reason: str = "reason not given", **kwargs: Any) -> None:
        super().__init__(event=ShutdownEvent(reason=reason), **kwargs)

    def execute(self, context: LaunchContext) -> None:
        event = context.get_locals_as_dict().get("event")
        if isinstance(event, ProcessExited):
            if event.returncode != 0 and not context.is_shutdown:
                context._failed_requirements.append(event.process_name)
            logging.get_logger("launch").info(
                "process[%s] was required: shutting down launched system", event.process_name
            )
        super().execute(context)
