"""YAML files that people write: read whole, or refused with what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from act_core.errors import ConfigurationError
from act_core.foreign_file import decode, read_bytes
from act_core.foreign_text import clean

MOST_BYTES = 1_000_000
_MERGE = "tag:yaml.org,2002:merge"  # "<<", which may stand more than once

# PyYAML's own constructors raise these for scalars that are not what their form or tag promises,
# such as the date 2026-99-99 or ``!!int ""``. (UnicodeDecodeError is a ValueError.)
OF_SCALARS = (ValueError, LookupError, AttributeError, TypeError, OverflowError)


class _Loader(yaml.SafeLoader):
    """PyYAML takes the last of two equal keys in silence; YAML 1.2 says that there is only one."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        known = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            if (name := (key.tag, key.value)) in known:
                line = key.start_mark.line + 1
                raise ConfigurationError(
                    f"has the key '{clean(key.value)}' twice in one place (again in line {line}): "
                    "leave one"
                )
            known.add(name)
        return node


def read_yaml(file: Path, most_bytes: int = MOST_BYTES) -> Any:
    """The content of a file.

    Raises ConfigurationError, with the rest of a sentence that begins with the file: see
    `foreign_file`, or "is not YAML: ...", "has the key 'x' twice ...".
    """
    data = read_bytes(file, most_bytes)
    try:
        text = decode(data)
    except ConfigurationError as error:
        raise ConfigurationError(f"is not YAML: it {error}") from error
    try:
        return yaml.load(text, _Loader)
    except ConfigurationError:
        raise
    except (yaml.YAMLError, RecursionError, *OF_SCALARS) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"is not YAML: {clean(reason, 200)}") from error
