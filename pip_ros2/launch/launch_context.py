"""LaunchContext: the state of a running launch that entities read and change."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

from .event import Event
from .substitution import Substitution

if TYPE_CHECKING:
    from .event_handler import BaseEventHandler


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
