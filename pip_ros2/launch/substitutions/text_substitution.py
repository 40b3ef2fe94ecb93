"""TextSubstitution, under its public path."""

from ..substitution import TextSubstitution

__all__ = ["TextSubstitution"]
