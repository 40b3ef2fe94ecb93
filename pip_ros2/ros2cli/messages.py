"""Messages from YAML values and to the text that ``ros2 topic echo`` prints.

The formats are those of ROS 2's rosidl_runtime_py, which is not on PyPI.
"""

from __future__ import annotations

import array
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import yaml
from rosidl_parser import definition as idl

from ros2cli.errors import CliError, unknown
from ros2cli.interfaces import import_interface

INTEGER_LIMITS = {
    f"{sign}int{bits}": (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for bits in (8, 16, 32, 64)
    for sign in ("", "u")
} | {"char": (0, 255)}

StampSetter = Callable[[Any], None]


class Shown(NamedTuple):
    """What part of a message is shown: None for all elements of long values."""

    truncate_length: int | None = None
    no_arr: bool = False
    no_str: bool = False


EVERYTHING = Shown()


def parse_values(text: str) -> dict[str, Any]:
    """The YAML mapping that a user typed; CliError when it is something else."""
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CliError(f"the values are not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise CliError(f"the values must be a YAML mapping such as '{{data: 1}}', not {text!r}")
    return values


def set_fields(message: Any, values: Mapping[str, Any], path: str = "") -> list[StampSetter]:
    """Fill a message from a mapping; fields that are not named keep their defaults.

    ``auto`` for a std_msgs/Header and ``now`` for a builtin_interfaces/Time stand for the time of
    sending: the returned functions set it from a Time message.

    Raises CliError that names the field, the value and what fits there.
    """
    if not isinstance(values, Mapping):
        raise CliError(
            f"field '{path}' is a {_type_name(message)}: expected a mapping of its fields, "
            f"not {values!r}"
        )
    types = dict(zip(message.get_fields_and_field_types(), message.SLOT_TYPES, strict=True))
    setters: list[StampSetter] = []
    for name, value in values.items():
        where = f"{path}.{name}" if path else str(name)
        if name not in types:
            raise unknown("field", where, types, f"of {_type_name(message)}")
        setters += _set_field(message, str(name), value, types[name], where)
    return setters


def _set_field(message: Any, name: str, value: Any, kind: Any, path: str) -> list[StampSetter]:
    field = getattr(message, name)
    if isinstance(kind, idl.NamespacedType):
        type_name = "/".join(kind.namespaced_name())
        if type_name == "std_msgs/msg/Header" and value == "auto":
            return [partial(setattr, field, "stamp")]
        if type_name == "builtin_interfaces/msg/Time" and value == "now":
            return [partial(setattr, message, name)]
        return set_fields(field, value, path)
    if not isinstance(kind, idl.AbstractNestedType):
        setattr(message, name, _scalar(value, kind, path))
        return []
    items = _items(value, kind, path)
    setters: list[StampSetter] = []
    if isinstance(kind.value_type, idl.NamespacedType):
        cls = import_interface("/".join(kind.value_type.namespaced_name()), "msg")
        converted: Any = []
        for index, item in enumerate(items):
            element = cls()
            setters += set_fields(element, item, f"{path}[{index}]")
            converted.append(element)
    else:
        converted = [_scalar(v, kind.value_type, f"{path}[{i}]") for i, v in enumerate(items)]
        if isinstance(field, np.ndarray):
            converted = np.array(converted, dtype=field.dtype)
        elif isinstance(field, array.array):
            converted = array.array(field.typecode, converted)
    setattr(message, name, converted)
    return setters


def _items(value: Any, kind: Any, path: str) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise CliError(f"field '{path}' is an array: expected a list, not {value!r}")
    size = getattr(kind, "size", None)
    if size is not None and len(value) != size:
        raise CliError(f"field '{path}' needs exactly {size} elements, not {len(value)}")
    limit = getattr(kind, "maximum_size", None)
    if limit is not None and len(value) > limit:
        raise CliError(f"field '{path}' takes at most {limit} elements, not {len(value)}")
    return list(value)


def _scalar(value: Any, kind: Any, path: str) -> Any:
    if isinstance(kind, idl.AbstractGenericString):
        if isinstance(value, (Mapping, list)) or value is None:
            raise CliError(f"field '{path}' is a string: cannot take {value!r}")
        return str(value)
    name = kind.typename
    try:
        if name == "boolean" and isinstance(value, bool):
            return value
        if name in idl.FLOATING_POINT_TYPES and not isinstance(value, bool):
            return float(value)  # also of '1e-3', which YAML 1.1 reads as a string
        if name == "octet":
            return _octet(value)
        if name in INTEGER_LIMITS and not isinstance(value, (bool, float)):
            low, high = INTEGER_LIMITS[name]
            number = int(value, 0) if isinstance(value, str) else int(value)
            if low <= number <= high:
                return number
            raise CliError(f"field '{path}' is {name} ({low} to {high}): {number} does not fit")
    except (TypeError, ValueError):
        pass
    raise CliError(f"field '{path}' is {name}: cannot take {value!r}")


def _octet(value: Any) -> bytes:
    octet = value if isinstance(value, bytes) else bytes([value])
    if len(octet) != 1:
        raise ValueError(value)
    return octet


class _Dumper(yaml.Dumper):
    """Quotes the line breaks that PyYAML writes as they are and reads back as spaces."""


def _represent_text(dumper: yaml.Dumper, text: str) -> yaml.ScalarNode:
    style = '"' if set(text) & set("\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent_text)


def to_yaml(message: Any, shown: Shown = EVERYTHING, flow_style: bool = False) -> str:
    """The message as YAML, fields in the order of the definition."""
    return yaml.dump(
        _plain(message, shown),
        Dumper=_Dumper,
        allow_unicode=True,
        width=sys.maxsize,
        default_flow_style=flow_style,
        sort_keys=False,
    )


def to_csv(message: Any, shown: Shown = EVERYTHING) -> str:
    """All values of the message, depth first, separated by commas."""
    return _csv(_plain(message, shown))


def _csv(value: Any) -> str:
    if isinstance(value, dict):
        value = list(value.values())
    return ",".join(map(_csv, value)) if isinstance(value, list) else str(value)


def _plain(value: Any, shown: Shown, kind: Any = None) -> Any:
    """Dictionaries, lists and scalars that YAML knows."""
    if isinstance(value, bytes):
        return _text(value, shown).decode("latin-1")
    if isinstance(value, str):
        return _text(value, shown)
    if isinstance(value, (list, tuple, array.array, np.ndarray)):
        if shown.no_arr and kind is not None:
            return _abbreviated(value, kind)
        limit = shown.truncate_length
        items = [_plain(item, shown) for item in value[:limit]]
        return [*items, "..."] if limit is not None and len(value) > limit else items
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "SLOT_TYPES"):
        pairs = zip(value.get_fields_and_field_types(), value.SLOT_TYPES, strict=True)
        return {name: _plain(getattr(value, name), shown, kind) for name, kind in pairs}
    return value


def _text(value: Any, shown: Shown) -> Any:
    if shown.no_str and isinstance(value, str):
        return f"<string length: <{len(value)}>>"
    limit = shown.truncate_length
    if limit is None or len(value) <= limit:
        return value
    return value[:limit] + (b"..." if isinstance(value, bytes) else "...")


def _abbreviated(value: Any, kind: Any) -> str:
    element = kind.value_type
    name: str
    if isinstance(element, idl.BasicType):
        name = element.typename
    elif isinstance(element, idl.NamespacedType):
        name = "/".join(element.namespaced_name())
    else:
        name = "wstring" if isinstance(element, idl.AbstractWString) else "string"
    if isinstance(kind, idl.Array):
        return f"<array type: {name}[{kind.size}]>"
    if isinstance(kind, idl.BoundedSequence):
        return f"<sequence type: {name}[{kind.maximum_size}], length: {len(value)}>"
    return f"<sequence type: {name}, length: {len(value)}>"


def _type_name(message: Any) -> str:
    return f"{type(message).__module__.split('.')[0]}/msg/{type(message).__name__}"
