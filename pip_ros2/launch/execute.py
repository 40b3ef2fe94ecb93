"""Running processes: what is run, the actions that run it, and the handlers of its events."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import shlex
import signal
from collections.abc import Callable, Iterable, Mapping
from logging import Logger
from typing import Any

from . import logging
from .bases import (
    Action,
    BaseEventHandler,
    Event,
    LaunchContext,
    LaunchDescriptionEntity,
    OnActionEvent,
    SomeEntitiesType,
    SomeSubstitutionsType,
    Substitution,
)
from .conditions import evaluate_condition_expression
from .events import Shutdown
from .process_events import ProcessExited, ProcessIO, ProcessStarted, ShutdownProcess, SignalProcess
from .process_output import ProcessReporter
from .processes import ProcessCallbacks, ProcessPlan, ProcessSupervisor
from .substitutions import LaunchConfiguration
from .utilities import (
    normalize_to_list_of_substitutions,
    normalize_typed_substitution,
    perform_substitutions,
    perform_typed_substitution,
)

__all__ = [
    "Executable",
]


_counter = itertools.count(1)

_Pairs = list[tuple[list[Substitution], list[Substitution]]]


class Executable:
    """What is to be run; `prepare` performs the substitutions and fills the `final_` values.

    `prefix` stands before the command (a debugger, for instance) and defaults to the launch
    configuration 'launch-prefix', which 'launch-prefix-filter' limits to executables whose name
    matches that regular expression. `env` replaces the environment of the launch,
    `additional_env` adds to either. `final_name` is the name (default: file name of the
    executable) with a number that is unique in this launcher.
    """

    def __init__(
        self,
        *,
        cmd: Iterable[SomeSubstitutionsType],
        prefix: SomeSubstitutionsType | None = None,
        name: SomeSubstitutionsType | None = None,
        cwd: SomeSubstitutionsType | None = None,
        env: Mapping[SomeSubstitutionsType, SomeSubstitutionsType] | None = None,
        additional_env: Mapping[SomeSubstitutionsType, SomeSubstitutionsType] | None = None,
        arguments: Iterable[SomeSubstitutionsType] | None = None,
    ) -> None:
        self.arguments = arguments
        self.cmd = [normalize_to_list_of_substitutions(part) for part in [*cmd, *(arguments or ())]]
        self._prefix_is_default = prefix is None
        self.prefix = normalize_to_list_of_substitutions(
            LaunchConfiguration("launch-prefix", default="") if prefix is None else prefix
        )
        self.name = None if name is None else normalize_to_list_of_substitutions(name)
        self.cwd = None if cwd is None else normalize_to_list_of_substitutions(cwd)
        self.env = None if env is None else _normalize_pairs(env)
        self.additional_env = None if additional_env is None else _normalize_pairs(additional_env)
        self.final_name: str | None = None
        self.final_cmd: list[str] | None = None
        self.final_cwd: str | None = None
        self.final_env: dict[str, str] | None = None

    def prepare(self, context: LaunchContext, action: Action) -> None:
        """Perform the substitutions; `action` is for subclasses."""
        cmd = [perform_substitutions(context, part) for part in self.cmd]
        if self._prefix_applies(context, cmd[0]):
            cmd = shlex.split(perform_substitutions(context, self.prefix)) + cmd
        if self.name is None:
            name = os.path.basename(cmd[0])
        else:
            name = perform_substitutions(context, self.name)
        self.final_cmd = cmd
        self.final_name = f"{name}-{next(_counter)}"
        self.final_cwd = None if self.cwd is None else perform_substitutions(context, self.cwd)
        if self.env is None:
            self.final_env = dict(context.environment)
        else:
            self.final_env = _perform_pairs(context, self.env)
        self.final_env.update(_perform_pairs(context, self.additional_env or []))

    def _prefix_applies(self, context: LaunchContext, executable: str) -> bool:
        if not self._prefix_is_default:
            return True
        pattern = LaunchConfiguration("launch-prefix-filter", default="").perform(context)
        return re.match(pattern, os.path.basename(executable)) is not None


def _normalize_pairs(
    values: Mapping[SomeSubstitutionsType, SomeSubstitutionsType],
) -> _Pairs:
    return [
        (normalize_to_list_of_substitutions(name), normalize_to_list_of_substitutions(value))
        for name, value in values.items()
    ]


def _perform_pairs(context: LaunchContext, pairs: _Pairs) -> dict[str, str]:
    return {
        perform_substitutions(context, name): perform_substitutions(context, value)
        for name, value in pairs
    }


class OnProcessExit(OnActionEvent):
    """Handles the end of one process, or of all of them."""

    def __init__(
        self,
        *,
        target_action: ExecuteLocal | Callable[[ExecuteLocal], bool] | None = None,
        on_exit: SomeEntitiesType
        | Callable[[ProcessExited, LaunchContext], SomeEntitiesType | None],
        **kwargs: Any,
    ) -> None:

        super().__init__(
            target_action=target_action,
            on_event=on_exit,
            target_event_cls=ProcessExited,
            target_action_cls=ExecuteLocal,
            **kwargs,
        )


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


class OnProcessStart(OnActionEvent):
    """Handles the start of one process, or of all of them."""

    def __init__(
        self,
        *,
        target_action: ExecuteLocal | Callable[[ExecuteLocal], bool] | None = None,
        on_start: SomeEntitiesType
        | Callable[[ProcessStarted, LaunchContext], SomeEntitiesType | None],
        **kwargs: Any,
    ) -> None:

        super().__init__(
            target_action=target_action,
            on_event=on_start,
            target_event_cls=ProcessStarted,
            target_action_cls=ExecuteLocal,
            **kwargs,
        )


_DEFAULT_SIGTERM_TIMEOUT = LaunchConfiguration("sigterm_timeout", default=5)
_DEFAULT_SIGKILL_TIMEOUT = LaunchConfiguration("sigkill_timeout", default=5)


class ExecuteLocal(Action):
    """Runs a process, logs what it prints, starts it again if wanted, and ends it.

    output: where lines go, 'screen', 'log' (launch.log, and standard error on the screen too),
        'both', 'own_log', 'full', or {'stdout'|'stderr'|'both': destinations}.
    on_exit: entities, or a function `(event, context)`, for the end of the process.
    respawn: start it again whenever it ends, after `respawn_delay` seconds, at most
        `respawn_max_retries` times (negative: without limit), unless it was to end.
    sigterm_timeout, sigkill_timeout: seconds from SIGINT to SIGTERM and from there to SIGKILL.
    emulate_tty: let it believe that it prints to a terminal; the launch configuration of that
        name overrides it.
    log_cmd: log the final command.
    """

    def __init__(
        self,
        *,
        process_description: Executable,
        shell: bool = False,
        sigterm_timeout: SomeSubstitutionsType = _DEFAULT_SIGTERM_TIMEOUT,
        sigkill_timeout: SomeSubstitutionsType = _DEFAULT_SIGKILL_TIMEOUT,
        emulate_tty: bool = False,
        output: SomeSubstitutionsType | Mapping = "log",
        output_format: str = "[{this.process_description.final_name}] {line}",
        log_cmd: bool = False,
        on_exit: SomeEntitiesType
        | Callable[[ProcessExited, LaunchContext], SomeEntitiesType | None]
        | None = None,
        respawn: bool | SomeSubstitutionsType = False,
        respawn_delay: float | None = None,
        respawn_max_retries: int = -1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.process_description = process_description
        self.shell = shell
        self.sigterm_timeout = normalize_to_list_of_substitutions(sigterm_timeout)
        self.sigkill_timeout = normalize_to_list_of_substitutions(sigkill_timeout)
        self.emulate_tty = emulate_tty
        output = os.environ.get("OVERRIDE_LAUNCH_PROCESS_OUTPUT", output)
        self.output = (
            output if isinstance(output, Mapping) else normalize_to_list_of_substitutions(output)
        )
        self._output_format = output_format
        self._log_cmd = log_cmd
        self._on_exit = on_exit
        self._respawn = normalize_typed_substitution(respawn, bool)
        self._respawn_delay_s = respawn_delay or 0.0
        self._max_respawns = respawn_max_retries
        self._reporter: ProcessReporter | None = None
        self._completed: asyncio.Future | None = None

    @property
    def process_details(self) -> dict[str, Any] | None:
        """Name, command, folder, environment and, once it runs, pid; None before execution."""
        return self._reporter.details if self._reporter else None

    @property
    def return_code(self) -> int | None:
        """Exit code of the process; None as long as it has not ended."""
        return self._reporter.return_code if self._reporter else None

    def get_asyncio_future(self) -> asyncio.Future | None:
        return self._completed

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        return list(self._on_exit) if isinstance(self._on_exit, (list, tuple)) else []

    def execute(self, context: LaunchContext) -> None:
        if self._completed is not None:
            raise RuntimeError(f"executed more than once: {self.describe()}")
        self.process_description.prepare(context, self)
        if context.is_shutdown:
            return
        plan = self._plan(context)
        self._reporter = ProcessReporter(
            self,
            plan,
            context,
            self._output_loggers(context, plan.name),
            lambda line: self._output_format.format(line=line, this=self),
        )
        callbacks = ProcessCallbacks(
            started=self._reporter.started,
            printed=self._reporter.printed,
            exited=self._reporter.exited,
        )
        logger = logging.get_logger(plan.name)
        if self._log_cmd:
            logger.info("process details: cmd='%s', cwd='%s'", plan.words, plan.cwd)
        supervisor = ProcessSupervisor(plan, callbacks, logger)
        context.register_event_handler(_Control(self, supervisor))
        if self._on_exit is not None:
            context.register_event_handler(OnProcessExit(target_action=self, on_exit=self._on_exit))
        self._completed = asyncio.ensure_future(supervisor.run())

    def _plan(self, context: LaunchContext) -> ProcessPlan:
        description = self.process_description
        assert description.final_name is not None  # `prepare` was called
        assert description.final_cmd is not None
        return ProcessPlan(
            name=description.final_name,
            cmd=description.final_cmd,
            cwd=description.final_cwd,
            env=description.final_env,
            shell=self.shell,
            emulate_tty=self._wants_tty(context),
            sigterm_timeout_s=float(perform_substitutions(context, self.sigterm_timeout)),
            sigkill_timeout_s=float(perform_substitutions(context, self.sigkill_timeout)),
            respawn=perform_typed_substitution(context, self._respawn, bool),
            respawn_delay_s=self._respawn_delay_s,
            max_respawns=self._max_respawns,
        )

    def _output_loggers(self, context: LaunchContext, name: str) -> tuple[Logger, Logger]:
        if isinstance(self.output, Mapping):
            return logging.get_output_loggers(name, self.output)
        return logging.get_output_loggers(name, perform_substitutions(context, self.output))

    def _wants_tty(self, context: LaunchContext) -> bool:
        override = context.launch_configurations.get("emulate_tty")
        if override is None:
            return self.emulate_tty
        return evaluate_condition_expression(context, normalize_to_list_of_substitutions(override))


class _Control(BaseEventHandler):
    """Passes the events that concern an ExecuteLocal on to its supervisor."""

    def __init__(self, action: ExecuteLocal, supervisor: ProcessSupervisor) -> None:
        super().__init__(matcher=self._concerns)
        self._action = action
        self._supervisor = supervisor

    def _concerns(self, event: Event) -> bool:
        if isinstance(event, (ShutdownProcess, SignalProcess)):
            return event.process_matcher(self._action)
        return isinstance(event, Shutdown)

    def handle(self, event: Event, context: LaunchContext) -> None:
        super().handle(event, context)
        if isinstance(event, SignalProcess):
            self._supervisor.send_signal(signal.Signals[event.signal_name])
        else:
            self._supervisor.end()


class ExecuteProcess(ExecuteLocal):
    """Runs a command; see `Executable` and `ExecuteLocal` for the arguments."""

    def __init__(
        self,
        *,
        cmd: Iterable[SomeSubstitutionsType],
        prefix: SomeSubstitutionsType | None = None,
        name: SomeSubstitutionsType | None = None,
        cwd: SomeSubstitutionsType | None = None,
        env: Mapping[SomeSubstitutionsType, SomeSubstitutionsType] | None = None,
        additional_env: Mapping[SomeSubstitutionsType, SomeSubstitutionsType] | None = None,
        **kwargs: Any,
    ) -> None:
        executable = Executable(
            cmd=cmd, prefix=prefix, name=name, cwd=cwd, env=env, additional_env=additional_env
        )
        super().__init__(process_description=executable, **kwargs)

    @property
    def name(self) -> str | list[Substitution] | None:
        """The final name once the process has been executed, the given one before."""
        return self.process_description.final_name or self.process_description.name

    @property
    def cmd(self) -> list[list[Substitution]]:
        """The command as given."""
        return self.process_description.cmd

    @property
    def cwd(self) -> list[Substitution] | None:
        """The folder as given."""
        return self.process_description.cwd

    @property
    def env(self) -> list[tuple[list[Substitution], list[Substitution]]] | None:
        """The environment as given."""
        return self.process_description.env

    @property
    def additional_env(self) -> list[tuple[list[Substitution], list[Substitution]]] | None:
        """The additional environment as given."""
        return self.process_description.additional_env
