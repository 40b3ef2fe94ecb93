"""Parameter, ParameterValue, ParameterFile: parameters with more said about them."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import yaml
from launch.launch_context import LaunchContext
from launch.logging import launch_config
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import SubstitutionFailure
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch.utilities.type_utils import normalize_typed_substitution, perform_typed_substitution


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
        # Imported here, as it needs the substitutions of launch_ros, which need this module.
        from .substitution_text import parse_substitutions

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
