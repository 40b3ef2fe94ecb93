"""When pictures are taken and when they arrive."""

from __future__ import annotations

import math

import pytest
from act_core.errors import ConfigurationError
from act_sim.camera_schedule import CameraSchedule, focal_length


def run(schedule: CameraSchedule, periods: int) -> list[tuple[int, int, tuple[str, ...]]]:
    """(period of arrival, stamp, cameras) of every frame; the stamp is the period of capture."""
    return [
        (period, frame.stamp_ns, frame.cameras)
        for period in range(periods)
        for frame in schedule.frames(period, stamp_ns=period, take=lambda: None)
    ]


def test_thirty_frames_out_of_a_hundred_periods():
    arrived = run(CameraSchedule(["front"], 100, 30.0), 1000)
    assert [stamp for _, stamp, _ in arrived[:7]] == [0, 4, 7, 10, 14, 17, 20]
    assert len(arrived) == 300
    assert all(period == stamp for period, stamp, _ in arrived)


def test_every_period_and_every_third():
    assert len(run(CameraSchedule(["front"], 30, 30.0), 90)) == 90
    stamps = [stamp for _, stamp, _ in run(CameraSchedule(["front"], 300, 100.0), 12)]
    assert stamps == [0, 3, 6, 9]


def test_delayed_frames_keep_their_stamp():
    arrived = run(CameraSchedule(["front"], 100, 50.0, delay_s=0.05), 12)
    assert [(period, stamp) for period, stamp, _ in arrived] == [(5, 0), (7, 2), (9, 4), (11, 6)]


def test_lost_frames_are_counted_and_repeatable():
    first, second = (CameraSchedule(["a", "b"], 30, 30.0, loss=0.3, seed=5) for _ in range(2))
    arrived = run(first, 1000)
    pictures = sum(len(cameras) for _, _, cameras in arrived)
    assert pictures + first.lost == 2000
    assert 500 < first.lost < 700, "three tenths"
    assert arrived == run(second, 1000)


def test_no_camera_takes_no_picture():
    assert run(CameraSchedule([], 100, 30.0), 50) == []


def test_focal_length():
    assert focal_length(90.0, 480) == pytest.approx(240.0)
    assert focal_length(45.0, 480) == pytest.approx(240.0 / math.tan(math.pi / 8))


@pytest.mark.parametrize(
    ("rate_hz", "loss", "text"),
    [
        (60.0, 0.0, "camera rate is 60.0 Hz, expected above 0 and at most the control rate, 30"),
        (0.0, 0.0, "camera rate is 0.0 Hz"),
        (30.0, 1.5, "frame loss is 1.5, expected 0 to 1"),
    ],
)
def test_what_cannot_be_is_refused(rate_hz, loss, text):
    with pytest.raises(ConfigurationError, match=text):
        CameraSchedule(["front"], 30, rate_hz, loss=loss)
