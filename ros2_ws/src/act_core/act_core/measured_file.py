"""Files of what was measured on one robot: YAML that begins with what it is and for which robot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from act_core.errors import ConfigurationError
from act_core.foreign_file import expanded, shown_path
from act_core.yaml_file import read_yaml

T = TypeVar("T")


class Kind(NamedTuple):
    """How a file begins, and what messages call it."""

    key: str  # the first key, with the version
    version: int
    name: str  # "camera alignment"
    subject: str  # "the alignment is"
    writer: str  # the command that writes it


def read_measured(path: str | Path, kind: Kind, parse: Callable[[Any], T]) -> T:
    """What ``parse`` makes of a file. Raises ConfigurationError that names the file."""
    file = expanded(path)
    shown = shown_path(file)
    try:
        content = read_yaml(file)
    except ConfigurationError as error:
        raise ConfigurationError(f"cannot read the {kind.name}: '{shown}' {error}") from error
    try:
        return parse(content)
    except ConfigurationError as error:
        raise ConfigurationError(f"'{shown}': {error}") from None


def check_kind(content: Any, kind: Kind, robot: str) -> None:
    """Raises ConfigurationError for what is not of this kind, version and robot."""
    if not isinstance(content, dict) or kind.key not in content:
        raise ConfigurationError(
            f"no {kind.name}: there is no '{kind.key}', which {kind.writer} writes first"
        )
    if content[kind.key] != kind.version or isinstance(content[kind.key], bool):
        raise ConfigurationError(
            f"{kind.key} is {content[kind.key]!r:.40}, this version reads {kind.version}"
        )
    if content.get("robot") != robot:
        raise ConfigurationError(
            f"{kind.subject} of robot {content.get('robot')!r:.40}, expected '{robot}'"
        )


def mapping(content: Any, what: str) -> Mapping[Any, Any]:
    """The content, if it is names with values; ConfigurationError else."""
    if not isinstance(content, dict):
        raise ConfigurationError(f"{what}: {content!r:.40}, expected names with values")
    return content
