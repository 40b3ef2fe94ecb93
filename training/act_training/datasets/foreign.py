"""Files that others made: they stay in their folder, are no pointers, and are bounded in size.

What a dataset or a checkpoint says of its files is an instruction of a stranger: a path may lead
out of the folder, a format string may ask for gigabytes, a number may be 1e30. Every reader comes
through here before it opens or allocates anything.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from act_core import foreign_file
from act_core.errors import ConfigurationError
from act_core.foreign_file import POINTER

from act_training.datasets.errors import DatasetError

LARGEST_JSON = 256 * 2**20  # bytes
LARGEST_TABLE = 512 * 2**20  # bytes of a table that describes episodes
LARGEST_PATH = 1024  # characters
LARGEST_SIDE = 8192  # pixels of an image
LARGEST_VECTOR = 4096  # values of a state or an action
LARGEST_COUNT = 10_000_000  # steps of an episode, episodes of a dataset
BLOCK = 2**20  # bytes read at once
SHARE_OF_MEMORY = 0.5  # that one episode may take
_FIELD = re.compile(r"\{([^{}]*)\}")
_NUMBER_FORMAT = re.compile(r"0?\d{0,2}d?")


def check_content(path: Path) -> None:
    """DatasetError when there is only a pointer of Git LFS, or nothing, in place of the file."""
    try:
        if path.exists() and not path.is_file():
            raise DatasetError(f"{path} is a folder, a pipe or a device, expected a file")
        with path.open("rb") as file:
            start = file.read(len(POINTER))
    except OSError:
        return  # whoever opens it says what is wrong
    if start == POINTER:
        raise DatasetError(
            f"{path} is a pointer of Git LFS, not the file: run `git lfs pull` in its folder, or "
            "download it again from the hub"
        )
    if not start:
        raise DatasetError(f"{path} is empty: copy or download it again")


def visible(paths: Iterable[Path]) -> list[Path]:
    """Sorted, without hidden files: beside each file macOS writes its "._" on disks of others."""
    return sorted(path for path in paths if not path.name.startswith("."))


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content; DatasetError when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    return digest.hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of bounded size; DatasetError names the file otherwise."""
    return parse_object(path, read_text(path))


def read_text(path: Path) -> str:
    """The text of a file of bounded size; DatasetError names the file otherwise."""
    check_content(path)
    try:
        return foreign_file.read_text(path, LARGEST_JSON)
    except ConfigurationError as error:
        raise DatasetError(f"{path} cannot be read: it {error}") from error


def parse_object(path: Path, text: str) -> dict[str, Any]:
    """The JSON object in `text`, which is of `path`."""
    try:
        content = foreign_file.parse_json(text, finite=False)
    except ConfigurationError as error:
        raise DatasetError(f"{path} cannot be read: it {error}: download it again") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path} holds {type(content).__name__}, expected an object")
    return content


def whole_number(what: str, value: Any, largest: int = LARGEST_COUNT, least: int = 0) -> int:
    """A number of a file that has to be a whole one, also as 3.0; DatasetError names `what`."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and least <= value <= largest and value == int(value):
        return int(value)
    raise DatasetError(
        f"{what} is {shortened(value)}, expected a whole number {least} to {largest}"
    )


def finite_number(what: str, value: object) -> float:
    """A number of a file that is neither NaN nor infinite; DatasetError names `what`."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise DatasetError(f"{what} is {shortened(value)}, expected a finite number")


def shortened(value: object) -> str:
    """A value for a message, however long it is."""
    if isinstance(value, int) and abs(value) > 10**30:
        return "a number of more than 30 digits"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def fill_template(what: str, template: object, values: Mapping[str, int | str]) -> str:
    """A path template with its fields filled in, as `str.format` does where that is harmless.

    Fields are names of `values`, numbers at most zero-padded to two-digit widths: no attributes, no
    indices, no widths of a million.
    """
    if not isinstance(template, str) or len(template) > LARGEST_PATH:
        raise DatasetError(f"{what} is {shortened(template)}, expected a short path")

    def fill(match: re.Match[str]) -> str:
        name, _, form = match[1].partition(":")
        value = values.get(name)
        if value is None:
            raise DatasetError(
                f"{what} has the field {{{match[1]}}}, expected {', '.join(sorted(values))}"
            )
        if isinstance(value, int) and _NUMBER_FORMAT.fullmatch(form):
            return format(value, form)
        if form:
            raise DatasetError(f"{what} has the field {{{match[1]}}}: its format is not known here")
        return str(value)

    filled = _FIELD.sub(fill, template)
    if "{" in _FIELD.sub("", template) or "}" in _FIELD.sub("", template):
        raise DatasetError(f"{what} is '{template}', whose braces do not match")
    return filled


def inside(folder: Path, relative: str, what: str) -> Path:
    """The file `relative` of a dataset's `folder`; DatasetError when it leads out of it.

    Links are followed. A snapshot of the Hugging Face hub's cache links to the blobs beside it.
    """
    parts = PurePosixPath(relative).parts
    if not relative or "\0" in relative or len(relative) > LARGEST_PATH:
        raise DatasetError(
            f"{what} is {shortened(relative)}, expected a path in the dataset's folder"
        )
    if relative.startswith(("/", "~")) or ".." in parts or "\\" in relative:
        raise DatasetError(
            f"{what} is '{relative}', which leads out of the dataset's folder: files of a dataset "
            "are in it. It is not read"
        )
    path = folder / relative
    root = Path(os.path.realpath(folder))
    roots = [root]
    if root.parent.name == "snapshots":
        roots.append(root.parent.parent / "blobs")
    try:
        target = Path(os.path.realpath(path))
    except OSError as error:
        raise DatasetError(f"{what} is '{relative}': {error}") from error
    if not any(target.is_relative_to(allowed) for allowed in roots):
        raise DatasetError(
            f"{what} is '{relative}', a link out of the dataset's folder to {target}: copy the "
            "file into the dataset. It is not read"
        )
    return path


def check_memory(what: str, shapes: Sequence[Sequence[int]], item_bytes: int = 1) -> None:
    """DatasetError when arrays of these shapes are more than this machine can hold at once."""
    needed = sum(math.prod(int(side) for side in shape) for shape in shapes) * item_bytes
    memory = usable_memory()
    if not needed <= memory:
        raise DatasetError(
            f"{what} would take {needed / 1e9:.3g} GB, this machine has {memory / 1e9:.3g} GB of "
            "memory for it: split the episode"
        )


def usable_memory() -> float:
    """Bytes that one episode may take."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * SHARE_OF_MEMORY


def topic_name(name: str) -> str:
    """A camera's name as a part of a topic's: letters, digits and single "_", no digit first."""
    cleaned = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    if not cleaned:
        raise DatasetError(f"the camera '{name}' has no name that a topic can have: rename it")
    return f"camera_{cleaned}" if cleaned[0].isdigit() else cleaned
