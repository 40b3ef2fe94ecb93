"""The part of ROS 2's `launch_ros` that launch files use, for machines without a distribution."""

from launch.refusal import module_getattr

from . import actions, descriptions, parameter_descriptions, substitutions

__all__ = ["actions", "descriptions", "parameter_descriptions", "substitutions"]

__getattr__ = module_getattr(__name__)
