"""The worked examples of docs/extending.md, which the tests of this folder run."""

from __future__ import annotations

import re
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "extending.md"


def example(name: str) -> str:
    """The code block that the document introduces by the line ```name`:``."""
    found = re.search(
        rf"^`{re.escape(name)}`:\n+```\w+\n(.*?)^```", DOCUMENT.read_text(), re.M | re.S
    )
    assert found is not None, f"docs/extending.md has no example {name}"
    return found[1]
