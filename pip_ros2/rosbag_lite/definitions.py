"""The text of a message definition with all that it is made of, as a bag embeds it.

Format ``ros2msg`` of the MCAP specification: the .msg file, then for every type it uses, once, a
line of 80 ``=``, a line ``MSG: pkg/Name`` and that .msg file.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from rosbag_lite.errors import BagError

_FIELD = re.compile(r"^\s*([A-Za-z0-9_/]+)(?:<=\d+)?(?:\[[^\]]*\])?\s+[A-Za-z]", re.MULTILINE)
_PRIMITIVE = re.compile(r"bool|byte|char|w?string|u?int(8|16|32|64)|float(32|64)")


def installed_file(type_name: str) -> Path:
    """The .msg file of ``pkg/msg/Name``; BagError where it is not installed.

    Distributions name their prefixes in AMENT_PREFIX_PATH; the wheels install into their own.
    """
    package, _, name = type_name.split("/")
    prefixes = [*filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(":")), sys.prefix]
    for prefix in prefixes:
        path = Path(prefix, "share", package, "msg", f"{name}.msg")
        if path.is_file():
            return path
    raise BagError(
        f"no definition of {type_name}: searched {', '.join(prefixes)}; is ROS 2 sourced?"
    )


def definition(type_name: str, find: Callable[[str], Path] = installed_file) -> str:
    """The definition of ``pkg/msg/Name``; raises what ``find`` raises for a missing file."""
    return _with_parts(type_name, find, set())


def _with_parts(type_name: str, find: Callable[[str], Path], seen: set[str]) -> str:
    seen.add(type_name)
    package = type_name.split("/")[0]
    text = find(type_name).read_text(encoding="utf-8")
    parts = [text]
    for used in sorted({n for n in _FIELD.findall(text) if not _PRIMITIVE.fullmatch(n)}):
        owner, _, base = used.rpartition("/")
        full = f"{(owner or package).split('/')[0]}/msg/{base}"
        if full not in seen:
            title = full.replace("/msg/", "/")
            parts.append(f"\n{'=' * 80}\nMSG: {title}\n{_with_parts(full, find, seen)}")
    return "".join(parts)
