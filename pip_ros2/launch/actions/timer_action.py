"""TimerAction: actions after a while."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from ..action import Action
from ..event import Event
from ..event_handler import BaseEventHandler
from ..events import Shutdown, TimerEvent
from ..launch_context import LaunchContext
from ..launch_description_entity import LaunchDescriptionEntity
from ..some_substitutions_type import SomeSubstitutionsType
from ..utilities.substitution_lists import describe_substitutions
from ..utilities.type_utils import normalize_typed_substitution, perform_typed_substitution
from .opaque_function import OpaqueFunction
from .pop_launch_configurations import PopLaunchConfigurations
from .push_launch_configurations import PushLaunchConfigurations


class TimerAction(Action):
    """Visits its actions once, `period` seconds after it is executed, unless cancelled before.

    The actions see the locals and launch configurations of the moment at which the timer was
    started (a timer in a group remembers the group's values), and their changes of launch
    configurations stay among themselves.
    """

    def __init__(
        self,
        *,
        period: float | SomeSubstitutionsType,
        actions: Iterable[LaunchDescriptionEntity],
        cancel_on_shutdown: bool | SomeSubstitutionsType = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(period, str):
            period = float(period)
        if period is None or isinstance(period, int):
            # The real one does not take an int either, so the launch file would fail there.
            raise TypeError(f"TimerAction: period must be a float such as 1.0, got {period!r}")
        self.period = normalize_typed_substitution(period, float)
        self.actions = list(actions)
        self._cancel_on_shutdown = normalize_typed_substitution(cancel_on_shutdown, bool)
        self._cancelled = asyncio.Event()
        self._completed: asyncio.Future | None = None
        self._locals: dict[str, Any] = {}
        self._configurations: dict[str, Any] = {}

    def describe(self) -> str:
        return f"TimerAction(period={self._period_text}, actions=<actions>)"

    def describe_conditional_sub_entities(
        self,
    ) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        return [(f"{self._period_text} seconds pass without being canceled", self.actions)]

    @property
    def _period_text(self) -> str:
        if isinstance(self.period, list):
            return describe_substitutions(self.period)
        return str(self.period)

    def cancel(self) -> None:
        """Stop the timer; of no effect once it has fired. Only in the thread of the launch."""
        self._cancelled.set()

    def execute(self, context: LaunchContext) -> None:
        if self._cancelled.is_set():
            return
        self._locals = context.get_locals_as_dict()
        self._configurations = dict(context.launch_configurations)
        period_s = perform_typed_substitution(context, self.period, float)
        cancel_on_shutdown = perform_typed_substitution(context, self._cancel_on_shutdown, bool)
        context.register_event_handler(_TimerControl(self, cancel_on_shutdown))
        self._completed = asyncio.ensure_future(self._fire_later(context, period_s))

    async def _fire_later(self, context: LaunchContext, period_s: float) -> None:
        try:
            await asyncio.wait_for(self._cancelled.wait(), period_s)
        except asyncio.TimeoutError:
            context.emit_event_sync(TimerEvent(timer_action=self))

    def handle(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Return what is visited when the timer fires."""
        context.extend_locals(self._locals)
        return [
            PushLaunchConfigurations(),
            OpaqueFunction(function=self._restore_configurations),
            *self.actions,
            PopLaunchConfigurations(),
        ]

    def _restore_configurations(self, context: LaunchContext) -> None:
        context.launch_configurations.clear()
        context.launch_configurations.update(self._configurations)

    def get_asyncio_future(self) -> asyncio.Future | None:
        return self._completed


class _TimerControl(BaseEventHandler):
    """Fires one timer, and cancels it at shutdown."""

    def __init__(self, timer: TimerAction, cancel_on_shutdown: bool) -> None:
        super().__init__(matcher=self._concerns)
        self._timer = timer
        self._cancel_on_shutdown = cancel_on_shutdown

    def _concerns(self, event: Event) -> bool:
        if isinstance(event, TimerEvent):
            return event.timer_action is self._timer
        return self._cancel_on_shutdown and isinstance(event, Shutdown)

    def handle(self, event: Event, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        if isinstance(event, Shutdown):
            self._timer.cancel()
            return None
        super().handle(event, context)
        return self._timer.handle(context)
