"""LogInfo: logs a message."""

from __future__ import annotations

from typing import Any

from .. import logging
from ..action import Action
from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.substitution_lists import describe_substitutions


class LogInfo(Action):
    """Logs a message as `launch.user`."""

    def __init__(self, *, msg: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.msg = normalize_to_list_of_substitutions(msg)

    def describe(self) -> str:
        return f"LogInfo({describe_substitutions(self.msg)})"

    def execute(self, context: LaunchContext) -> None:
        logging.get_logger("launch.user").info("%s", perform_substitutions(context, self.msg))
