"""Descriptions of what actions work on."""

from ..refusal import module_getattr
from .executable import Executable

__all__ = ["Executable"]

__getattr__ = module_getattr(__name__)
