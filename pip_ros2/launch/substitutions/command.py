"""Command: what a command prints."""

from __future__ import annotations

import shlex
import subprocess

from .. import logging
from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution, SubstitutionFailure
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.substitution_lists import describe_substitutions

_ON_STDERR = ("fail", "ignore", "warn", "capture")


class Command(Substitution):
    """The standard output of a command, split as a shell splits words.

    `on_stderr` says what output to standard error means: 'fail' (SubstitutionFailure),
    'ignore', 'warn' (logged) or 'capture' (part of the result). A command that cannot be found
    or returns non-zero is a SubstitutionFailure.
    """

    def __init__(
        self, command: SomeSubstitutionsType, *, on_stderr: SomeSubstitutionsType = "fail"
    ) -> None:
        self.command = normalize_to_list_of_substitutions(command)
        self.on_stderr = normalize_to_list_of_substitutions(on_stderr)

    def describe(self) -> str:
        return f"Command({describe_substitutions(self.command)})"

    def perform(self, context: LaunchContext) -> str:
        command = perform_substitutions(context, self.command)
        on_stderr = perform_substitutions(context, self.on_stderr)
        if on_stderr not in _ON_STDERR:
            raise SubstitutionFailure(f"on_stderr '{on_stderr}' is not one of {_ON_STDERR}")
        try:
            result = subprocess.run(
                shlex.split(command),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if on_stderr == "capture" else subprocess.PIPE,
                text=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise SubstitutionFailure(f"command '{command}' not found: {error}") from error
        printed = f"\nstandard error:\n{result.stderr}" if result.stderr else ""
        if result.returncode != 0:
            raise SubstitutionFailure(
                f"command '{command}' failed with exit code {result.returncode}{printed}"
            )
        if printed and on_stderr == "fail":
            raise SubstitutionFailure(f"command '{command}' wrote to standard error{printed}")
        if printed and on_stderr == "warn":
            logging.get_logger("launch").warning("command '%s'%s", command, printed)
        return result.stdout
