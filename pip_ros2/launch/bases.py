"""What everything else derives from, in one file, since each of them needs the others.

Events, substitutions, entities, the context that they are given, conditions, handlers, actions.
"""

from __future__ import annotations

import asyncio
import collections.abc
import os
from collections import deque
from collections.abc import Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any

from .refusal import unknown_arguments


class Event:
    """Base of all events; `name` identifies the kind."""

    name = "launch.Event"


class ExecutionComplete(Event):
    """Emitted when an action's work is done, if some handler wants to know."""

    name = "launch.events.ExecutionComplete"

    def __init__(self, *, action: Action) -> None:
        self.action = action


class Substitution:
    """Base of all substitutions: `perform(context)` gives the text."""

    def describe(self) -> str:
        """Return a short text for listings (`--show-args`, `--print`)."""
        return repr(self)

    def perform(self, context: LaunchContext) -> str:
        """Return the text, given the state of the launch at this moment."""
        raise TypeError(f"{type(self).__name__} must define perform(context)")


class TextSubstitution(Substitution):
    """Text that is known already."""

    def __init__(self, *, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"TextSubstitution: text must be a str, got {text!r}")
        self.text = text

    def describe(self) -> str:
        return f"'{self.text}'"

    def perform(self, context: LaunchContext) -> str:
        return self.text


class SubstitutionFailure(RuntimeError):  # noqa: N818, the name is public
    """A substitution has no value: an unset variable, a failed command, a missing file."""


SomeSubstitutionsType = str | Path | Substitution | Iterable[str | Path | Substitution]
SomeSubstitutionsType_types_tuple = (str, os.PathLike, Substitution, collections.abc.Iterable)


class LaunchDescriptionEntity:
    """Base of everything that a launch description holds.

    While launching, an entity is visited: `visit` does its work and returns the entities that
    are to be visited next, and `get_asyncio_future` tells when work that goes on afterwards (a
    process, a timer) is finished. For listings it describes itself and what it contains,
    without running anything.
    """

    # For `LaunchDescription.get_launch_arguments`, which the classes of these are built upon.
    is_argument = False
    is_include = False
    hides_arguments = False  # what follows cannot be set from outside

    def describe(self) -> str:
        """Return a short text for listings."""
        return repr(self)

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the entities that a visit always leads to."""
        return []

    def describe_conditional_sub_entities(
        self,
    ) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        """Return (condition, entities) pairs: what a visit may lead to."""
        return []

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Do the work and return the entities to visit next; must not block."""
        return None

    def get_asyncio_future(self) -> asyncio.Future | None:
        """Return a future that is done when the entity's work is; None if visiting was all."""
        return None


SomeEntitiesType = LaunchDescriptionEntity | Iterable[LaunchDescriptionEntity]
SomeEntitiesType_types_tuple = (LaunchDescriptionEntity, collections.abc.Iterable)


def as_entities(entities: SomeEntitiesType | None, giver: str) -> list[LaunchDescriptionEntity]:
    """Return one entity, several, or none as a list; None among several is left out.

    Raises TypeError that names the giver and what it gave for anything else.
    """
    if entities is None:
        return []
    if isinstance(entities, LaunchDescriptionEntity):
        return [entities]
    if not isinstance(entities, Iterable):
        raise TypeError(f"{giver}: expected actions, got {entities!r}")
    listed = [entity for entity in entities if entity is not None]
    for entity in listed:
        if not isinstance(entity, LaunchDescriptionEntity):
            raise TypeError(f"{giver}: expected actions, got {entity!r}")
    return listed


class Locals:
    """Read-only view of the context's local values as attributes."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        known = ", ".join(sorted(self.__dict__)) or "nothing"
        raise AttributeError(f"context.locals has no '{name}', it has: {known}")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"cannot set '{name}': context.locals is read-only")


class LaunchContext:
    """Launch configurations, environment, locals, event queue and event handlers.

    Launch configurations are the named texts that arguments set and `LaunchConfiguration`
    reads; they and the environment (which is `os.environ` itself) can be saved on a stack and
    restored, which is how a `GroupAction` is scoped. Locals live while one event is handled.
    """

    def __init__(self, *, argv: Iterable[str] | None = None, noninteractive: bool = False) -> None:
        self.argv = list(argv) if argv is not None else []
        self.noninteractive = noninteractive
        self.is_shutdown = False
        # Names of processes that a Shutdown waited for and that failed; the real one forgets them.
        self._failed_requirements: list[str] = []
        self.asyncio_loop: asyncio.AbstractEventLoop | None = None
        self.launch_configurations: dict[str, Any] = {}
        self._configurations_stack: list[dict[str, Any]] = []
        self._environment_stack: list[dict[str, str]] = []
        self._initial_environment = dict(os.environ)
        self._globals: dict[str, Any] = {}
        self._locals: dict[str, Any] = {}
        self._locals_stack: list[dict[str, Any]] = []
        self._events: deque[Event] = deque()
        self._event_handlers: deque[BaseEventHandler] = deque()
        self._completion_futures: list[asyncio.Future] = []
        # The LaunchService that runs this context puts its wake-up call here.
        self._wake: Callable[[], None] = lambda: None

    # -- environment and launch configurations ----------------------------------------------

    @property
    def environment(self) -> MutableMapping[str, str]:
        """The environment that processes inherit: `os.environ`."""
        return os.environ

    def _push_environment(self) -> None:
        self._environment_stack.append(dict(os.environ))

    def _pop_environment(self) -> None:
        if not self._environment_stack:
            raise RuntimeError("PopEnvironment without a PushEnvironment before it")
        self._replace_environment(self._environment_stack.pop())

    def _reset_environment(self) -> None:
        self._replace_environment(self._initial_environment)

    @staticmethod
    def _replace_environment(values: dict[str, str]) -> None:
        os.environ.clear()
        os.environ.update(values)

    def _push_launch_configurations(self) -> None:
        self._configurations_stack.append(dict(self.launch_configurations))

    def _pop_launch_configurations(self) -> None:
        if not self._configurations_stack:
            raise RuntimeError("PopLaunchConfigurations without a PushLaunchConfigurations before")
        self.launch_configurations = self._configurations_stack.pop()

    # -- locals -----------------------------------------------------------------------------

    def _push_locals(self) -> None:
        self._locals_stack.append(dict(self._locals))

    def _pop_locals(self) -> None:
        self._locals = self._locals_stack.pop()

    def extend_globals(self, extensions: dict[str, Any]) -> None:
        """Add values to `locals` for good; locals of the same name hide them."""
        self._globals.update(extensions)

    def extend_locals(self, extensions: dict[str, Any]) -> None:
        """Add values to `locals` until the present event has been handled."""
        self._locals.update(extensions)

    def get_locals_as_dict(self) -> dict[str, Any]:
        """Return a copy of the locals and globals together."""
        return {**self._globals, **self._locals}

    @property
    def locals(self) -> Locals:
        """The locals and globals as attributes; an unknown name lists those that exist."""
        return Locals(self.get_locals_as_dict())

    # -- events -----------------------------------------------------------------------------

    def register_event_handler(self, event_handler: BaseEventHandler, append: bool = False) -> None:
        """Register a handler before the others (the newest is asked first), or after them."""
        if append:
            self._event_handlers.append(event_handler)
        else:
            self._event_handlers.appendleft(event_handler)

    def unregister_event_handler(self, event_handler: BaseEventHandler) -> None:
        """Unregister a handler; ValueError if it is not registered."""
        if event_handler not in self._event_handlers:
            raise ValueError(f"event handler {event_handler.describe()[0]} is not registered")
        self._event_handlers.remove(event_handler)

    def would_handle_event(self, event: Event) -> bool:
        """Return whether any registered handler wants the event."""
        return any(handler.matches(event) for handler in self._event_handlers)

    def emit_event_sync(self, event: Event) -> None:
        """Queue an event; only from the thread that runs the launch."""
        self._events.append(event)
        self._wake()

    async def emit_event(self, event: Event) -> None:
        """Queue an event, from a coroutine."""
        self.emit_event_sync(event)

    def add_completion_future(self, completion_future: asyncio.Future) -> None:
        """Make the launch wait for this future before it counts as idle."""
        self._completion_futures.append(completion_future)
        completion_future.add_done_callback(lambda _: self._wake())

    def perform_substitution(self, substitution: Substitution) -> str:
        """Return the text of one substitution."""
        return substitution.perform(self)


class Condition:
    """Wraps a predicate of the launch context; without one it is never true."""

    def __init__(self, *, predicate: Callable[[LaunchContext], bool] | None = None) -> None:
        self._predicate = predicate

    def evaluate(self, context: LaunchContext) -> bool:
        """Return whether the action is to be executed."""
        return self._predicate is not None and self._predicate(context)


class BaseEventHandler:
    """Says which events it handles (`matches`) and what they lead to (`handle`).

    The entities that `handle` returns find the event in `context.locals.event`. With
    `handle_once` the handler is unregistered after its first event.
    """

    def __init__(
        self, *, matcher: Callable[[Event], bool], handle_once: bool = False, **unknown: Any
    ) -> None:
        if unknown:
            raise unknown_arguments(type(self), unknown)
        self._matcher = matcher
        self.handle_once = handle_once

    def matches(self, event: Event) -> bool:
        """Return whether this handler wants the event."""
        return self._matcher(event)

    def describe(self) -> tuple[str, list[Any]]:
        """Return a text and the entities known beforehand, for listings."""
        return type(self).__name__, []

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        """Return the entities to visit; subclasses call this first."""
        context.extend_locals({"event": event})
        if self.handle_once:
            context.unregister_event_handler(self)
        return None


class EventHandler(BaseEventHandler):
    """Handles events with a fixed list of entities."""

    def __init__(
        self,
        *,
        matcher: Callable[[Event], bool],
        entities: SomeEntitiesType | None = None,
        handle_once: bool = False,
        **unknown: Any,
    ) -> None:
        super().__init__(matcher=matcher, handle_once=handle_once, **unknown)
        self.entities = entities

    def describe(self) -> tuple[str, list[Any]]:
        text, _ = super().describe()
        return text, as_entities(self.entities, type(self).__name__)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        super().handle(event, context)
        return self.entities


class OnActionEvent(BaseEventHandler):
    """Handles one kind of event of one action, of the actions that a predicate chooses, or of all.

    `on_event` is an entity, several, or a function `(event, context)` that returns them. Raises
    TypeError for a target or entity of another type.
    """

    def __init__(
        self,
        *,
        target_action: Any,
        on_event: SomeEntitiesType | Callable[[Any, LaunchContext], SomeEntitiesType | None],
        target_event_cls: type[Event],
        target_action_cls: type[Action],
        **kwargs: Any,
    ) -> None:
        is_action = isinstance(target_action, target_action_cls)
        if target_action is not None and not is_action and not callable(target_action):
            raise TypeError(
                f"{type(self).__name__}: target_action must be one {target_action_cls.__name__} "
                f"or a function of an action, got {target_action!r}"
            )

        def matches(event: Event) -> bool:
            if not isinstance(event, target_event_cls):
                return False
            if target_action is None:
                return True
            action = event.action  # type: ignore[attr-defined]
            return action is target_action if is_action else bool(target_action(action))

        super().__init__(matcher=matches, **kwargs)
        self._event_name = target_event_cls.__name__
        self._function = on_event if callable(on_event) else None
        self._entities = [] if callable(on_event) else as_entities(on_event, type(self).__name__)

    def describe(self) -> tuple[str, list[Any]]:
        return super().describe()[0], list(self._entities)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        super().handle(event, context)
        return self._function(event, context) if self._function else self._entities


class Action(LaunchDescriptionEntity):
    """Base of all actions. Subclasses define `execute(context)`.

    Keyword arguments that no subclass has taken end here and are refused by name.
    """

    def __init__(self, *, condition: Condition | None = None, **unknown: Any) -> None:
        if unknown:
            raise unknown_arguments(type(self), unknown)
        self.condition = condition

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Do the work and return the entities to visit next."""
        return None

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        if self.condition is not None and not self.condition.evaluate(context):
            return None
        try:
            return self.execute(context)
        finally:
            self._announce_completion(context)

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Return the entities that executing this action leads to, as far as known beforehand."""
        return []

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        return [] if self.condition is not None else self.get_sub_entities()

    def describe_conditional_sub_entities(
        self,
    ) -> list[tuple[str, Iterable[LaunchDescriptionEntity]]]:
        if self.condition is None:
            return []
        return [(f"Conditionally included by {self.describe()}", self.get_sub_entities())]

    def _announce_completion(self, context: LaunchContext) -> None:
        event = ExecutionComplete(action=self)
        if not context.would_handle_event(event):
            return
        future = self.get_asyncio_future()
        if future is None:
            context.emit_event_sync(event)
        else:
            future.add_done_callback(lambda _: context.emit_event_sync(event))
