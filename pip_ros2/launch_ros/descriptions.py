"""Parameters of nodes: from what a launch file writes to values.

{"gains": {"p": 1.0}}            gains.p: 1.0
{"rate": LaunchConfiguration}    rate: 30     (values as in launch.utilities)
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from launch.bases import (
    LaunchContext,
    SomeSubstitutionsType,
    Substitution,
    SubstitutionFailure,
    Text,
)
from launch.logging import launch_config
from launch.utilities import normalize_typed_substitution, perform_typed_substitution

from .substitution_text import parse_substitutions


class ParameterValue:
    """A value with its type: bool, int, float, str, a List of one of them, or None (YAML rules).

    Mostly used to keep the text of a substitution a string.
    """

    def __init__(self, value: Any, *, value_type: Any = None) -> None:
        self.value = normalize_typed_substitution(value, value_type)
        self.value_type = value_type

    def evaluate(self, context: LaunchContext) -> Any:
        """Return the value; ValueError if its text does not fit the type, or for an empty list."""
        value = perform_typed_substitution(context, self.value, self.value_type)
        if value == []:
            raise ValueError("expected a list that is not empty")
        return value


class ParameterFile:
    """A parameter file; with `allow_substs` its text may hold `$(var x)` and the like."""

    def __init__(
        self,
        param_file: SomeSubstitutionsType,
        *,
        allow_substs: bool | SomeSubstitutionsType = False,
    ) -> None:
        self.param_file = Text(param_file)
        self.allow_substs = normalize_typed_substitution(allow_substs, bool)

    @staticmethod
    def temporary_path() -> Path:
        """Return a new path for a generated file: in the log folder, to be looked at afterwards."""
        name = f"launch_params_{uuid.uuid4().hex[:8]}.yaml"
        return Path(launch_config.log_dir) / name

    def evaluate(self, context: LaunchContext) -> Path:
        """Return the path, that of a copy if substitutions are allowed."""
        path = Path(self.param_file.perform(context))
        if not perform_typed_substitution(context, self.allow_substs, bool):
            return path
        text = parse_substitutions(path.read_text("utf-8")).perform(context)
        try:
            yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise SubstitutionFailure(
                f"parameter file '{path}' is not YAML once its substitutions are made: {error}"
            ) from error
        copy = self.temporary_path()
        copy.write_text(text, encoding="utf-8")
        return copy


ParameterDict = list[tuple[Text, ParameterValue]]


def normalize_parameters(parameters: Sequence[Any]) -> list[ParameterFile | ParameterDict]:
    """Return the elements of a node's `parameters` in one form each.

    Raises TypeError for anything but a list of files and dictionaries.
    """
    if isinstance(parameters, (str, Mapping)) or not isinstance(parameters, Sequence):
        raise TypeError(f"parameters must be a list of files and dictionaries, got {parameters!r}")
    normalized: list[Any] = []
    for item in parameters:
        if isinstance(item, Mapping):
            normalized.append(normalize_parameter_dict(item))
        else:
            normalized.append(item if isinstance(item, ParameterFile) else ParameterFile(item))
    return normalized


def normalize_parameter_dict(
    parameters: Mapping[Any, Any], prefix: Sequence[Substitution] = ()
) -> ParameterDict:
    """Return (name, value) pairs; nested names get dots. TypeError for what is no value."""
    pairs: ParameterDict = []
    for key, value in parameters.items():
        name = Text([*prefix, *Text(key)])
        if isinstance(value, Mapping):
            pairs += normalize_parameter_dict(value, [*name, *Text(".")])
            continue
        try:
            known = isinstance(value, ParameterValue)
            pairs.append((name, value if known else ParameterValue(value)))
        except TypeError as error:
            raise TypeError(f"parameter {name.describe()}: {error}") from error
    return pairs


def evaluate_parameter_dict(context: LaunchContext, parameters: ParameterDict) -> dict[str, Any]:
    """Return names and values; TypeError for what is not a parameter value."""
    values = {}
    for name, value in parameters:
        text = name.perform(context)
        try:
            values[text] = value.evaluate(context)
        except ValueError as error:
            raise TypeError(
                f"parameter '{text}': {error}; if it is meant to be a string, wrap it in "
                "launch_ros.parameter_descriptions.ParameterValue(value, value_type=str)"
            ) from error
    return values


def dump_value(value: Any) -> str:
    """Return the value as YAML in one line, in which a string stays a string."""
    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"))
    return text.removesuffix("\n...\n").rstrip("\n")
