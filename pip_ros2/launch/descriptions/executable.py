"""Executable: the command line, folder and environment of a process."""

from __future__ import annotations

import itertools
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution
from ..substitutions.launch_configuration import LaunchConfiguration
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from ..action import Action

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
