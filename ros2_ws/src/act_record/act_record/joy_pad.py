"""A gamepad that another node reads: sensor_msgs/Joy as the same controls."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from act_core.robot import Robot
from act_core.timing import Clock, MonotonicClock, to_ns

from act_record.gamepad import AXIS, BUTTON, FULL, Pad

# `joy_node` repeats what it last saw 20 times a second: one that is silent has lost its pad.
SILENT_S = 0.5


class JoyPad(Pad):
    """Of Joy messages, which number axes and buttons as the kernel does; their axes count to the
    left and forwards.

    Args:
        robot: that is moved.
        clock: monotonic.
    """

    def __init__(self, robot: Robot, clock: Clock | None = None) -> None:
        super().__init__(robot, "on the topic joy")
        self._clock = clock if clock is not None else MonotonicClock()
        self._heard_ns: int | None = None
        self._held: dict[tuple[int, int], float] = {}
        self._new: list[tuple[int, int, int]] = []

    def hear(self, axes: Sequence[float], buttons: Sequence[int]) -> None:
        """A message; one with a number that is not finite is as good as none."""
        if not all(math.isfinite(value) for value in axes):
            return
        if not self.connected:
            self._held.clear()
        self._heard_ns = self._clock.now_ns()
        told = {(AXIS, n): -min(max(value, -1.0), 1.0) * FULL for n, value in enumerate(axes)}
        told |= {(BUTTON, n): float(bool(value)) for n, value in enumerate(buttons)}
        self._new += [
            (*control, round(value))
            for control, value in told.items()
            if self._held.get(control) != value
        ]
        self._held = told

    @property
    def connected(self) -> bool:
        heard_ns = self._heard_ns
        return heard_ns is not None and self._clock.now_ns() - heard_ns < to_ns(SILENT_S)

    def _events(self) -> Iterator[tuple[int, int, int]]:
        if not self.connected:
            self.close()
        new, self._new = self._new, []
        yield from new
