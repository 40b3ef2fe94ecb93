"""A camera that does what the test tells it to."""

from __future__ import annotations

import queue

import numpy as np
from act_camera.frame_source import Frame

from tests.ros_rig import PATIENCE_S


class Script:
    """What a camera delivers, over all the times that it is opened: frames and exceptions.

    `opening` is taken from for each opening; an exception in it is raised, and without more to do
    the opening succeeds. `deliver` hands the reader its next frame or exception.
    """

    def __init__(self, *opening: Exception) -> None:
        self.opening = list(opening)
        self.waiting: queue.Queue = queue.Queue()
        self.opened = self.closed = 0
        self.adjusted: list[object] = []
        self.refusals: list[str] = []  # what it says to other settings

    def open(self) -> ScriptedSource:
        if self.opening:
            raise self.opening.pop(0)
        self.opened += 1
        return ScriptedSource(self)

    def deliver(self, *items: int | Exception) -> None:
        """A number: a frame taken at so many nanoseconds."""
        for item in items:
            self.waiting.put(item)


class ScriptedSource:
    description = "scripted"
    rate_hz = 10.0
    warnings = ("it is not real",)
    damaged = 1

    def __init__(self, script: Script) -> None:
        self._script = script
        self._open = True

    def read(self) -> Frame:
        item = self._script.waiting.get(timeout=PATIENCE_S)
        if isinstance(item, Exception):
            raise item
        return Frame(np.full((16, 16, 3), item % 256, np.uint8), item)

    def adjust(self, settings: object) -> list[str]:
        self._script.adjusted.append(settings)
        return list(self._script.refusals)

    def close(self) -> None:
        self._script.closed += self._open
        self._open = False
