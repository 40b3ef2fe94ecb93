"""The thread that reads a camera, keeps the newest frame and opens a lost camera again."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from typing import Any, NamedTuple

from act_core.timing import NS_PER_S, Clock, MonotonicClock

from act_camera.frame_rate import FrameRate, FrameRateMeter
from act_camera.frame_source import EndOfVideoError, Frame, FrameSource

FIRST_RETRY_S, LAST_RETRY_S = 0.5, 5.0
ADJUST_S = 1.0
CLOSE_S = 3.0  # longer than OpenCV waits for a frame


class CaptureStatus(NamedTuple):
    """How the camera is."""

    description: str  # of the source that is open, or was last
    expected_hz: float | None  # None before the first opening
    problem: str | None  # why there are no frames; None while they come
    warnings: tuple[str, ...]
    age_s: float | None  # of the newest frame; None before the first
    rate: FrameRate | None
    frames: int
    overtaken: int  # frames replaced by a newer one before anybody took them
    damaged: int
    reconnects: int


class Capture:
    """Frames of a camera that may come and go.

    ``open_source`` is called in the capture thread; when it or the source raises, the source is
    closed and opened again after 0.5 s, then 1, 2, 4, 5, 5, ... s until a frame has come. Only
    EndOfVideoError ends the attempts.

    A frame that is not taken is replaced by the next: whoever reads gets the newest, never a
    backlog.

    Args:
        open_source: opens the camera.
        report: gets ("info" or "warning", text) on every change, in the capture thread.
        retry_s: first and longest pause between attempts.
        clock: monotonic.
    """

    def __init__(
        self,
        open_source: Callable[[], FrameSource],
        report: Callable[[str, str], None],
        retry_s: tuple[float, float] = (FIRST_RETRY_S, LAST_RETRY_S),
        clock: Clock | None = None,
    ) -> None:
        self._open_source = open_source
        self._report = report
        self._first_retry_s, self._last_retry_s = retry_s
        self._clock = clock if clock is not None else MonotonicClock()
        self._news = threading.Condition()
        self._newest: Frame | None = None  # not taken yet
        self._last_captured_ns: int | None = None
        self._meter = FrameRateMeter()
        self._source: FrameSource | None = None
        self._problem: str | None = "not opened yet"
        self._frames = self._overtaken = self._damaged_before = self._reconnects = 0
        self._adjustments: deque[tuple[Any, Future[list[str]]]] = deque()
        self._closing = threading.Event()
        # A daemon: a driver that never returns must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends the thread and closes the camera."""
        self._closing.set()
        with self._news:
            self._news.notify_all()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    def take(self, timeout_s: float) -> Frame | None:
        """The newest frame, as soon as there is one that was not taken before; None if none came
        within ``timeout_s``."""
        with self._news:
            self._news.wait_for(lambda: self._newest or self._closing.is_set(), timeout_s)
            frame, self._newest = self._newest, None
            return frame

    def adjust(self, settings: Any) -> list[str]:
        """Hands ``settings`` to the camera between two frames; returns what it did not take.

        Without an open camera there is nothing to do: ``open_source`` is to know them, too.
        """
        with self._news:
            source = self._source
            if source is None or self._problem is not None:
                return []
            done: Future[list[str]] = Future()
            self._adjustments.append((settings, done))
        try:
            return done.result(ADJUST_S)
        except NoAnswer:
            done.cancel()
            return [f"no frame came for {ADJUST_S:g} s"]

    def status(self) -> CaptureStatus:
        """How the camera is now."""
        with self._news:
            now_ns, source = self._clock.now_ns(), self._source
            last_ns = self._last_captured_ns
            return CaptureStatus(
                source.description if source is not None else "",
                source.rate_hz if source is not None else None,
                self._problem,
                source.warnings if source is not None else (),
                None if last_ns is None else (now_ns - last_ns) / NS_PER_S,
                self._meter.snapshot(now_ns),
                self._frames,
                self._overtaken,
                self._damaged_before + (source.damaged if source is not None else 0),
                self._reconnects,
            )

    def _run(self) -> None:
        retry_s = self._first_retry_s
        while not self._closing.is_set():
            frames_before = self._frames
            try:
                self._read_until_it_stops()
            except EndOfVideoError as end:
                self._lost(str(end))
                return
            except Exception as error:  # whatever a camera does, it ends neither thread nor node
                self._lost(str(error) or repr(error))
            if self._frames > frames_before:
                retry_s = self._first_retry_s
            self._closing.wait(retry_s)
            retry_s = min(2 * retry_s, self._last_retry_s)

    def _read_until_it_stops(self) -> None:
        source = self._open_source()
        try:
            with self._news:
                if self._source is not None:
                    self._damaged_before += self._source.damaged
                self._source = source
            while not self._closing.is_set():
                self._take_in(source.read())
                self._adjust(source)
        finally:
            source.close()

    def _adjust(self, source: FrameSource) -> None:
        while self._adjustments:
            settings, done = self._adjustments.popleft()
            if done.set_running_or_notify_cancel():
                done.set_result(source.adjust(settings))

    def _take_in(self, frame: Frame) -> None:
        with self._news:
            problem, self._problem = self._problem, None
            self._overtaken += self._newest is not None
            self._reconnects += problem is not None and self._frames > 0
            self._newest = frame
            self._frames += 1
            self._last_captured_ns = frame.captured_ns
            self._meter.record(frame.captured_ns)
            source = self._source
            self._news.notify_all()
        if problem is not None and source is not None:
            self._report("info", source.description)
            for warning in source.warnings:
                self._report("warning", warning)

    def _lost(self, problem: str) -> None:
        with self._news:
            news = problem != self._problem
            self._problem = problem
        if news:
            self._report("warning", problem)
