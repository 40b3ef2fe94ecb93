"""Files that somebody named or wrote: read within bounds, or refused in the rest of a sentence.

What is said begins where the file's name ends: "cannot be read: ...", "is too large: ...", "is a
pointer of Git LFS, ...", "is not UTF-8 text: ...", "is not JSON: ...".
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from act_core.errors import ConfigurationError
from act_core.foreign_text import clean

POINTER = b"version https://git-lfs"  # begins the text that Git LFS leaves in place of a file
POINTER_REMEDY = (
    "is a pointer of Git LFS, not the file: run `git lfs install && git lfs pull` in its "
    "repository, or download the file itself"
)
BLOCK = 1 << 16  # bytes
LONGEST_PATH = 1024  # characters that are shown
_KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip


def read_bytes(path: Path, most_bytes: int) -> bytes:
    """The content of a file of at most ``most_bytes``; a pipe or device is not waited for.

    Raises ConfigurationError with the rest of a sentence.
    """
    try:
        status = path.stat()
        mode = stat.S_IFMT(status.st_mode)
        if mode != stat.S_IFREG:
            kind = _KINDS.get(mode, "no file")
            raise ConfigurationError(f"cannot be read: it is {kind}, expected a file")
        if status.st_size > most_bytes:
            raise ConfigurationError(f"is too large: it is larger than {most_bytes} bytes")
        with path.open("rb") as file:
            # A file of /proc says that it has no bytes; what is asked for is allocated at once.
            data = file.read(min(max(status.st_size, BLOCK), most_bytes) + 1)
    except ConfigurationError:
        raise
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a name with a character that no file can have
        raise ConfigurationError(f"cannot be read: {error}") from error
    if len(data) > most_bytes:
        raise ConfigurationError(f"is too large: it is larger than {most_bytes} bytes")
    if data.startswith(POINTER):
        raise ConfigurationError(POINTER_REMEDY)
    return data


def decode(data: bytes) -> str:
    """UTF-8, with or without the mark that some editors put in front; ConfigurationError else."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"is not UTF-8 text (byte {error.start}): save it as UTF-8"
        ) from error


def read_text(path: Path, most_bytes: int) -> str:
    """`decode` of `read_bytes`."""
    return decode(read_bytes(path, most_bytes))


def parse_json(text: str, *, finite: bool = True) -> Any:
    """What ``text`` says; ConfigurationError for a key that stands twice in an object, of which
    Python would take the last in silence, and, unless ``finite`` is false, for NaN and infinity."""
    if not text.strip():
        raise ConfigurationError("is empty")
    number = _finite if finite else float
    try:
        return json.loads(
            text, object_pairs_hook=_without_repeats, parse_float=number, parse_constant=number
        )
    except ConfigurationError:
        raise
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"is not JSON: {clean(error, 200)}") from error


def shown_path(path: Path) -> str:
    """For messages: on one line."""
    return clean(path, LONGEST_PATH)


def expanded(name: str | os.PathLike[str]) -> Path:
    """The path with ``~`` resolved; ConfigurationError for what is no path, or the home of somebody
    who is not known."""
    text = os.fspath(name)
    try:
        text.encode()
        path = Path(text).expanduser()
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"'{clean(text)}' is no path: it is no text") from error
    except RuntimeError as error:
        reason = str(error).rstrip(".")
        raise ConfigurationError(f"'{clean(text)}' is no path: {reason}") from error
    if "\0" in text:
        raise ConfigurationError(f"'{clean(text)}' is no path: it has a null character")
    return path


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ConfigurationError(f"has the key '{clean(twice)}' twice in one place: leave one")
    return content


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ConfigurationError(f"holds the number {clean(text)}, expected finite ones")
    return value
