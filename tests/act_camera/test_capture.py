"""The capture thread: newest frame only, and back again after whatever happens."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from act_camera import capture as capture_module
from act_camera.capture import Capture
from act_camera.frame_source import CameraLostError, EndOfVideoError
from act_core.timing import FakeClock

from tests.act_camera.scripted_source import Script
from tests.ros_rig import PATIENCE_S, wait_until

S = 1_000_000_000


@contextmanager
def capturing(script: Script, clock: FakeClock | None = None) -> Iterator[tuple[Capture, list]]:
    said: list[tuple[str, str]] = []
    capture = Capture(
        script.open, lambda level, text: said.append((level, text)), (0.001, 0.004), clock
    )
    capture.start()
    try:
        yield capture, said
    finally:
        script.deliver(EndOfVideoError("the test is over"))
        capture.close()


def test_the_newest_frame_is_taken_once_and_older_ones_never():
    script = Script()
    with capturing(script) as (capture, _):
        script.deliver(1, 2, 3)
        wait_until(lambda: capture.status().frames == 3)
        frame = capture.take(1.0)
        assert frame is not None
        assert frame.captured_ns == 3
        assert capture.take(0.0) is None
        assert capture.status().overtaken == 2


def test_whoever_waits_gets_a_frame_as_soon_as_it_comes():
    script = Script()
    taken: queue.Queue = queue.Queue()
    with capturing(script) as (capture, _):
        waiter = threading.Thread(target=lambda: taken.put(capture.take(PATIENCE_S)))
        waiter.start()
        script.deliver(7)
        assert taken.get(timeout=PATIENCE_S).captured_ns == 7
        waiter.join()
        assert capture.status().overtaken == 0


def test_a_camera_that_is_not_there_at_first_is_opened_when_it_comes():
    script = Script(CameraLostError("there is no camera"), CameraLostError("there is no camera"))
    with capturing(script) as (capture, said):
        script.deliver(1)
        wait_until(lambda: capture.status().frames == 1)
        status = capture.status()
        assert (script.opened, status.problem, status.reconnects) == (1, None, 0)
        assert said == [
            ("warning", "there is no camera"),  # once, not for every attempt
            ("info", "scripted"),
            ("warning", "it is not real"),
        ]


def test_an_unplugged_camera_is_closed_reported_and_opened_again():
    script = Script()
    with capturing(script) as (capture, said):
        script.deliver(1, CameraLostError("unplugged"))
        wait_until(lambda: script.opened == 2)
        assert script.closed == 1
        assert capture.status().problem == "unplugged"
        script.deliver(2)
        wait_until(lambda: capture.status().problem is None)
        status = capture.status()
        assert (status.frames, status.reconnects, status.damaged) == (2, 1, 2)
        assert [text for level, text in said if level == "warning"][1] == "unplugged"


@pytest.mark.parametrize("error", [RuntimeError("OpenCV said no"), ValueError(), OSError(5, "I/O")])
def test_no_exception_of_a_camera_ends_the_thread(error):
    script = Script(error)
    with capturing(script) as (capture, said):
        script.deliver(1, error, 2)
        wait_until(lambda: capture.status().frames == 2)
        assert capture.status().problem is None
        assert (str(error) or repr(error)) in said[0][1]


def test_the_end_of_a_video_is_the_end():
    script = Script()
    with capturing(script) as (capture, _):
        script.deliver(1, EndOfVideoError("it has ended"))
        wait_until(lambda: capture.status().problem == "it has ended")
        script.deliver(2)
        capture.close()
        assert (script.opened, script.closed, capture.status().frames) == (1, 1, 1)


def test_age_and_rate_are_those_of_the_capture():
    clock = FakeClock()
    script = Script()
    with capturing(script, clock) as (capture, _):
        assert capture.status().age_s is None
        script.deliver(*(k * S // 10 for k in range(11)))
        wait_until(lambda: capture.status().frames == 11)
        clock.advance(1.25)
        status = capture.status()
        assert status.age_s == pytest.approx(0.25)
        assert status.rate is not None
        assert status.rate.rate_hz == pytest.approx(10.0)
        assert status.expected_hz == 10.0
        clock.advance(10.0)
        assert capture.status().rate is None, "a silent camera has no rate"


def test_pauses_between_attempts_double_and_start_afresh_after_a_frame(monkeypatch):
    script = Script(*[CameraLostError("no")] * 5)
    capture = Capture(script.open, lambda level, text: None, (1.0, 5.0))
    pauses: list[float] = []
    monkeypatch.setattr(capture._closing, "wait", pauses.append)
    capture.start()
    script.deliver(1, CameraLostError("no"), EndOfVideoError("over"))
    wait_until(lambda: script.closed == 2)
    assert pauses == [1.0, 2.0, 4.0, 5.0, 5.0, 1.0]
    capture.close()


def test_settings_reach_the_camera_between_two_frames(monkeypatch):
    monkeypatch.setattr(capture_module, "ADJUST_S", PATIENCE_S)
    script = Script()
    with capturing(script) as (capture, _), ThreadPoolExecutor(1) as pool:
        script.deliver(1)
        wait_until(lambda: capture.status().frames == 1)
        answer = pool.submit(capture.adjust, "exposure 10")
        wait_until(lambda: bool(capture._adjustments))
        script.deliver(2)
        assert answer.result(PATIENCE_S) == []
        assert script.adjusted == ["exposure 10"]
        script.refusals = ["the camera does not let its gain be set to 3"]
        answer = pool.submit(capture.adjust, "gain 3")
        wait_until(lambda: bool(capture._adjustments))
        script.deliver(3)
        assert answer.result(PATIENCE_S) == script.refusals


def test_settings_for_a_camera_that_is_silent_are_refused_and_not_made_up_for():
    script = Script()
    with capturing(script) as (capture, _):
        script.deliver(1)
        wait_until(lambda: capture.status().frames == 1)
        assert capture.adjust("exposure 10") == ["no frame came for 1 s"]
        script.deliver(2)
        wait_until(lambda: not capture._adjustments)
        assert script.adjusted == []


def test_settings_without_a_camera_are_for_when_it_comes():
    capture = Capture(Script().open, lambda level, text: None)
    assert capture.adjust("exposure 10") == []
