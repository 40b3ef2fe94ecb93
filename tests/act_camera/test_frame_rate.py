from __future__ import annotations

import pytest
from act_camera.frame_rate import FrameRateMeter

S = 1_000_000_000


def test_rate_and_intervals_of_the_last_seconds():
    meter = FrameRateMeter(window_s=5.0)
    for k in range(300):
        meter.record(k * S // 30)
    meter.record(299 * S // 30 + S // 2)
    rate = meter.snapshot(299 * S // 30 + S // 2)
    assert rate is not None
    assert rate.interval_p50_s == pytest.approx(1 / 30, abs=1e-6)
    assert rate.interval_max_s == pytest.approx(0.5)
    assert rate.rate_hz == pytest.approx((4.5 * 30 + 1) / 5.0, rel=0.01)


def test_one_frame_has_no_rate_and_silence_ends_it():
    meter = FrameRateMeter(window_s=1.0)
    meter.record(0)
    assert meter.snapshot(0) is None
    meter.record(S // 10)
    assert meter.snapshot(S // 10) is not None
    assert meter.snapshot(3 * S) is None


def test_a_clock_that_goes_back_starts_afresh():
    meter = FrameRateMeter()
    for stamp in (100 * S, 101 * S, 1 * S, 2 * S):
        meter.record(stamp)
    rate = meter.snapshot(2 * S)
    assert rate is not None
    assert rate.interval_max_s == pytest.approx(1.0)
