"""Parameters of nodes: from what a launch file writes to values.

`normalize` runs when the launch file is read and refuses what can never be a parameter;
`evaluate` runs when the node is started and performs the substitutions.

    {"gains": {"p": 1.0}}            gains.p: 1.0
    {"name": "007"}                  name: "007"        (a plain string stays a string)
    {"rate": LaunchConfiguration}    rate: 30           (its text '30', read as YAML)
    {"a": ["x", LaunchConfiguration]}  one text, read as YAML
    {"a": [[LaunchConfiguration], ["y"]]}  a list of texts, each read as YAML
    {"a": [1, 2.5]}                  a: [1.0, 2.5]
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from launch.bases import LaunchContext, SomeSubstitutionsType, Substitution, SubstitutionFailure
from launch.logging import launch_config
from launch.utilities import (
    normalize_to_list_of_substitutions,
    normalize_typed_substitution,
    perform_substitutions,
    perform_typed_substitution,
)

from .substitution_text import parse_substitutions

__all__ = [
    "Parameter",
    "ParameterFile",
    "ParameterValue",
]


class ParameterValue:
    """A value with its type: bool, int, float, str, a List of one of them, or None (YAML rules).

    Mostly used to keep the text of a substitution a string.
    """

    def __init__(self, value: Any, *, value_type: Any = None) -> None:
        self.value = normalize_typed_substitution(value, value_type)
        self.value_type = value_type

    def evaluate(self, context: LaunchContext) -> Any:
        """Return the value; ValueError if its text does not fit the type."""
        return perform_typed_substitution(context, self.value, self.value_type)


class Parameter:
    """A parameter with its name; see `ParameterValue`."""

    def __init__(self, name: SomeSubstitutionsType, value: Any, *, value_type: Any = None) -> None:
        self.name = normalize_to_list_of_substitutions(name)
        self._value = ParameterValue(value, value_type=value_type)

    @property
    def value(self) -> Any:
        """The value as given."""
        return self._value.value

    @property
    def value_type(self) -> Any:
        """The type as given."""
        return self._value.value_type

    def evaluate(self, context: LaunchContext) -> tuple[str, Any]:
        """Return (name, value)."""
        return perform_substitutions(context, self.name), self._value.evaluate(context)


class ParameterFile:
    """A parameter file; with `allow_substs` its text may hold `$(var x)` and the like."""

    def __init__(
        self,
        param_file: SomeSubstitutionsType,
        *,
        allow_substs: bool | SomeSubstitutionsType = False,
    ) -> None:
        self.param_file = normalize_to_list_of_substitutions(param_file)
        self.allow_substs = normalize_typed_substitution(allow_substs, bool)

    @staticmethod
    def temporary_path() -> Path:
        """Return a new path for a generated file: in the log folder, to be looked at afterwards."""
        name = f"launch_params_{uuid.uuid4().hex[:8]}.yaml"
        return Path(launch_config.log_dir) / name

    def evaluate(self, context: LaunchContext) -> Path:
        """Return the path, that of a copy if substitutions are allowed."""
        path = Path(perform_substitutions(context, self.param_file))
        if not perform_typed_substitution(context, self.allow_substs, bool):
            return path
        text = perform_substitutions(context, parse_substitutions(path.read_text("utf-8")))
        try:
            yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise SubstitutionFailure(
                f"parameter file '{path}' is not YAML once its substitutions are made: {error}"
            ) from error
        copy = self.temporary_path()
        copy.write_text(text, encoding="utf-8")
        return copy


Evaluate = Callable[[LaunchContext], Any]
ParameterDict = list[tuple[list[Substitution], Evaluate]]

_SCALARS = (bool, int, float, str)
_STRING_HINT = (
    "; if it is meant to be a string, wrap it in "
    "launch_ros.parameter_descriptions.ParameterValue(value, value_type=str)"
)


def normalize_parameters(
    parameters: Sequence[Any],
) -> list[ParameterFile | Parameter | ParameterDict]:
    """Return the elements of a node's `parameters` in one form each.

    Raises TypeError for anything but a list of files, dictionaries and Parameter descriptions.
    """
    if isinstance(parameters, (str, Mapping)) or not isinstance(parameters, Sequence):
        raise TypeError(f"parameters must be a list of files and dictionaries, got {parameters!r}")
    normalized: list[Any] = []
    for item in parameters:
        if isinstance(item, Mapping):
            normalized.append(normalize_parameter_dict(item))
        elif isinstance(item, (Parameter, ParameterFile)):
            normalized.append(item)
        else:
            normalized.append(ParameterFile(item))
    return normalized


def normalize_parameter_dict(
    parameters: Mapping[Any, Any], prefix: Sequence[Substitution] = ()
) -> ParameterDict:
    """Return (name, function of the context that gives the value) pairs; nested names get dots."""
    pairs: ParameterDict = []
    for key, value in parameters.items():
        name = [*prefix, *normalize_to_list_of_substitutions(key)]
        if isinstance(value, Mapping):
            inner = [*name, *normalize_to_list_of_substitutions(".")]
            pairs += normalize_parameter_dict(value, inner)
        else:
            pairs.append((name, _normalize_value(key, value)))
    return pairs


def evaluate_parameters(
    context: LaunchContext, parameters: Sequence[ParameterFile | Parameter | ParameterDict]
) -> list[Path | Parameter | dict[str, Any]]:
    """Return paths of files, Parameter descriptions and dictionaries of values."""
    evaluated: list[Any] = []
    for item in parameters:
        if isinstance(item, ParameterFile):
            evaluated.append(item.evaluate(context))
        elif isinstance(item, Parameter):
            evaluated.append(item)
        else:
            evaluated.append(evaluate_parameter_dict(context, item))
    return evaluated


def evaluate_parameter_dict(context: LaunchContext, parameters: ParameterDict) -> dict[str, Any]:
    """Return names and values; TypeError for what is not a parameter value."""
    values = {}
    for name, evaluate in parameters:
        text = perform_substitutions(context, name)
        try:
            values[text] = evaluate(context)
        except TypeError as error:
            raise TypeError(f"parameter '{text}': {error}") from error
    return values


def dump_value(value: Any) -> str:
    """Return the value as YAML in one line, in which a string stays a string."""
    return (
        yaml.safe_dump(value, default_flow_style=True, width=float("inf"))
        .removesuffix("\n...\n")
        .rstrip("\n")
    )


def _normalize_value(name: Any, value: Any) -> Evaluate:
    if isinstance(value, ParameterValue):
        return value.evaluate
    if isinstance(value, (*_SCALARS, bytes)):
        return lambda context: value
    if isinstance(value, Substitution):
        return _yaml_of([value])
    if isinstance(value, Sequence):
        return _normalize_sequence(name, value)
    raise TypeError(f"parameter '{name}': unexpected type for a parameter value: {value!r}")


def _normalize_sequence(name: Any, value: Sequence[Any]) -> Evaluate:
    for item in value:
        if not isinstance(item, (*_SCALARS, Substitution, Sequence)):
            raise TypeError(f"parameter '{name}': unexpected type in a list: {item!r}")
    is_text = all(isinstance(item, (str, Substitution)) for item in value)
    if is_text and any(isinstance(item, Substitution) for item in value):
        return _yaml_of(normalize_to_list_of_substitutions(value))
    if {type(item) for item in value} == {int, float}:
        value = [float(item) for item in value]
    items = [
        (lambda context, item=item: item)
        if isinstance(item, _SCALARS)
        else _yaml_of(normalize_to_list_of_substitutions(item))
        for item in value
    ]
    return lambda context: _uniform([evaluate(context) for evaluate in items])


def _yaml_of(parts: list[Substitution]) -> Evaluate:
    """Return a function that gives the text of the substitutions, read as YAML."""

    def evaluate(context: LaunchContext) -> Any:
        text = perform_substitutions(context, parts)
        if not text:
            return ""
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise TypeError(f"cannot read '{text}' as YAML{_STRING_HINT}") from error
        if isinstance(value, (*_SCALARS, bytes)):
            return value
        if isinstance(value, list):
            return _uniform(value)
        raise TypeError(f"'{text}' is {type(value).__name__} as YAML{_STRING_HINT}")

    return evaluate


def _uniform(items: list[Any]) -> list[Any]:
    """Return the items, all of one type; ints and floats together count as two."""
    kinds = {type(item) for item in items}
    if len(kinds) != 1 or not kinds <= set(_SCALARS):
        raise TypeError(
            "expected a list that is not empty, of values of one type (bool, int, float, str), "
            f"got {items!r}"
        )
    return items
