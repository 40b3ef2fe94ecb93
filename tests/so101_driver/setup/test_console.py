"""The terminal: what it asks, and figures that change until Enter is hit."""

from __future__ import annotations

import io
import os
import sys

import pytest
from so101_driver.setup.console import Terminal


@pytest.fixture
def keyboard(monkeypatch):
    """Standard input as a pipe; ``keyboard(text)`` types."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield lambda text: os.write(writing, text.encode())
    os.close(writing)


def test_figures_are_shown_until_enter(keyboard):
    terminal = Terminal()
    assert terminal.watch(["a 1"]) is False
    keyboard("\n")
    assert terminal.watch(["a 2"]) is True
    assert terminal.watch(["a 3"]) is False, "one Enter ends one watch"


def test_an_answer_has_no_spaces_around_it(keyboard):
    keyboard("  yes \n")
    assert Terminal().ask("Sure?") == "yes"


def test_figures_replace_those_before_on_a_screen_only(keyboard, monkeypatch):
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    terminal = Terminal()
    terminal.watch(["a 1", "b 1"])
    terminal.watch(["a 2", "b 2"])
    assert screen.getvalue() == ("\033[2Ka 1\n\033[2Kb 1\n\033[2A\033[2Ka 2\n\033[2Kb 2\n")
    log = io.StringIO()
    monkeypatch.setattr(sys, "stdout", log)
    Terminal().watch(["a 1"])
    assert log.getvalue() == ""
