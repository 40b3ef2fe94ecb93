"""Values of a type, written as they are or as texts: `0.5`, `LaunchConfiguration("period")`.

A value is normalized when the launch file is read, which refuses what can never be one, and
performed when it is needed:

    "007"                            "007"        (a plain text stays a text)
    LaunchConfiguration("rate")      30           (its text '30', read by the rules of YAML)
    ["x", LaunchConfiguration("i")]  one text, read by the rules of YAML
    [[LaunchConfiguration("i")], ["y"]]  a list of texts, each read by the rules of YAML
    [1, 2.5]                         [1.0, 2.5]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args, get_origin

import yaml

from .bases import LaunchContext, SomeSubstitutionsType, Substitution, Text

SCALARS = (bool, int, float, str)


def normalize_to_list_of_substitutions(subs: SomeSubstitutionsType) -> list[Substitution]:
    """Return what a launch file wrote for a text as a list; see `Text`."""
    return Text(subs)


def perform_substitutions(context: LaunchContext, subs: Iterable[Substitution]) -> str:
    """Return the texts of all substitutions, joined."""
    return "".join(context.perform_substitution(part) for part in subs)


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
    """Return the value with its substitutions as `Text`; plain values stay as they are.

    `data_type` is bool, int, float, str, a List of one of them, or None for any of these. A
    list of substitutions and texts is one text; to make a list of texts with substitutions in
    it, put each into a list of its own. Ints among floats become floats. Raises TypeError if the
    value can never become the type.
    """
    scalar, is_list = _split_type(data_type)
    if isinstance(value, (*SCALARS, bytes)):
        if data_type is not None and (is_list or not isinstance(value, scalar)):
            raise TypeError(f"{value!r} is not of type {_type_name(data_type)}")
        return value
    if is_substitution(value):
        return Text(value)
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"expected a value or substitutions, got {value!r}")
    if data_type is not None and not is_list:
        raise TypeError(f"{value!r} is a list, expected {_type_name(data_type)}")
    plain = {type(part) for part in value if isinstance(part, SCALARS)}
    return [
        (float(part) if plain == {int, float} else part)
        if isinstance(part, SCALARS)
        else Text(part)
        for part in value
    ]


def perform_typed_substitution(context: LaunchContext, value: Any, data_type: Any) -> Any:
    """Return a normalized value with its substitutions performed and read as the type.

    Text is read by the rules of YAML for `bool`, for lists and for None ('true', '[1, 2]', '0.5').
    Raises ValueError if the text does not fit the type.
    """
    if isinstance(value, Text):
        return coerce_to_type(value.perform(context), data_type)
    if not isinstance(value, list):
        return value
    scalar, _ = _split_type(data_type)
    performed = [
        coerce_to_type(part.perform(context), scalar) if isinstance(part, Text) else part
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
    if not is_list and isinstance(loaded, (*SCALARS, bytes) if data_type is None else scalar):
        return loaded
    raise ValueError(f"cannot read '{value}' as {_type_name(data_type)}")


def _uniform_list(items: list[Any], scalar: Any, source: Any) -> list[Any]:
    """Return the items, all of one type; ints and floats together count as two."""
    kinds = {type(item) for item in items}
    if len(kinds) > 1 or not kinds <= set(SCALARS) or (scalar and kinds - {scalar}):
        raise ValueError(f"cannot read {source!r} as {_type_name(scalar and list[scalar])}")
    return items


def _split_type(data_type: Any) -> tuple[Any, bool]:
    """Return (scalar type or None, is it a list of them)."""
    is_list = get_origin(data_type) is list
    scalar = get_args(data_type)[0] if is_list else data_type
    if scalar is None or scalar in SCALARS:
        return scalar, is_list
    raise ValueError(
        f"type {data_type!r} is not one of bool, int, float, str or a List of one of them"
    )


def _type_name(data_type: Any) -> str:
    if data_type is None:
        return "a value or a list of values of one type"
    return data_type.__name__ if data_type in SCALARS else str(data_type)
