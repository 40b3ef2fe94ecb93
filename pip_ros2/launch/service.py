"""LaunchService: runs launch descriptions until everything they started has ended."""

from __future__ import annotations

import asyncio
import signal
import threading
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from logging import Logger

from . import logging
from .bases import Event, LaunchContext, LaunchDescriptionEntity, SomeEntitiesType, as_entities
from .event_handlers import OnShutdown
from .events import IncludeLaunchDescription, Shutdown
from .launch_description import LaunchDescription


class LaunchService:
    """An event queue, the handlers registered for it, and the loop that works it off.

    Events are handled one at a time. For each, the handlers are asked newest first, and the
    entities that a handler returns are visited depth first, in order. The service is idle when
    the queue is empty and no visited entity has work going on; then, or on SIGINT or SIGTERM, or
    after an error, it emits `Shutdown` and ends at the next idle moment.

    argv is kept in the context for the entities. noninteractive changes nothing here: SIGINT is
    always passed on to the processes.
    """

    def __init__(
        self,
        *,
        argv: Iterable[str] | None = None,
        noninteractive: bool = False,
        debug: bool = False,
    ) -> None:
        logging.launch_config.level = logging.DEBUG if debug else logging.INFO
        self._debug = debug
        self._logger = logging.get_logger("launch")
        self.context = LaunchContext(argv=argv, noninteractive=noninteractive)
        self.context.register_event_handler(OnShutdown(on_shutdown=self._on_shutdown))
        self._running: set[asyncio.Future] = set()  # work of visited entities
        self._shutting_down = False
        self._return_code = 0
        self.event_loop: asyncio.AbstractEventLoop | None = None
        self.task: asyncio.Task | None = None

    # -- interface --------------------------------------------------------------------------

    def include_launch_description(self, launch_description: LaunchDescription) -> None:
        """Queue a launch description; thread-safe."""
        self.emit_event(IncludeLaunchDescription(launch_description))

    def emit_event(self, event: Event) -> None:
        """Queue an event; thread-safe. It is handled once the service runs."""
        loop = self.event_loop
        if loop is None:
            self.context.emit_event_sync(event)
        else:
            loop.call_soon_threadsafe(self.context.emit_event_sync, event)

    def shutdown(self, force_sync: bool = False) -> asyncio.Future | None:
        """Ask the running service to end; thread-safe. Does nothing if it is not running.

        Inside the loop, unless `force_sync`, a future that is already done is returned, so that
        the call may be awaited.
        """
        loop = self.event_loop
        if loop is None:
            return None
        if threading.current_thread() is threading.main_thread():
            self._shut_down("LaunchService.shutdown() called")
            if force_sync:
                return None
            done = loop.create_future()
            done.set_result(None)
            return done
        loop.call_soon_threadsafe(self._shut_down, "LaunchService.shutdown() called")
        return None

    def run(self, *, shutdown_when_idle: bool = True) -> int:
        """Run until everything has ended; return 0, or 1 after an error."""
        return asyncio.run(self.run_async(shutdown_when_idle=shutdown_when_idle))

    async def run_async(self, *, shutdown_when_idle: bool = True) -> int:
        """As `run`, as a coroutine for an event loop in the main thread."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("LaunchService can only be run in the main thread")
        if self.event_loop is not None:
            raise RuntimeError("LaunchService is running already")
        loop = asyncio.get_running_loop()
        if self._debug:
            loop.set_debug(True)
        exception_handler = loop.get_exception_handler()
        loop.set_exception_handler(self._on_loop_exception)
        wake = asyncio.Event()
        wake.set()
        self.context._wake = wake.set
        self.context.asyncio_loop = self.event_loop = loop
        self.task = asyncio.current_task()
        self._return_code = 0
        logging.log_launch_config(logger=self._logger)
        try:
            with StopSignals(self, self._logger):
                await self._work(wake, shutdown_when_idle)
        finally:
            loop.set_exception_handler(exception_handler)
            self.context._wake = lambda: None
            self.context.asyncio_loop = self.event_loop = self.task = None
            self._shutting_down = False
        return self._return_code

    # -- the loop ---------------------------------------------------------------------------

    async def _work(self, wake: asyncio.Event, shutdown_when_idle: bool) -> None:
        while True:
            try:
                self._collect_finished()
                if self.context._events:
                    self._handle(self.context._events.popleft())
                    await asyncio.sleep(0)  # let processes and timers speak between two events
                elif self._running or self.context._completion_futures:
                    wake.clear()
                    await wake.wait()
                elif self._shutting_down:
                    return
                elif shutdown_when_idle:
                    self._shut_down("idle")
                else:
                    wake.clear()
                    await wake.wait()
            except asyncio.CancelledError:
                # The task was cancelled by whoever runs it: still an orderly end, the first time.
                self._logger.error("run task was canceled")
                self._return_code = 1
                if self._shutting_down:
                    return
                self._shut_down("run task was canceled")
            except Exception as error:
                self._fail(error)

    def _collect_finished(self) -> None:
        """Forget work that is finished; an error in it ends the launch."""
        finished = {future for future in self._running if future.done()}
        self._running -= finished
        completions = self.context._completion_futures
        finished.update(future for future in completions if future.done())
        completions[:] = [future for future in completions if not future.done()]
        for future in finished:
            error = None if future.cancelled() else future.exception()
            if error is not None:
                self._fail(error)

    def _handle(self, event: Event) -> None:
        self._logger.debug("handling event %s", event.name)
        # The handlers registered at this moment: those that the event itself leads to come later.
        for handler in tuple(self.context._event_handlers):
            if handler.matches(event):
                self._visit_all(handler, partial(handler.handle, event, self.context))
        self._visit_all(event, partial(event.leads_to, self.context))

    def _visit_all(self, giver: object, give: Callable[[], SomeEntitiesType | None]) -> None:
        """Visit what is given, with locals of its own."""
        outside = self.context._locals
        self.context._locals = dict(outside)
        try:
            for entity in as_entities(give(), giver):
                self._visit(entity)
        finally:
            self.context._locals = outside

    def _visit(self, entity: LaunchDescriptionEntity) -> None:
        sub_entities = entity.visit(self.context)
        future = entity.get_asyncio_future()
        if future is not None and not future.done():
            self._running.add(future)
            future.add_done_callback(lambda _: self.context._wake())
        for sub_entity in as_entities(sub_entities, entity):
            self._visit(sub_entity)

    def _fail(self, error: BaseException) -> None:
        self._logger.debug("".join(traceback.format_exception(error)))
        message = f"the launch has failed: {str(error) or repr(error)} (--debug shows where)"
        self._logger.error(message)
        self._return_code = 1
        self._shut_down(message)

    # -- ending -----------------------------------------------------------------------------

    def _shut_down(self, reason: str, *, due_to_sigint: bool = False) -> None:
        if not self._shutting_down:
            self._shutting_down = self.context.is_shutdown = True
            self.context.emit_event_sync(Shutdown(reason=reason, due_to_sigint=due_to_sigint))

    def _on_shutdown(self, event: Event, context: LaunchContext) -> None:
        self._shutting_down = context.is_shutdown = True

    def _on_loop_exception(self, loop: asyncio.AbstractEventLoop, details: dict) -> None:
        self._return_code = 1
        loop.default_exception_handler(details)


# SIGHUP: the terminal was closed. It is left alone where it is ignored (nohup).
_TERMINATING = (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)


class StopSignals:
    """While entered, handles the signals that ask the launcher to stop.

    The first SIGINT (Ctrl-C) shuts the launch down: every process gets SIGINT, and SIGTERM and
    SIGKILL if its time-outs pass. Whoever is in a hurry presses Ctrl-C again: the second sends
    SIGTERM at once, the third SIGKILL. SIGTERM, SIGQUIT and SIGHUP shut down in the same orderly
    way, and the launch returns 1.
    """

    def __init__(self, service: LaunchService, logger: Logger) -> None:
        self._service = service
        self._logger = logger
        self._interrupts = 0
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> StopSignals:
        loop = asyncio.get_running_loop()
        handlers = {signal.SIGINT: self._on_interrupt}
        handlers.update(dict.fromkeys(_TERMINATING, self._on_terminate))
        for signum, handler in handlers.items():
            previous = signal.getsignal(signum)
            if signum is signal.SIGHUP and previous is signal.SIG_IGN:
                continue
            self._previous[signum] = previous
            loop.add_signal_handler(signum, handler, signum)
        return self

    def __exit__(self, *exc_info: object) -> None:
        loop = asyncio.get_running_loop()
        for signum, previous in self._previous.items():
            loop.remove_signal_handler(signum)
            if previous is not None:  # None: not set from Python, so Python cannot restore it
                signal.signal(signum, previous)  # type: ignore[arg-type]

    def _on_interrupt(self, signum: signal.Signals) -> None:
        self._interrupts += 1
        if self._interrupts == 1:
            self._logger.warning("user interrupted with ctrl-c (SIGINT)")
            self._service._shut_down("ctrl-c (SIGINT)", due_to_sigint=True)
            return
        escalated = signal.SIGTERM if self._interrupts == 2 else signal.SIGKILL
        self._logger.warning(
            "user interrupted with ctrl-c (SIGINT) again, sending '%s' now", escalated.name
        )
        for process in tuple(self._service.context._processes):
            process.send_signal(escalated)

    def _on_terminate(self, signum: signal.Signals) -> None:
        self._logger.error("launch was asked to end (%s), ending its processes", signum.name)
        self._service._return_code = 1
        self._service._shut_down(f"{signum.name} received")
