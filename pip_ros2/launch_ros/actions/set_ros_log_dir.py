"""SetROSLogDir: the log folder of the nodes."""

from __future__ import annotations

import os
from typing import Any

from launch.action import Action
from launch.launch_context import LaunchContext
from launch.logging.launch_config import log_base
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions


class SetROSLogDir(Action):
    """Sets ROS_LOG_DIR for what is started afterwards; a relative path goes below the present."""

    def __init__(self, new_log_dir: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.log_dir = normalize_to_list_of_substitutions(new_log_dir)

    def execute(self, context: LaunchContext) -> None:
        new_log_dir = perform_substitutions(context, self.log_dir)
        context.environment["ROS_LOG_DIR"] = os.path.join(log_base(), new_log_dir)
