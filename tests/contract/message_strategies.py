"""Messages and requests of any ROS type, made from what its class says of its fields.

What is drawn is what a broken, a foreign or a hostile program can send: every value of every type,
with the corners first (NaN, infinity, the ends of the integers, empty and unequal lengths, names
with terminal escapes), and now and then the values that the nodes know, because a message that is
half right gets further.
"""

from __future__ import annotations

import re
from typing import Any

from act_core.robots.so101 import JOINT_NAMES
from act_core.ros import interface_type
from hypothesis import strategies as st

LONGEST = 12  # entries of a sequence; the joints are six
KNOWN_TEXTS = (
    *JOINT_NAMES, "left", "right", "rgb8", "bgr8", "mono8", "16UC1", "jpeg", "task", "seed",
    "episode", "step", "finished", "success", "true", "false", "0", "1", "-1", "1e400", "nan",
)  # fmt: skip
ABSURD_TEXTS = (
    "",
    "\x1b[2J\x1b]0;owned\x07",
    "a\nb\rc",
    "x" * 5000,
    "日本語",
    "%s%n{}",
    "../../etc",
)
FLOATS = (0.0, -0.0, 1.5, -7.0, float("nan"), float("inf"), float("-inf"), 5e-324, 1.7e308, -1e300)
_SEQUENCE = re.compile(r"sequence<([^,>]+)(?:, *(\d+))?>")
_ARRAY = re.compile(r"(.+)\[(\d+)\]")


def messages(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Messages of a class, such as ``sensor_msgs.msg.JointState`` or ``SetBool.Request``."""
    fields = {name: _field(text) for name, text in kind.get_fields_and_field_types().items()}
    return st.fixed_dictionaries(fields).map(lambda values: kind(**values))


def _field(text: str) -> st.SearchStrategy[Any]:
    if match := _SEQUENCE.fullmatch(text):
        most = min(LONGEST, int(match.group(2) or LONGEST))
        return _entries(match.group(1), 0, most)
    if match := _ARRAY.fullmatch(text):
        size = int(match.group(2))
        return _entries(match.group(1), size, size)
    if text in ("float", "double"):
        return st.sampled_from(FLOATS) | st.floats(-4, 4, width=32)
    if text == "boolean":
        return st.booleans()
    if text == "octet":
        return st.binary(min_size=1, max_size=1)
    if text.startswith(("string", "wstring")):
        return st.sampled_from(KNOWN_TEXTS) | st.sampled_from(ABSURD_TEXTS) | st.text(max_size=20)
    if match := re.fullmatch(r"(u?)int(\d+)", text):
        bits = int(match.group(2))
        low, high = (
            (0, 2**bits - 1) if match.group(1) else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        )
        corners = [
            value for value in (0, 1, -1, 2, 10**9, low, high, high - 1) if low <= value <= high
        ]
        return st.sampled_from(corners) | st.integers(low, high) | st.integers(0, min(high, 64))
    package, name = text.split("/")
    return messages(interface_type(f"{package}/msg/{name}"))


def _entries(kind: str, least: int, most: int) -> st.SearchStrategy[Any]:
    if kind in ("uint8", "octet", "byte"):
        # Enough for a small picture, in whatever encoding it says.
        return st.integers(least, max(most, least, 64)).flatmap(
            lambda size: st.binary(min_size=size if least else 0, max_size=size)
        ).map(lambda data: list(data) if least else data)  # fmt: skip
    entries = st.lists(_field(kind), min_size=least, max_size=most)
    if least == 0 and kind.startswith("string"):
        return entries | st.permutations(JOINT_NAMES).map(list) | st.just(["left", "right"])
    if least == 0 and kind == "double":
        return entries | st.lists(_field(kind), min_size=6, max_size=6)
    return entries
