"""Keeps commands free of jumps while the plan behind them is replaced."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from act_core.timing import NS_PER_S
from numpy.typing import NDArray

from act_policy.chunk import Chunk


class Plan(Protocol):
    """Where targets come from: `TemporalEnsemble` or `ChunkBuffer`."""

    @property
    def live(self) -> int: ...
    @property
    def newest(self) -> Chunk | None: ...
    def clear(self) -> None: ...
    def add(self, chunk: Chunk) -> None: ...
    def expire(self, t_ns: int) -> None: ...
    def wants_inference(self, t_ns: int) -> bool: ...
    def target(self, t_ns: int) -> NDArray[np.float64]: ...
    def top_speed(self) -> NDArray[np.float64]: ...


class PlanFollower:
    """Follows a plan from wherever the last command was.

    A chunk that enters late or expires changes the plan for the very time that is being executed.
    The follower keeps the difference to the last command as an offset, adds it to the plan and
    fades it out. At each command the offset of each value loses ``max_jump``, or the share
    dt / fade_s of itself where that is more, so a difference of up to ``max_jump`` is taken at once
    and a large one is gone after about 3 * fade_s. In any case::

        |command(k) - command(k-1)| <= fastest row-to-row change of a live chunk over dt + max_jump

    With max_jump 5 mrad at 100 Hz and a plan that stands still::

        plan         0     0     20    20    20    20    20     [mrad]
        command      0     0     5     10    15    20    20
                           ^ a chunk enters that disagrees by 20 mrad

    Args:
        max_jump: see above, in the output's unit; None follows the plan as it is.
        fade_s: time constant with which a large difference fades.
    """

    def __init__(self, max_jump: float | None, fade_s: float = 0.15) -> None:
        if max_jump is not None and not max_jump > 0:
            raise ValueError(f"max_jump must be above 0 or None, got {max_jump}")
        if not fade_s > 0:
            raise ValueError(f"fade_s must be above 0, got {fade_s}")
        self._max_jump = max_jump
        self._fade_s = fade_s
        self._last: NDArray[np.float64] | None = None
        self._last_ns = 0

    def reset(self, position: NDArray[np.float64] | None = None, t_ns: int = 0) -> None:
        """Starts from ``position`` (A,) at ``t_ns``; from wherever the plan is if None."""
        self._last = position
        self._last_ns = t_ns

    @property
    def last(self) -> NDArray[np.float64] | None:
        """(A,) the last command."""
        return self._last

    def hold(self, t_ns: int) -> None:
        """Nothing was commanded at ``t_ns``: the arm still stands at the last command."""
        self._last_ns = t_ns

    def follow(self, plan: Plan, t_ns: int) -> NDArray[np.float64]:
        """(A,) the command for ``t_ns``; ``plan`` must have a live chunk."""
        target = plan.target(t_ns)
        if self._max_jump is not None and self._last is not None:
            dt_s = max(t_ns - self._last_ns, 0) / NS_PER_S
            offset = self._last - plan.target(self._last_ns)
            size = np.abs(offset)
            fade = np.maximum(self._max_jump, size * (dt_s / self._fade_s))
            target = target + np.sign(offset) * np.maximum(size - fade, 0.0)
            reach = plan.top_speed() * dt_s + self._max_jump
            target = np.clip(target, self._last - reach, self._last + reach)
        self._last, self._last_ns = target, t_ns
        return target
