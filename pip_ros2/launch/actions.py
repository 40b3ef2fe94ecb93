"""Actions of launch files; the one that runs a process is in process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from . import logging
from .bases import (
    Action,
    BaseEventHandler,
    Event,
    LaunchContext,
    LaunchDescriptionEntity,
    SomeSubstitutionsType,
    SubstitutionFailure,
    Text,
    optional,
)
from .event_handlers import OnShutdown
from .events import ProcessExited, TimerEvent
from .events import Shutdown as ShutdownEvent
from .launch_description import (
    AnyLaunchDescriptionSource,
    LaunchDescription,
    LaunchDescriptionSource,
)
from .process import ExecuteProcess as ExecuteProcess
from .utilities import normalize_typed_substitution, perform_typed_substitution

Pairs = Mapping[SomeSubstitutionsType, SomeSubstitutionsType]


class LogInfo(Action):
    """Logs a message as `launch.user`."""

    def __init__(self, *, msg: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.msg = Text(msg)

    def execute(self, context: LaunchContext) -> None:
        logging.get_logger("launch.user").info("%s", self.msg.perform(context))


class OpaqueFunction(Action):
    """Calls `function(context, *args, **kwargs)` and visits the entities that it returns."""

    def __init__(
        self,
        *,
        function: Callable[..., list[LaunchDescriptionEntity] | None],
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **left_over_kwargs: Any,
    ) -> None:
        super().__init__(**left_over_kwargs)
        if not callable(function):
            raise TypeError(f"OpaqueFunction: function must be callable, got {function!r}")
        self._function = function
        self._args = tuple(args or ())
        self._kwargs = dict(kwargs or {})

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        return self._function(context, *self._args, **self._kwargs)


class EmitEvent(Action):
    """Queues an event when it is executed."""

    def __init__(self, *, event: Event, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(event, Event):
            raise RuntimeError(f"EmitEvent: expected an event, got {event!r}")
        self.event = event

    def execute(self, context: LaunchContext) -> None:
        context.emit_event_sync(self.event)


class Shutdown(EmitEvent):
    """Ends every process and then the launch; often the `on_exit` of a required process."""

    def __init__(self, *, reason: str = "reason not given", **kwargs: Any) -> None:
        super().__init__(event=ShutdownEvent(reason=reason), **kwargs)

    def execute(self, context: LaunchContext) -> None:
        event = context.get_locals_as_dict().get("event")
        if isinstance(event, ProcessExited) and not context.is_shutdown:
            if event.returncode != 0:
                context._failed_requirements.append(event.process_name)
            logging.get_logger("launch").info(
                "process[%s] was required: shutting down launched system", event.process_name
            )
        super().execute(context)


class RegisterEventHandler(Action):
    """From now on the handler is asked for every event, before those registered earlier.

    It is not asked for the event that leads to its registration.
    """

    def __init__(self, event_handler: BaseEventHandler, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.event_handler = event_handler

    def may_lead_to(self) -> list[tuple[bool, Iterable[LaunchDescriptionEntity]]]:
        return [(True, self.event_handler.entities)]

    def execute(self, context: LaunchContext) -> None:
        context.register_event_handler(self.event_handler)


class _Set(Action):
    """Sets a name to a value, in one of the mappings of the context."""

    _mapping: str

    def __init__(
        self, name: SomeSubstitutionsType, value: SomeSubstitutionsType, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.name, self.value = Text(name), Text(value)

    def execute(self, context: LaunchContext) -> None:
        name = self.name.perform(context)
        getattr(context, self._mapping)[name] = self.value.perform(context)


class SetEnvironmentVariable(_Set):
    """Sets an environment variable for what is executed afterwards."""

    _mapping = "environment"


class SetLaunchConfiguration(_Set):
    """Sets a launch configuration for what is visited afterwards."""

    _mapping = "launch_configurations"


class _Unset(Action):
    """Takes a name out of one of the mappings of the context, if it is there."""

    _mapping: str

    def __init__(self, name: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = Text(name)

    def execute(self, context: LaunchContext) -> None:
        getattr(context, self._mapping).pop(self.name.perform(context), None)


class UnsetEnvironmentVariable(_Unset):
    """Unsets an environment variable if it is set."""

    _mapping = "environment"


class UnsetLaunchConfiguration(_Unset):
    """Unsets a launch configuration if it is set."""

    _mapping = "launch_configurations"


class AppendEnvironmentVariable(_Set):
    """Appends (or prepends) a value with a separator; sets a variable that does not exist."""

    def __init__(
        self,
        name: SomeSubstitutionsType,
        value: SomeSubstitutionsType,
        prepend: bool | SomeSubstitutionsType = False,
        separator: SomeSubstitutionsType = os.pathsep,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, value, **kwargs)
        self.prepend = normalize_typed_substitution(prepend, bool)
        self.separator = Text(separator)

    def execute(self, context: LaunchContext) -> None:
        name, value = self.name.perform(context), self.value.perform(context)
        if name in context.environment:
            parts = [context.environment[name], value]
            if perform_typed_substitution(context, self.prepend, bool):
                parts.reverse()
            value = self.separator.perform(context).join(parts)
        context.environment[name] = value


class PushLaunchConfigurations(Action):
    """Saves the launch configurations on a stack."""

    def execute(self, context: LaunchContext) -> None:
        context._push_launch_configurations()


class PopLaunchConfigurations(Action):
    """Restores the launch configurations that were saved last."""

    def execute(self, context: LaunchContext) -> None:
        context._pop_launch_configurations()


class DeclareLaunchArgument(Action):
    """Gives the launch configuration `name` its default value unless it has been set.

    Without a default value it must be set: by `name:=value`, by the including file, or before.
    A value that is not among the choices is an error.
    """

    is_argument = True

    def __init__(
        self,
        name: str,
        *,
        default_value: SomeSubstitutionsType | None = None,
        description: str | None = None,
        choices: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if choices is not None and not choices:
            raise RuntimeError(f"launch argument '{name}': choices are empty; use None for any")
        if choices is not None and isinstance(default_value, str) and default_value not in choices:
            raise RuntimeError(
                f"launch argument '{name}': default value '{default_value}' is not one of the "
                f"choices: {', '.join(choices)}"
            )
        self.name = name
        self.default_value = optional(default_value)
        self.description = _describe(description, choices)
        self.choices = choices
        # Set by LaunchDescription.get_launch_arguments.
        self._conditionally_included = False

    def execute(self, context: LaunchContext) -> None:
        configurations = context.launch_configurations
        if self.name not in configurations:
            if self.default_value is None:
                raise RuntimeError(
                    f"Required launch argument '{self.name}' (description: "
                    f"'{self.description}') was not provided"
                )
            configurations[self.name] = self.default_value.perform(context)
        value = configurations[self.name]
        if self.choices is not None and value not in self.choices:
            raise RuntimeError(
                f"Argument '{self.name}' provided value '{value}' is not valid. "
                f"Valid options are: {', '.join(self.choices)}"
            )


def _describe(description: str | None, choices: Sequence[str] | None) -> str:
    if choices is None:
        return "no description given" if description is None else description
    if description is None:
        return f"One of: {list(choices)}"
    end = "" if description.endswith(".") else "."
    return f"{description}{end} Valid choices are: {list(choices)}"


class GroupAction(Action):
    """Visits its actions in order.

    scoped: changes of launch configurations and environment end with the group.
    forwarding: the group sees the configurations and environment from outside; if not, it
        starts with the given `launch_configurations` alone and the launcher's environment.
    launch_configurations: values that are set for the group.
    """

    def __init__(
        self,
        actions: Iterable[LaunchDescriptionEntity],
        *,
        scoped: bool = True,
        forwarding: bool = True,
        launch_configurations: Pairs | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._actions = list(actions)
        self._scoped = scoped
        self._forwarding = forwarding or not scoped
        self._configurations = [
            (Text(name), Text(value)) for name, value in (launch_configurations or {}).items()
        ]

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        # Where nothing is forwarded the arguments cannot be set from outside.
        return self._actions if self._forwarding else []

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        if self._scoped:
            context._push_launch_configurations()
            context._push_environment()
        values = context.launch_configurations if self._forwarding else {}
        if not self._forwarding:
            context._reset_environment()
        for name, value in self._configurations:
            values[name.perform(context)] = value.perform(context)
        context.launch_configurations = values
        return [*self._actions, *([OpaqueFunction(function=_leave_scope)] if self._scoped else [])]


def _leave_scope(context: LaunchContext) -> None:
    context._pop_environment()
    context._pop_launch_configurations()


_FILE, _FOLDER = "current_launch_file_path", "current_launch_file_directory"


class IncludeLaunchDescription(Action):
    """Visits the launch description of a source after setting the given arguments.

    The arguments are launch configurations, and the included file shares all of them with the
    including one, in both directions, unless a `GroupAction` limits them.
    """

    is_include = True

    def __init__(
        self,
        launch_description_source: LaunchDescriptionSource | SomeSubstitutionsType,
        *,
        launch_arguments: Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]]
        | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(launch_description_source, LaunchDescriptionSource):
            launch_description_source = AnyLaunchDescriptionSource(launch_description_source)
        self.launch_description_source = launch_description_source
        if isinstance(launch_arguments, Mapping):
            raise TypeError(
                "IncludeLaunchDescription: launch_arguments must be (name, value) pairs, "
                "got a dictionary; use .items()"
            )
        self.launch_arguments = tuple(launch_arguments or ())

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        description = self.launch_description_source.try_get_launch_description_without_context()
        return [] if description is None else [description]

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        description = self.launch_description_source.get_launch_description(context)
        outside = context.get_locals_as_dict()
        location = os.path.abspath(self.launch_description_source.location)
        if os.path.exists(location):
            context.extend_locals({_FILE: location, _FOLDER: os.path.dirname(location)})
        self._check_required_arguments(context, description)
        return [
            *(SetLaunchConfiguration(name, value) for name, value in self.launch_arguments),
            description,
            # 'This launch file' is the including one again.
            OpaqueFunction(function=_restore_file, args=[outside]),
        ]

    def _check_required_arguments(
        self, context: LaunchContext, description: LaunchDescription
    ) -> None:
        """Raise RuntimeError for an argument without default that nobody gives.

        Best effort, before anything is started: an argument under a condition, or whose name
        is only known later, is found when it is executed.
        """
        given = self._argument_names(context)
        arguments = description.get_launch_arguments_with_include_launch_description_actions()
        for argument, includes in arguments:
            if argument._conditionally_included or argument.default_value is not None:
                continue
            inner = {
                name for each in includes or () for name in each._argument_names(LaunchContext())
            }
            if argument.name not in {*given, *inner}:
                raise RuntimeError(
                    f"Included launch description missing required argument '{argument.name}' "
                    f"(description: '{argument.description}'), given: [{', '.join(given)}]"
                )

    def _argument_names(self, context: LaunchContext) -> list[str]:
        names = []
        for name, _ in self.launch_arguments:
            with suppress(SubstitutionFailure):
                names.append(Text(name).perform(context))
        return names


def _restore_file(context: LaunchContext, outside: dict[str, Any]) -> None:
    for name in (_FILE, _FOLDER):
        if name in outside:
            context.extend_locals({name: outside[name]})
        else:
            context._locals.pop(name, None)


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

    def may_lead_to(self) -> list[tuple[bool, Iterable[LaunchDescriptionEntity]]]:
        return [(True, self.actions)]

    def cancel(self) -> None:
        """Stop the timer; of no effect once it has fired. Only in the thread of the launch."""
        self._cancelled.set()

    def execute(self, context: LaunchContext) -> None:
        if self._cancelled.is_set():
            return
        self._locals = context.get_locals_as_dict()
        self._configurations = dict(context.launch_configurations)
        period_s = perform_typed_substitution(context, self.period, float)
        if perform_typed_substitution(context, self._cancel_on_shutdown, bool):
            context.register_event_handler(OnShutdown(on_shutdown=lambda *_: self.cancel()))
        self._completed = asyncio.ensure_future(self._fire_later(context, period_s))

    async def _fire_later(self, context: LaunchContext, period_s: float) -> None:
        try:
            await asyncio.wait_for(self._cancelled.wait(), period_s)
        except asyncio.TimeoutError:
            context.emit_event_sync(TimerEvent(timer_action=self))

    def handle(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Return what is visited when the timer has fired."""
        context.extend_locals(self._locals)
        context._push_launch_configurations()
        context.launch_configurations.clear()
        context.launch_configurations.update(self._configurations)
        return [*self.actions, PopLaunchConfigurations()]

    def get_asyncio_future(self) -> asyncio.Future | None:
        return self._completed
