"""SubstitutionFailure, under its public path."""

from ..substitution import SubstitutionFailure

__all__ = ["SubstitutionFailure"]
