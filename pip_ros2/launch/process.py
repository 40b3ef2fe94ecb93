"""ExecuteProcess: a process that a launch runs, logs, starts again and ends in order."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import shlex
import signal
from collections.abc import Coroutine, Iterable, Mapping
from functools import partial
from typing import Any

from . import logging
from .bases import (
    Action,
    LaunchContext,
    LaunchDescriptionEntity,
    OnEvent,
    SomeSubstitutionsType,
    Text,
    optional,
)
from .child_process import ChildProcess
from .conditions import evaluate_condition_expression
from .event_handlers import OnProcessExit, OnShutdown
from .events import ProcessExited, ProcessIO, ProcessStarted, ProcessStderr, ProcessStdout
from .process_output import FloodGate, LineSplitter
from .substitutions import LaunchConfiguration
from .utilities import normalize_typed_substitution, perform_typed_substitution

_Pairs = Mapping[SomeSubstitutionsType, SomeSubstitutionsType]
_numbers = itertools.count(1)


class ExecuteProcess(Action):
    """Runs a command, logs what it prints, starts it again if wanted, and ends it.

    prefix: stands before the command (a debugger, for instance). By default that is the launch
        configuration 'launch-prefix', which 'launch-prefix-filter' limits to executables whose
        name matches that regular expression.
    name: in the log, with a number that is unique in this launcher; by default the executable's.
    env: replaces the environment of the launch; additional_env adds to either.
    sigterm_timeout, sigkill_timeout: seconds from SIGINT to SIGTERM and from there to SIGKILL.
    emulate_tty: let it believe that it prints to a terminal; the launch configuration of that
        name overrides it.
    output: where lines go, 'screen', 'log' (launch.log, and standard error on the screen too),
        'both', 'own_log', 'full', or {'stdout'|'stderr'|'both': destinations}.
    on_exit: entities, or a function `(event, context)`, for the end of the process.
    respawn: start it again whenever it ends, after `respawn_delay` seconds, at most
        `respawn_max_retries` times (negative: without limit), unless it was to end.
    """

    def __init__(
        self,
        *,
        cmd: Iterable[SomeSubstitutionsType],
        prefix: SomeSubstitutionsType | None = None,
        name: SomeSubstitutionsType | None = None,
        cwd: SomeSubstitutionsType | None = None,
        env: _Pairs | None = None,
        additional_env: _Pairs | None = None,
        shell: bool = False,
        sigterm_timeout: SomeSubstitutionsType | None = None,
        sigkill_timeout: SomeSubstitutionsType | None = None,
        emulate_tty: bool = False,
        output: SomeSubstitutionsType | Mapping = "log",
        output_format: str = "[{this.process_description.final_name}] {line}",
        on_exit: OnEvent[ProcessExited] | None = None,
        respawn: bool | SomeSubstitutionsType = False,
        respawn_delay: float | None = None,
        respawn_max_retries: int = -1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cmd = [Text(part) for part in cmd]
        self._prefix = optional(prefix)
        self._name = optional(name)
        self._cwd = optional(cwd)
        self._env, self._additional_env = _pairs(env), _pairs(additional_env)
        self.shell = shell
        self._patience = [
            Text(LaunchConfiguration(configuration, default=5) if given is None else given)
            for configuration, given in (
                ("sigterm_timeout", sigterm_timeout), ("sigkill_timeout", sigkill_timeout),
            )
        ]  # fmt: skip
        self.emulate_tty = emulate_tty
        output = os.environ.get("OVERRIDE_LAUNCH_PROCESS_OUTPUT", output)
        self.output = output if isinstance(output, Mapping) else Text(output)
        self._output_format = output_format
        self._on_exit = on_exit
        self._respawn = normalize_typed_substitution(respawn, bool)
        self._respawn_delay_s = respawn_delay or 0.0
        self._max_respawns = respawn_max_retries
        self.final_name: str | None = None
        self.process_details: dict[str, Any] | None = None  # with its pid once it runs
        self.return_code: int | None = None  # once it has ended
        self._completed: asyncio.Future | None = None

    @property
    def process_description(self) -> ExecuteProcess:
        """What has the `final_name`, an object of its own in the real one."""
        return self

    def get_asyncio_future(self) -> asyncio.Future | None:
        return self._completed

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        return list(self._on_exit) if isinstance(self._on_exit, (list, tuple)) else []

    def execute(self, context: LaunchContext) -> None:
        if self._completed is not None:
            raise RuntimeError(f"executed more than once: {self.describe()}")
        details = self._prepare(context)
        if context.is_shutdown:
            return
        self.process_details = details
        self.final_name = details["name"]
        self._words = " ".join(word for word in details["cmd"] if word.strip())
        self._context = context
        self._child: ChildProcess | None = None
        self._end_wanted = asyncio.Event()
        self._logger = logging.get_logger(self.final_name)
        self._timeouts_s = [float(text.perform(context)) for text in self._patience]
        self._tty = self._wants_tty(context)
        self._respawns_left = self._max_respawns
        if not perform_typed_substitution(context, self._respawn, bool):
            self._respawns_left = 0
        output = self.output.perform(context) if isinstance(self.output, Text) else self.output
        self._gates = [
            FloodGate(partial(self._log_line, logger))
            for logger in logging.get_output_loggers(details["name"], output)
        ]
        self._lines = [LineSplitter(gate) for gate in self._gates]
        context._processes.add(self)
        context.register_event_handler(OnShutdown(on_shutdown=lambda *_: self._end_wanted.set()))
        if self._on_exit is not None:
            context.register_event_handler(OnProcessExit(target_action=self, on_exit=self._on_exit))
        self._completed = asyncio.ensure_future(self._run())

    def send_signal(self, signum: signal.Signals) -> None:
        """Send a signal to the process, if it runs, and to all that it has started."""
        if self._child is not None:
            self._logger.info("sending signal '%s' to process[%s]", signum.name, self.final_name)
            try:
                self._child.signal(signum)
            except PermissionError as error:
                self._logger.error("process[%s] cannot be signalled: %s", self.final_name, error)

    def _prepare(self, context: LaunchContext) -> dict[str, Any]:
        """Perform the substitutions; return what the events about the process carry."""
        cmd = [part.perform(context) for part in self.cmd]
        prefix = self._prefix
        if prefix is None:
            pattern = LaunchConfiguration("launch-prefix-filter", default="").perform(context)
            if re.match(pattern, os.path.basename(cmd[0])):
                prefix = Text(LaunchConfiguration("launch-prefix", default=""))
        if prefix is not None:
            cmd = shlex.split(prefix.perform(context)) + cmd
        name = os.path.basename(cmd[0]) if self._name is None else self._name.perform(context)
        env = context.environment if self._env is None else _performed(context, self._env)
        return {
            "action": self,
            "name": f"{name}-{next(_numbers)}",
            "cmd": cmd,
            "cwd": None if self._cwd is None else self._cwd.perform(context),
            "env": {**env, **_performed(context, self._additional_env or [])},
        }

    def _wants_tty(self, context: LaunchContext) -> bool:
        override = context.launch_configurations.get("emulate_tty")
        if override is None:
            return self.emulate_tty
        return evaluate_condition_expression(context, Text(override))

    async def _run(self) -> None:
        """Run until the process has ended for good."""
        while not self._end_wanted.is_set():
            if not await self._run_once() or self._respawns_left == 0:
                break
            self._respawns_left -= 1
            await _passes(self._end_wanted.wait(), self._respawn_delay_s)
        self._context._processes.discard(self)

    async def _run_once(self) -> bool:
        """Run the process once; False if it could not be started."""
        assert self.process_details is not None
        command = {key: self.process_details[key] for key in ("cmd", "cwd", "env")}
        child = ChildProcess(self._on_started, self._on_output)
        try:
            await child.start(**command, shell=self.shell, emulate_tty=self._tty)
        except OSError as error:
            self._logger.error("process could not be started: %s [cmd '%s']", error, self._words)
            return False
        self._child = child
        ending = asyncio.ensure_future(self._end_when_wanted(child))
        try:
            self._on_exited(child.pid, await child.wait())
            if self._end_wanted.is_set():
                await ending  # what the process has started was told to end too: see that it does
        finally:
            ending.cancel()
            self._child = None
            child.close()
        return True

    async def _end_when_wanted(self, child: ChildProcess) -> None:
        await self._end_wanted.wait()
        self.send_signal(signal.SIGINT)
        waited_s = 0.0
        steps = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
        for sent, following, patience_s in zip(steps, steps[1:], self._timeouts_s, strict=False):
            if await _passes(child.group_ended(), patience_s):
                return
            waited_s += patience_s
            self._logger.error(
                "process[%s] failed to terminate '%s' seconds after receiving '%s', "
                "escalating to '%s'",
                self.final_name,
                waited_s,
                sent.name,
                following.name,
            )
            self.send_signal(following)
        await child.group_ended()

    # What the process does is logged as it happens, not when the events about it are handled, so
    # that all that it printed stands before the message about its end.

    def _emit(self, kind: type[ProcessStarted | ProcessIO | ProcessExited], **more: Any) -> None:
        assert self.process_details is not None
        self._context.emit_event_sync(kind(**more, **self.process_details))

    def _on_started(self, pid: int) -> None:
        self._logger.info("process started with pid [%d]", pid)
        assert self.process_details is not None
        self.process_details["pid"] = pid
        self._emit(ProcessStarted)

    def _on_output(self, fd: int, data: bytes) -> None:
        self._lines[fd - 1].feed(data)
        self._emit(ProcessStdout if fd == 1 else ProcessStderr, text=data)

    def _log_line(self, logger: Any, line: str) -> None:
        logger.info("%s", self._output_format.format(line=line, this=self))

    def _on_exited(self, pid: int, return_code: int) -> None:
        for lines, gate in zip(self._lines, self._gates, strict=True):
            lines.flush()
            gate.flush()
        if return_code == 0:
            self._logger.info("process has finished cleanly [pid %d]", pid)
        else:
            self._logger.error(
                "process has died [pid %d, exit code %d, cmd '%s'].", pid, return_code, self._words
            )
        self.return_code = return_code
        self._emit(ProcessExited, returncode=return_code)


def _pairs(values: _Pairs | None) -> list[tuple[Text, Text]] | None:
    if values is None:
        return None
    return [(Text(name), Text(value)) for name, value in values.items()]


def _performed(context: LaunchContext, pairs: list[tuple[Text, Text]]) -> dict[str, str]:
    return {name.perform(context): value.perform(context) for name, value in pairs}


async def _passes(waiting: Coroutine[Any, Any, object], timeout_s: float) -> bool:
    """Return whether the wait is over within the time."""
    try:
        await asyncio.wait_for(waiting, timeout_s)
    except asyncio.TimeoutError:
        return False
    return True
