"""Substitutions about ROS packages and parameters."""

from launch.refusal import module_getattr

from .executable_in_package import ExecutableInPackage
from .find_package import FindPackage, FindPackagePrefix, FindPackageShare
from .parameter import Parameter

__all__ = [
    "ExecutableInPackage",
    "FindPackage",
    "FindPackagePrefix",
    "FindPackageShare",
    "Parameter",
]

__getattr__ = module_getattr(__name__)
