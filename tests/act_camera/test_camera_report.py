from __future__ import annotations

import pytest
from act_camera.camera_report import camera_report
from act_camera.capture import CaptureStatus
from act_camera.frame_rate import FrameRate
from act_core.timing import FakeClock
from act_core.traffic import Traffic

GOOD = CaptureStatus(
    description="/dev/video0, MJPG 640x480 at 30 Hz",
    expected_hz=30.0,
    problem=None,
    warnings=(),
    age_s=0.02,
    rate=FrameRate(29.9, 0.0333, 0.036, 0.04),
    frames=1000,
    overtaken=3,
    damaged=2,
    reconnects=1,
)


def published(age_s: float = 0.01, images: int = 3) -> Traffic:
    """Images that went out, the last one so long ago."""
    clock = FakeClock()
    traffic = Traffic(clock)
    for _ in range(images):
        traffic.count()
    clock.advance(age_s)
    return traffic


@pytest.mark.parametrize(
    ("change", "level", "text"),
    [
        ({}, "ok", "frames come"),
        ({"problem": "unplugged"}, "error", "unplugged"),
        ({"age_s": 0.8}, "error", "no frame for 0.8 s"),
        ({"rate": FrameRate(14.9, 0, 0, 0)}, "warn", "14.9 frames a second, expected 30"),
        ({"warnings": ("asked for this", "got that")}, "warn", "asked for this; got that"),
    ],
)
def test_the_verdict(change, level, text):
    report = camera_report("front", GOOD._replace(**change), published(), stale_after_s=0.5)
    assert report[:3] == ("front", level, text)


def test_frames_that_nobody_gets_are_no_good_news():
    report = camera_report("front", GOOD, published(age_s=0.7), 0.5)
    assert report.level == "error"
    assert report.text == "frames come, but no image was published for 0.7 s"


def test_what_is_wrong_around_the_camera_is_a_warning():
    outside = ("simulated time has stood still for 0.6 s", "2 publishers on camera/front/image_raw")
    report = camera_report("front", GOOD, published(), 0.5, outside)
    assert (report.level, report.text) == ("warn", "; ".join(outside))


def test_the_figures():
    values = camera_report("front", GOOD, published(), 0.5)[3]
    assert values == {
        "source": "/dev/video0, MJPG 640x480 at 30 Hz",
        "expected_rate_hz": "30",
        "rate_hz": "29.90",
        "age_s": "0.020",
        "frames": "1000",
        "overtaken": "3",
        "damaged": "2",
        "reconnects": "1",
        "published": "3",
        "published_rate_hz": "3.0",
        "published_age_s": "0.010",
        "interval_p50_ms": "33.3",
        "interval_p99_ms": "36.0",
        "interval_max_ms": "40.0",
    }


def test_before_the_first_frame_nothing_is_made_up():
    never = CaptureStatus("", None, "not opened yet", (), None, None, 0, 0, 0, 0)
    values = camera_report("front", never, published(images=0), 0.5)[3]
    assert (values["expected_rate_hz"], values["age_s"]) == ("unknown", "unknown")
