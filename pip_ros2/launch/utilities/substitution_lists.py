"""Texts as lists of substitutions: `["config_", LaunchConfiguration("map"), ".yaml"]`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution, TextSubstitution

if TYPE_CHECKING:
    from ..launch_context import LaunchContext


def normalize_to_list_of_substitutions(subs: SomeSubstitutionsType) -> list[Substitution]:
    """Return a text, path, substitution or sequence of them as a list of substitutions.

    Raises TypeError for anything else; numbers in particular have to be written as text.
    """
    if isinstance(subs, (str, os.PathLike, Substitution)):
        return [_normalize(subs)]
    if isinstance(subs, Iterable):
        return [_normalize(part) for part in subs]
    raise _type_error(subs)


def perform_substitutions(context: LaunchContext, subs: Iterable[Substitution]) -> str:
    """Return the texts of all substitutions, joined."""
    return "".join(context.perform_substitution(part) for part in subs)


def describe_substitutions(subs: Iterable[Substitution]) -> str:
    """Return the descriptions of all, for listings: `'rate: ' + LaunchConfig('rate')`."""
    return " + ".join(part.describe() for part in subs)


def _normalize(part: object) -> Substitution:
    if isinstance(part, Substitution):
        return part
    if isinstance(part, str):
        return TextSubstitution(text=part)
    if isinstance(part, os.PathLike):
        return TextSubstitution(text=os.fspath(part))
    raise _type_error(part)


def _type_error(value: object) -> TypeError:
    return TypeError(
        f"expected a text, a path or a launch.Substitution, got {value!r} "
        f"of type {type(value).__name__}"
    )
