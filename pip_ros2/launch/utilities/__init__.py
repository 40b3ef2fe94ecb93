"""Helpers that launch files and custom actions import."""

from ..refusal import module_getattr
from .substitution_lists import normalize_to_list_of_substitutions, perform_substitutions
from .type_utils import ensure_argument_type

__all__ = [
    "ensure_argument_type",
    "normalize_to_list_of_substitutions",
    "perform_substitutions",
]

__getattr__ = module_getattr(__name__)
