"""The part of ROS 2's `launch_ros` that launch files use, for machines without a distribution."""

from launch.real_paths import install
from launch.refusal import module_getattr

from . import actions, descriptions, substitutions

parameter_descriptions = descriptions

__all__ = ["actions", "descriptions", "parameter_descriptions", "substitutions"]

install(
    __name__,
    {"actions": actions, "descriptions": descriptions, "substitutions": substitutions},
    {
        "actions.set_ros_log_dir": actions,
        "parameter_descriptions": descriptions,
        "substitutions.find_package": substitutions,
    },
)

__getattr__ = module_getattr(__name__)
