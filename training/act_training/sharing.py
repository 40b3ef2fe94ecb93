"""What files that are passed on may say of the machine that they were made on: no absolute path, no
name of a user or a host."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from act_training.hub import address, is_address


def shared_path(path: Path, base: Path) -> str:
    """`path` as seen from `base`; only its name where the way leads through the root or by the home
    folder, which would tell whose machine this is. An address (hf://, s3:// ...) stays as it is.

    With the home folder /home/ann: ../data from /home/ann/runs/a to /home/ann/runs/data, but
    only `data` from there to /mnt/disk/data.
    """
    if is_address(path):
        return address(path)
    path, base = Path(os.path.abspath(path)), Path(os.path.abspath(base))
    common = Path(os.path.commonpath([path, base]))
    home = Path.home().absolute()
    if common == Path(common.anchor) or (common != home and home.is_relative_to(common)):
        return path.name
    return os.path.relpath(path, base)


def shared_command(arguments: Sequence[str] | None = None) -> str:
    """The command line of this process (or `arguments`), to be repeated in the same folder."""
    program, *rest = sys.argv if arguments is None else arguments
    return shlex.join([Path(program).name, *map(_shared_argument, rest)])


def _shared_argument(argument: str) -> str:
    option, equals, value = argument.partition("=") if argument.startswith("-") else ("", "", "")
    text = value if equals else argument
    if text.startswith(("/", "..", "~")):
        text = shared_path(Path(text).expanduser(), Path.cwd())
    return f"{option}={text}" if equals else text
