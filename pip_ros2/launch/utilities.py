"""Texts as lists of substitutions, as `["map_", LaunchConfiguration("x")]`, and typed values."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, get_args, get_origin

import yaml

from .bases import LaunchContext, SomeSubstitutionsType, Substitution, TextSubstitution

__all__ = [
    "ensure_argument_type",
    "normalize_to_list_of_substitutions",
    "perform_substitutions",
]


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


_SCALARS = (bool, int, float, str)


def ensure_argument_type(
    argument: Any, types: Any, argument_name: str, caller: str | None = None
) -> None:
    """Raise TypeError unless the argument is an instance of one of the types."""
    accepted = tuple(types) if isinstance(types, Iterable) else (types,)
    if not isinstance(argument, accepted):
        names = ", ".join(kind.__name__ for kind in accepted)
        where = f"{caller}: " if caller else ""
        raise TypeError(
            f"{where}'{argument_name}' must be one of [{names}], got {argument!r} "
            f"of type {type(argument).__name__}"
        )


def is_substitution(value: Any) -> bool:
    """Return whether the value is a substitution, or a sequence of them and texts."""
    if isinstance(value, Substitution):
        return True
    return (
        isinstance(value, (list, tuple))
        and all(isinstance(part, (str, Substitution)) for part in value)
        and any(isinstance(part, Substitution) for part in value)
    )


def normalize_typed_substitution(value: Any, data_type: Any) -> Any:
    """Return the value with its substitutions as lists; plain values stay as they are.

    `data_type` is bool, int, float, str, a List of one of them, or None for any of these. A
    list of substitutions and texts is one text; to make a list of texts with substitutions in
    it, put each into a list of its own. Ints among floats become floats. Raises TypeError if the
    value can never become the type.
    """
    scalar, is_list = _split_type(data_type)
    if isinstance(value, _SCALARS):
        if data_type is not None and (is_list or not isinstance(value, scalar)):
            raise TypeError(f"{value!r} is not of type {_type_name(data_type)}")
        return value
    if is_substitution(value):
        return normalize_to_list_of_substitutions(value)
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"expected a value or substitutions, got {value!r}")
    if data_type is not None and not is_list:
        raise TypeError(f"{value!r} is a list, expected {_type_name(data_type)}")
    plain = {type(part) for part in value if not is_substitution(part)}
    return [
        normalize_to_list_of_substitutions(part)
        if is_substitution(part)
        else (float(part) if plain == {int, float} else part)
        for part in value
    ]


def perform_typed_substitution(context: LaunchContext, value: Any, data_type: Any) -> Any:
    """Return a normalized value with its substitutions performed and read as the type.

    Text is read by YAML rules for `bool`, for lists and for None ('true', '[1, 2]', '0.5').
    Raises ValueError if the text does not fit the type.
    """
    if isinstance(value, _SCALARS):
        return value
    if value and all(isinstance(part, Substitution) for part in value):
        return coerce_to_type(perform_substitutions(context, value), data_type)
    scalar, _ = _split_type(data_type)
    performed = [
        coerce_to_type(perform_substitutions(context, part), scalar)
        if isinstance(part, list)
        else part
        for part in value
    ]
    return _uniform_list(performed, scalar, performed)


def coerce_to_type(value: str, data_type: Any = None) -> Any:
    """Return the text as the type; ValueError if it does not fit."""
    scalar, is_list = _split_type(data_type)
    if not is_list and scalar is str:
        return value
    if not is_list and scalar in (int, float):
        return scalar(value)
    if scalar is bool and value in ("0", "1"):
        return value == "1"
    try:
        loaded = yaml.safe_load(value) if value else value
    except yaml.YAMLError as error:
        raise ValueError(f"cannot read '{value}' as {_type_name(data_type)}: {error}") from error
    if isinstance(loaded, list) and (is_list or data_type is None):
        return _uniform_list(loaded, scalar, value)
    if not is_list and isinstance(loaded, _SCALARS if data_type is None else scalar):
        return loaded
    raise ValueError(f"cannot read '{value}' as {_type_name(data_type)}")


def _uniform_list(items: list[Any], scalar: Any, source: Any) -> list[Any]:
    """Return the items, all of one type; ints and floats together count as two."""
    kinds = {type(item) for item in items}
    if len(kinds) > 1 or not kinds <= set(_SCALARS) or (scalar and kinds - {scalar}):
        wanted = f"List[{scalar.__name__}]" if scalar else "a list of one type"
        raise ValueError(f"cannot read {source!r} as {wanted}")
    return items


def _split_type(data_type: Any) -> tuple[Any, bool]:
    """Return (scalar type or None, is it a list of them)."""
    if data_type is None:
        return None, False
    if get_origin(data_type) is list and get_args(data_type)[0] in _SCALARS:
        return get_args(data_type)[0], True
    if data_type in _SCALARS:
        return data_type, False
    raise ValueError(
        f"type {data_type!r} is not one of bool, int, float, str or a List of one of them"
    )


def _type_name(data_type: Any) -> str:
    return data_type.__name__ if data_type in _SCALARS else str(data_type)
