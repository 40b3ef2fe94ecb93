"""The text of a message definition with all that it is made of, as rosbag2 embeds it in a bag.

Format ``ros2msg``: the .msg file, then for every type it uses, once, a line of 80 ``=``, a line
``MSG: pkg/Name`` and that .msg file.
"""

from __future__ import annotations

import re

from ros2cli.interfaces import definition_file, full_name

PRIMITIVES = {
    "bool", "byte", "char", "float32", "float64", "string", "wstring",
    "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
}  # fmt: skip
FIELD = re.compile(r"^\s*([A-Za-z0-9_/]+)(?:<=\d+)?(?:\[[^\]]*\])?\s+[A-Za-z]", re.MULTILINE)


def full_text(type_name: str) -> str:
    """The definition of ``pkg/msg/Name``; CliError when a file is missing."""
    seen: set[str] = set()
    return _append(full_name(type_name, "msg"), seen)


def _append(type_name: str, seen: set[str]) -> str:
    seen.add(type_name)
    text = definition_file(type_name).read_text()
    parts = [text]
    for used in _types_of(text, type_name.split("/")[0]):
        if used not in seen:
            package, _, name = used.split("/")
            parts.append(f"\n{'=' * 80}\nMSG: {package}/{name}\n{_append(used, seen)}")
    return "".join(parts)


def _types_of(text: str, package: str) -> list[str]:
    names = {match for match in FIELD.findall(text) if match not in PRIMITIVES}
    return sorted(full_name(n if "/" in n else f"{package}/{n}", "msg") for n in names)
