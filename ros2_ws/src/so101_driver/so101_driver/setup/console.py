"""The person in front of the arm."""

from __future__ import annotations

import select
import sys
from collections.abc import Sequence
from typing import Protocol


class Console(Protocol):
    """How the set-up commands talk; another one for tests."""

    def say(self, text: str) -> None:
        """A line for the person."""
        ...

    def ask(self, prompt: str) -> str:
        """Waits for Enter; returns what was typed before it, without spaces around it."""
        ...

    def watch(self, lines: Sequence[str]) -> bool:
        """Shows figures that change, in place of those shown before; true once Enter was hit."""
        ...


class Terminal:
    """Standard input and output."""

    def __init__(self) -> None:
        self._watched = 0  # lines on the screen that the next `watch` replaces

    def say(self, text: str) -> None:
        print(text, flush=True)

    def ask(self, prompt: str) -> str:
        return input(f"{prompt} ").strip()

    def watch(self, lines: Sequence[str]) -> bool:
        if sys.stdout.isatty():
            up = f"\033[{self._watched}A" if self._watched else ""
            sys.stdout.write(up + "".join(f"\033[2K{line}\n" for line in lines))
            sys.stdout.flush()
        self._watched = len(lines)
        if not select.select([sys.stdin], [], [], 0.02)[0]:
            return False
        sys.stdin.readline()
        self._watched = 0
        return True
