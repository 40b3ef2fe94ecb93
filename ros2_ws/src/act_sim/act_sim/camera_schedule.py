"""When simulated cameras take pictures, and which of them arrive, and when."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from act_core.errors import ConfigurationError

from act_sim.simulation import SavedState


class Frame(NamedTuple):
    """One instant to be drawn, as seen by the cameras whose picture is not lost."""

    stamp_ns: int  # capture time, ROS time
    state: SavedState
    cameras: tuple[str, ...]


def focal_length(fovy_deg: float, height: int) -> float:
    """[pixels] of a camera with a vertical field of view of ``fovy_deg`` degrees."""
    return 0.5 * height / math.tan(0.5 * math.radians(fovy_deg))


class CameraSchedule:
    """Frame n is taken in the control period that covers n / ``rate_hz``.

    At a control rate of 100 Hz and 30 Hz cameras that is periods 0, 3, 6, 10, 13, 16, 20, ...: the
    stamps say so, as those of a real camera would.

    delay_s: frames arrive so much later; their stamp stays the time of capture.
    loss: probability that one camera's picture of a frame never arrives; drawn from ``seed``.

    Raises ConfigurationError for a rate above the control rate or a loss outside 0 to 1.
    """

    def __init__(
        self,
        cameras: Sequence[str],
        control_hz: int,
        rate_hz: float,
        delay_s: float = 0.0,
        loss: float = 0.0,
        seed: int = 0,
    ) -> None:
        if not 0 < rate_hz <= control_hz:
            raise ConfigurationError(
                f"camera rate is {rate_hz} Hz, expected above 0 and at most the control rate, "
                f"{control_hz} Hz"
            )
        if not 0.0 <= loss <= 1.0:
            raise ConfigurationError(f"frame loss is {loss}, expected 0 to 1")
        self._cameras = tuple(cameras)
        self._periods_per_frame = control_hz / rate_hz
        self._delay_periods = round(delay_s * control_hz)
        self._loss = loss
        self._rng = np.random.default_rng(seed)
        self._taken = 0
        self._waiting: deque[tuple[int, Frame]] = deque()
        self.lost = 0  # pictures

    def frames(self, period: int, stamp_ns: int, take: Callable[[], SavedState]) -> list[Frame]:
        """The frames that arrive in control period ``period`` (counted from 0, without gaps).

        ``take`` is called when a picture is taken in this period, stamped ``stamp_ns``.
        """
        if self._cameras and period >= math.ceil(self._taken * self._periods_per_frame - 1e-9):
            self._taken += 1
            kept = tuple(name for name in self._cameras if self._rng.random() >= self._loss)
            self.lost += len(self._cameras) - len(kept)
            if kept:
                frame = Frame(stamp_ns, take(), kept)
                self._waiting.append((period + self._delay_periods, frame))
        arrived = []
        while self._waiting and self._waiting[0][0] <= period:
            arrived.append(self._waiting.popleft()[1])
        return arrived
