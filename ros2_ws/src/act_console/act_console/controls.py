"""What the tabs about files are made of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from act_core.errors import ConfigurationError
from nicegui import ui


async def told(work: Callable[..., str], *arguments: Any) -> bool:
    """Does something beside the server's thread and says what came of it; whether it was done."""
    try:
        text, done = await asyncio.to_thread(work, *arguments), True
    except ConfigurationError as error:
        text, done = str(error), False
    except OSError as error:
        text, done = f"not done: {error.strerror or error} (is the disk full?)", False
    ui.notify(text, type="info" if done else "negative", timeout=4000 if done else 12000,
              close_button="close", multi_line=True)  # fmt: skip
    return done


def button(text: str, action: Callable[..., Any], *, go: bool = False) -> ui.element:
    """A button that looks like the others of the page."""
    one = ui.element("button").classes("ac-button go" if go else "ac-button")
    with one:
        ui.label(text)
    one.on("click", action)
    return one


def card(title: str) -> ui.element:
    """A part of a tab."""
    section = ui.element("section").classes("ac-card")
    with section:
        ui.label(title).classes("ac-title")
    return section
