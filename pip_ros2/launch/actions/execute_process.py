"""ExecuteProcess: runs a command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..descriptions import Executable
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution
from ..utilities.substitution_lists import describe_substitutions
from .execute_local import ExecuteLocal


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

    def describe(self) -> str:
        words = (describe_substitutions(word) for word in self.cmd)
        return f"{type(self).__name__}(cmd=[{', '.join(words)}])"
