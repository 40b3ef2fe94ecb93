from __future__ import annotations

import pytest
from act_core.intervals import paired_p, two_proportion_p, wilson_interval
from hypothesis import given
from hypothesis import strategies as st


def test_wilson_known_values():
    """The docstring's example, and the ends (rule of three does not apply, the score does)."""
    assert wilson_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson_interval(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson_interval(100, 100) == pytest.approx((0.9630, 1.0), abs=1e-4)


@given(data=st.data(), trials=st.integers(1, 1000))
def test_wilson_contains_the_share(data, trials):
    successes = data.draw(st.integers(0, trials))
    low, high = wilson_interval(successes, trials)
    assert 0.0 <= low <= successes / trials <= high <= 1.0


@pytest.mark.parametrize(("successes", "trials"), [(1, 0), (3, 2), (-1, 2)])
def test_wilson_refuses(successes, trials):
    with pytest.raises(ValueError, match=f"{successes} successes of {trials} trials"):
        wilson_interval(successes, trials)


def test_two_proportions():
    assert two_proportion_p(87, 100, 70, 100) == pytest.approx(0.00343, abs=1e-5)
    assert two_proportion_p(5, 10, 5, 10) == pytest.approx(1.0)
    assert two_proportion_p(10, 10, 10, 10) == 1.0


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 5, 1.0), (10, 2, 0.03857), (2, 10, 0.03857), (17, 0, 2 / 2**17)],
)
def test_paired(only_a, only_b, p):
    """As scipy.stats.binomtest(min, only_a + only_b)."""
    assert paired_p(only_a, only_b) == pytest.approx(p, abs=1e-5 if p > 1e-3 else 1e-12)
