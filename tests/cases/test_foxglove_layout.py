"""The layout that opens our bags shows topics that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from act_core import topics

FILE = Path(__file__).resolve().parents[2] / "docs/foxglove_layout.json"


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for each in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from texts(each)


def test_every_topic_of_the_layout_is_one_of_ours():
    panels = json.loads(FILE.read_text())["configById"]
    shown = {re.split(r"[.\[]", text)[0] for text in texts(panels) if text.startswith("/")}
    assert len(shown) >= 8
    for name in shown:
        known = "/diagnostics" if name == "/diagnostics" else name.removeprefix("/")
        assert topics.topic(known)


def test_every_panel_is_laid_out_once():
    content = json.loads(FILE.read_text())
    used = list(texts({k: v for k, v in content["layout"].items() if k != "direction"}))
    used = [text for text in used if "!" in text]
    assert sorted(used) == sorted(content["configById"])
