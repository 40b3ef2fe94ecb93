"""What everything else derives from, in one file, since each of them needs the others.

Events, texts and their substitutions, entities, the context that they are given, conditions,
handlers, actions.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from .refusal import unknown_arguments


class Event:
    """Base of all events; `name` identifies the kind."""

    name = "launch.Event"

    def leads_to(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Return what the launch service visits once the handlers have been asked."""
        return []


class Substitution:
    """Base of all substitutions: `perform(context)` gives the text."""

    def describe(self) -> str:
        """Return a short text for listings: the name of the class and the texts that it holds."""
        held = (_described(value) for value in vars(self).values())
        return f"{type(self).__name__}({', '.join(filter(None, held))})"

    def perform(self, context: LaunchContext) -> str:
        """Return the text, given the state of the launch at this moment."""
        raise TypeError(f"{type(self).__name__} must define perform(context)")


def _described(value: object) -> str:
    if isinstance(value, Text):
        return value.describe()
    return ", ".join(map(_described, value)) if isinstance(value, list) else ""


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


SomeSubstitutionsType: TypeAlias = str | Path | Substitution | Iterable[str | Path | Substitution]
SomeSubstitutionsType_types_tuple = (str, os.PathLike, Substitution, Iterable)


class Text(list[Substitution]):
    """What a launch file may write for a text, as a list of the substitutions that make it up.

    Taken is a text, a path, a substitution or a sequence of them, as `["map_",
    LaunchConfiguration("x")]`. Raises TypeError for anything else; numbers in particular have to be
    written as text.
    """

    def __init__(self, given: SomeSubstitutionsType) -> None:
        single = isinstance(given, (str, os.PathLike, Substitution))
        super().__init__(map(_as_substitution, [given] if single else _parts(given)))

    def perform(self, context: LaunchContext) -> str:
        """Return the texts of all substitutions, joined."""
        return "".join(context.perform_substitution(part) for part in self)

    def describe(self) -> str:
        """Return the descriptions of all, for listings: `'rate: ' + LaunchConfiguration('x')`."""
        return " + ".join(part.describe() for part in self)


def _parts(given: Any) -> Iterable[Any]:
    if isinstance(given, Iterable):
        return given
    raise _no_text(given)


def _as_substitution(part: Any) -> Substitution:
    if isinstance(part, Substitution):
        return part
    if isinstance(part, (str, os.PathLike)):
        return TextSubstitution(text=os.fspath(part))
    raise _no_text(part)


def _no_text(value: object) -> TypeError:
    return TypeError(
        f"expected a text, a path or a launch.Substitution, got {value!r} "
        f"of type {type(value).__name__}"
    )


def optional(given: SomeSubstitutionsType | None) -> Text | None:
    """Return the text; None stays None."""
    return None if given is None else Text(given)


class LaunchDescriptionEntity:
    """Base of everything that a launch description holds.

    While launching, an entity is visited: `visit` does its work and returns the entities that
    are to be visited next, and `get_asyncio_future` tells when work that goes on afterwards (a
    process, a timer) is finished. `may_lead_to` tells what it contains, without running anything.
    """

    # For `LaunchDescription.get_launch_arguments`, which the classes of these are built upon.
    is_argument = False
    is_include = False
    hides_arguments = False  # what follows cannot be set from outside

    def describe(self) -> str:
        """Return a short text for messages."""
        return repr(self)

    def may_lead_to(self) -> list[tuple[bool, Iterable[LaunchDescriptionEntity]]]:
        """Return (whether only under a condition, entities) pairs: what a visit leads to."""
        return []

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Do the work and return the entities to visit next; must not block."""
        return None

    def get_asyncio_future(self) -> asyncio.Future | None:
        """Return a future that is done when the entity's work is; None if visiting was all."""
        return None


SomeEntitiesType: TypeAlias = LaunchDescriptionEntity | Iterable[LaunchDescriptionEntity]
SomeEntitiesType_types_tuple = (LaunchDescriptionEntity, Iterable)


def as_entities(entities: SomeEntitiesType | None, giver: object) -> list[LaunchDescriptionEntity]:
    """Return one entity, several, or none as a list; None among several is left out.

    Raises TypeError that names the giver's class and what it gave for anything else.
    """
    many = isinstance(entities, Iterable) and not isinstance(entities, LaunchDescriptionEntity)
    listed: Any = entities if many else [entities]
    present = [entity for entity in listed if entity is not None]
    for entity in present:
        if not isinstance(entity, LaunchDescriptionEntity):
            raise TypeError(f"{type(giver).__name__}: expected actions, got {entity!r}")
    return present


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
        self._events: deque[Event] = deque()
        self._event_handlers: deque[BaseEventHandler] = deque()
        self._completion_futures: list[asyncio.Future] = []
        self._processes: set[Any] = set()  # those that run, ExecuteProcess
        # The LaunchService that runs this context puts its wake-up call here.
        self._wake: Callable[[], None] = lambda: None

    @property
    def environment(self) -> MutableMapping[str, str]:
        """The environment that processes inherit: `os.environ`."""
        return os.environ

    def _push_environment(self) -> None:
        self._environment_stack.append(dict(os.environ))

    def _pop_environment(self) -> None:
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

    def register_event_handler(self, event_handler: BaseEventHandler, append: bool = False) -> None:
        """Register a handler before the others (the newest is asked first), or after them."""
        if append:
            self._event_handlers.append(event_handler)
        else:
            self._event_handlers.appendleft(event_handler)

    def unregister_event_handler(self, event_handler: BaseEventHandler) -> None:
        """Unregister a handler; ValueError if it is not registered."""
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


_E = TypeVar("_E", bound=Event)
OnEvent: TypeAlias = SomeEntitiesType | Callable[[_E, LaunchContext], SomeEntitiesType | None]


class BaseEventHandler:
    """Says which events it handles (`matches`) and what they lead to (`handle`).

    That are entities, or what a function `(event, context)` returns. They find the event in
    `context.locals.event`. With `handle_once` the handler is unregistered after its first event.
    Raises TypeError for what is no entity.
    """

    def __init__(
        self,
        *,
        matcher: Callable[[Any], bool],
        handle_once: bool = False,
        _on_event: Any = None,
        **unknown: Any,
    ) -> None:
        if unknown:
            raise unknown_arguments(type(self), unknown)
        self._matcher = matcher
        self.handle_once = handle_once
        self._function = _on_event if callable(_on_event) else None
        self.entities = [] if self._function else as_entities(_on_event, self)

    def matches(self, event: Event) -> bool:
        """Return whether this handler wants the event."""
        return self._matcher(event)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        """Return the entities to visit; subclasses call this first."""
        context.extend_locals({"event": event})
        if self.handle_once:
            context.unregister_event_handler(self)
        return self._function(event, context) if self._function else self.entities


class EventHandler(BaseEventHandler):
    """Handles the events for which `matcher` is true with a fixed list of entities."""

    def __init__(
        self,
        *,
        matcher: Callable[[Event], bool],
        entities: SomeEntitiesType | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(matcher=matcher, _on_event=entities, **kwargs)


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

    def may_lead_to(self) -> list[tuple[bool, Iterable[LaunchDescriptionEntity]]]:
        return [(self.condition is not None, self.get_sub_entities())]

    def _announce_completion(self, context: LaunchContext) -> None:
        event = ExecutionComplete(action=self)
        if not context.would_handle_event(event):
            return
        future = self.get_asyncio_future()
        if future is None:
            context.emit_event_sync(event)
        else:
            future.add_done_callback(lambda _: context.emit_event_sync(event))


class ExecutionComplete(Event):
    """Emitted when an action's work is done, if some handler wants to know."""

    name = "launch.events.ExecutionComplete"

    def __init__(self, *, action: Action) -> None:
        self.action = action
