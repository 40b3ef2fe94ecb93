"""Parameters of a node as the fields of a frozen dataclass, declared and checked once.

Example::

    @dataclass(frozen=True)
    class CameraParameters:
        camera: str = parameter("front", "name of the camera")
        rate_hz: float = parameter(30.0, "frames a second", low=1.0, high=120.0)

    from_values(CameraParameters, {"rate_hz": 15})  # CameraParameters("front", 15.0)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

from act_core.errors import ConfigurationError, suggest

P = TypeVar("P")

_ITEM_TYPES = {
    tuple[str, ...]: str, tuple[float, ...]: float, tuple[int, ...]: int, tuple[bool, ...]: bool
}  # fmt: skip


def parameter(
    default: Any,
    description: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    settable: bool = False,
) -> Any:
    """A dataclass field that describes a parameter; ``low`` and ``high`` are inclusive.

    ``settable``: a running node takes another value, too (`ros2 param set`).
    """
    metadata = {
        "description": description,
        "low": low,
        "high": high,
        "choices": choices,
        "settable": settable,
    }
    return dataclasses.field(default=default, metadata=metadata)


def from_values(parameters_type: type[P], values: Mapping[str, Any]) -> P:
    """Builds the dataclass from ``values``, defaults for the rest.

    Whole numbers are accepted for floats. Raises ConfigurationError for an unknown name, a wrong
    type, a number out of range or a choice that does not exist.
    """
    fields = {field.name: field for field in dataclasses.fields(parameters_type)}  # type: ignore[arg-type]
    for name in values:
        if name not in fields:
            raise ConfigurationError(suggest("parameter", name, fields))
    types = get_type_hints(parameters_type)
    return parameters_type(
        **{name: _checked(fields[name], types[name], value) for name, value in values.items()}
    )


def with_values(parameters: P, changes: Mapping[str, Any]) -> P:
    """The same parameters with ``changes``, checked as `from_values` does."""
    fields = dataclasses.fields(parameters)  # type: ignore[arg-type]
    present = {field.name: getattr(parameters, field.name) for field in fields}
    return from_values(type(parameters), {**present, **changes})


def settable_names(parameters_type: type[Any]) -> tuple[str, ...]:
    """Names of the parameters that may be set while the node runs."""
    fields = dataclasses.fields(parameters_type)
    return tuple(field.name for field in fields if field.metadata.get("settable"))


def _checked(field: dataclasses.Field[Any], kind: Any, value: Any) -> Any:
    if kind in _ITEM_TYPES:
        if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
            raise _wrong(field, value, f"a list of {_ITEM_TYPES[kind].__name__}")
        return tuple(_checked(field, _ITEM_TYPES[kind], item) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise _wrong(field, value, f"a {kind.__name__}")
    if kind is float and not math.isfinite(value):
        raise _wrong(field, value, "a finite number")
    low, high = field.metadata.get("low"), field.metadata.get("high")
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        raise _wrong(field, value, f"{low} to {high}" if high is not None else f"at least {low}")
    choices = field.metadata.get("choices")
    if choices and value not in choices:
        raise ConfigurationError(suggest(f"{field.name}", value, choices))
    return value


def _wrong(field: dataclasses.Field[Any], value: Any, expected: str) -> ConfigurationError:
    return ConfigurationError(
        f"parameter {field.name} ({field.metadata.get('description', '')}): "
        f"got {value!r}, expected {expected}"
    )
