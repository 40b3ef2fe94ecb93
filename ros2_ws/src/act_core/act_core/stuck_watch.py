"""Whether whoever drives an arm gets anywhere. It tells; what follows from it others decide."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from act_core.limits import JointLimits
from act_core.timing import NS_PER_S, to_ns

Vector = NDArray[np.float64]

MOVED_RAD = 0.03  # less is trembling in one place
STILL_S = 3.0
# Shares of a gripper's way. A cube of 30 mm stops an SO-101's at a fifth of it.
CLOSED, OPENED = 0.12, 0.3
CLOSED_S = 0.4  # it may be on its way


class StuckWatch:
    """Looks at the joints of an arm that somebody drives.

    Two things are told: all joints have stayed within `MOVED_RAD` for `STILL_S`; and a gripper that
    was open has closed further than anything between its fingers would let it.

    Example: an arm that was driven to a place beside the cube and trembles there by 20 mrad: after
    three seconds ``the arm has not moved for 3 s``. It moves on by 50 mrad: nothing is wrong.

    Args:
        limits: of the J joints.
        grippers: names of those that open and close a hand.
    """

    def __init__(self, limits: JointLimits, grippers: Sequence[str]) -> None:
        self._hands = [limits.names.index(name) for name in grippers]
        self._lower = limits.lower_rad[self._hands]
        self._range = limits.upper_rad[self._hands] - self._lower
        self._names = [limits.names[i] for i in self._hands]
        self.stills = 0  # how often the arm stood still
        self.misses = 0  # how often a gripper closed on nothing
        self.reset()

    def reset(self) -> None:
        """Somebody else drives, or nobody does."""
        self._anchor: Vector | None = None
        self._anchor_ns = 0
        self._still = False
        self._was_open = np.zeros(len(self._hands), dtype=bool)
        self._closed_ns: list[int | None] = [None] * len(self._hands)
        self._empty = np.zeros(len(self._hands), dtype=bool)

    def see(self, position_rad: ArrayLike, now_ns: int) -> str | None:
        """What is wrong with where the joints (J,) are at a time [ns]; None for nothing."""
        position = np.asarray(position_rad, dtype=np.float64)
        if self._anchor is None or now_ns < self._anchor_ns:  # a clock that went back
            self._anchor, self._anchor_ns = position.copy(), now_ns
        found = [self._standing(position, now_ns), *self._holding(position, now_ns)]
        texts = [text for text in found if text is not None]
        return "; ".join(texts) or None

    def _standing(self, position: Vector, now_ns: int) -> str | None:
        assert self._anchor is not None
        if np.abs(position - self._anchor).max() > MOVED_RAD:
            self._anchor, self._anchor_ns, self._still = position.copy(), now_ns, False
            return None
        if not self._still and now_ns - self._anchor_ns >= to_ns(STILL_S):
            self._still = True
            self.stills += 1
        if not self._still:
            return None
        return f"the arm has not moved for {(now_ns - self._anchor_ns) / NS_PER_S:.0f} s"

    def _holding(self, position: Vector, now_ns: int) -> list[str | None]:
        shares = (position[self._hands] - self._lower) / self._range
        found: list[str | None] = []
        for hand, share in enumerate(shares):
            if share > OPENED:
                self._was_open[hand], self._empty[hand] = True, False
            if share > CLOSED:
                self._closed_ns[hand] = None
            elif self._closed_ns[hand] is None:
                self._closed_ns[hand] = now_ns
            since_ns = self._closed_ns[hand]
            is_closed = since_ns is not None and now_ns - since_ns >= to_ns(CLOSED_S)
            if is_closed and self._was_open[hand]:
                self._was_open[hand], self._empty[hand] = False, True
                self.misses += 1
            empty = bool(self._empty[hand])
            found.append(f"{self._names[hand]} has closed on nothing" if empty else None)
        return found
