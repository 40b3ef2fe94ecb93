"""Pauses between attempts that fail."""

from __future__ import annotations


class Backoff:
    """The first attempt comes at once; then each pause is twice as long as the one before.

    With 1 s and 60 s: 0, 1, 2, 4, 8, 16, 32, 60, 60 s, and so on.
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s, self._longest_s = first_s, longest_s
        self._next_s = 0.0

    def next(self) -> float:
        """The pause [s] before the next attempt."""
        pause_s = self._next_s
        self._next_s = min(max(2 * pause_s, self._first_s), self._longest_s)
        return pause_s

    def reset(self) -> None:
        """It has worked: after the next failure there is no pause."""
        self._next_s = 0.0
