"""Logging of the launcher and of what its processes print: screen, launch.log, own files."""

from logging import DEBUG, INFO

from ..refusal import module_getattr
from .launch_config import LaunchConfig, get_logger, launch_config, log_launch_config
from .process_output import get_output_loggers

__all__ = [
    "DEBUG",
    "INFO",
    "LaunchConfig",
    "get_logger",
    "get_output_loggers",
    "launch_config",
    "log_launch_config",
]

__getattr__ = module_getattr(__name__)
