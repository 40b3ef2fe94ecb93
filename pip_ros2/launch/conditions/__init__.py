"""Conditions of actions."""

from ..refusal import module_getattr
from .condition_expression import InvalidConditionExpressionError, evaluate_condition_expression
from .if_condition import IfCondition
from .launch_configuration_equals import LaunchConfigurationEquals
from .launch_configuration_not_equals import LaunchConfigurationNotEquals
from .unless_condition import UnlessCondition

__all__ = [
    "IfCondition",
    "InvalidConditionExpressionError",
    "LaunchConfigurationEquals",
    "LaunchConfigurationNotEquals",
    "UnlessCondition",
    "evaluate_condition_expression",
]

__getattr__ = module_getattr(__name__)
