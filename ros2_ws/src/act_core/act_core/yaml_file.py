"""YAML files that people write: read whole, or refused with what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from act_core.errors import ConfigurationError

MOST_BYTES = 1_000_000

# PyYAML's own constructors raise these for scalars that are not what their form or tag promises,
# such as the date 2026-99-99 or ``!!int ""``. (UnicodeDecodeError is a ValueError.)
OF_SCALARS = (ValueError, LookupError, AttributeError, TypeError, OverflowError)


def read_yaml(file: Path, most_bytes: int = MOST_BYTES) -> Any:
    """The content of a file.

    Raises ConfigurationError, with the rest of a sentence that begins with the file: "cannot be
    read: ...", "is too large: ..." or "is not YAML: ...".
    """
    try:
        if file.stat().st_size > most_bytes:
            raise ConfigurationError(f"is too large: it is larger than {most_bytes} bytes")
        data = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}") from error
    try:
        return yaml.safe_load(data.decode("utf-8"))
    except (yaml.YAMLError, RecursionError, *OF_SCALARS) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"is not YAML: {reason:.200}") from error
