"""What act-report tells of take-overs: counts with known answers, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from act_training.datasets.interventions import (
    count_interventions,
    format_interventions,
    grasps_of,
)
from act_training.datasets.report import describe_dataset, format_report

RATE_HZ = 10.0


def taken(*spans: tuple[int, int], steps: int = 100) -> np.ndarray:
    column = np.zeros(steps, dtype=bool)
    for begin, end in spans:
        column[begin:end] = True
    return column


@pytest.fixture
def corrected(make_episode):
    """Four episodes of 10 s: none, one, one and two take-overs."""
    columns = [taken(), taken((20, 40)), taken((90, 100)), taken((10, 20), (50, 60))]
    return [make_episode(seed=k, steps=100, intervention=c) for k, c in enumerate(columns)]


def test_the_counts_and_shares_are_those_of_the_columns(corrected):
    found = count_interventions(corrected)
    rate_hz = corrected[0].features.rate_hz
    assert found.counts.tolist() == [0, 1, 1, 2]
    assert found.alone == 1
    assert found.autonomous == pytest.approx(1 - 50 / 400)
    mean, low, high = found.per_episode
    assert mean == 1.0
    assert high - mean == pytest.approx(1.96 * np.std([0, 1, 1, 2], ddof=1) / 2)
    assert low == pytest.approx(2 - high)
    between, least, most = found.between_s
    assert between == pytest.approx(350 / rate_hz / 4)
    assert least < between < most


def test_the_report_says_it_in_words(corrected):
    text = format_report(describe_dataset(corrected))
    assert "take-overs  4 in 4 episodes, 1.00 an episode (0.20 to 1.80)" in text
    assert "alone       1 of 4 (5% to 70%) of the episodes, 87.5% of the time" in text


def test_demonstrations_say_nothing_of_take_overs(make_episode):
    own = count_interventions([make_episode(seed=0)])
    assert format_interventions(own) == []
    assert own.between_s is None
    by_hand = count_interventions([make_episode(seed=0, intervention=np.ones(12, dtype=bool))])
    assert format_interventions(by_hand) == []


def test_grasps_are_tried_and_won():
    opened, cube, nothing = [0.9] * 10, [0.2] * 10, [0.0] * 10
    closing = [0.7, 0.5]
    way = np.array([*opened, *closing, 0.3, *nothing, *opened, *closing, *cube])
    found = grasps_of(way, RATE_HZ)
    assert [won for _, won in found] == [False, True]
    assert grasps_of(np.array(nothing * 3), RATE_HZ) == [], "it was never open"
    assert grasps_of(np.array(opened * 3), RATE_HZ) == [], "it never closed"
