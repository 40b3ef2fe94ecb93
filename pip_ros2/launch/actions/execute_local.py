"""ExecuteLocal: runs a process and looks after it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from logging import Logger
from typing import Any

from .. import logging
from ..action import Action
from ..conditions import evaluate_condition_expression
from ..descriptions import Executable
from ..event import Event
from ..event_handler import BaseEventHandler
from ..event_handlers.on_process_exit import OnProcessExit
from ..events import Shutdown
from ..events.process import ProcessExited, ShutdownProcess, SignalProcess
from ..launch_context import LaunchContext
from ..launch_description_entity import LaunchDescriptionEntity
from ..process_reporter import ProcessReporter
from ..process_supervisor import ProcessCallbacks, ProcessPlan, ProcessSupervisor
from ..some_entities_type import SomeEntitiesType
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitutions.launch_configuration import LaunchConfiguration
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.type_utils import normalize_typed_substitution, perform_typed_substitution

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
