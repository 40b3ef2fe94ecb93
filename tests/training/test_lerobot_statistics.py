from __future__ import annotations

import numpy as np
import pytest
from act_training.datasets.lerobot.statistics import (
    image_histogram,
    image_stats,
    sample_rows,
    vector_stats,
)
from hypothesis import given
from hypothesis import strategies as st


def test_vector_statistics():
    stats = vector_stats(np.array([[0.0, 10.0], [2.0, 10.0], [4.0, 10.0]]))
    assert stats["mean"].tolist() == [2.0, 10.0]
    assert stats["q50"].tolist() == [2.0, 10.0]
    assert stats["std"].tolist() == [pytest.approx((8 / 3) ** 0.5), 0.0]
    assert stats["count"].tolist() == [3]
    assert vector_stats(np.arange(5))["max"].shape == (1,)


@given(levels=st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=40))
def test_image_statistics_are_those_of_the_pixels(levels):
    frames = np.array(levels, dtype=np.uint8).reshape(1, -1, 1, 3)
    pixels = frames.reshape(-1, 3) / 255
    stats = image_stats(image_histogram(frames), 1)
    for name, exact in (("min", pixels.min(0)), ("max", pixels.max(0)), ("mean", pixels.mean(0)),
                        ("std", pixels.std(0))):  # fmt: skip
        np.testing.assert_allclose(stats[name].ravel(), exact, atol=1e-7)
    for name, q in (("q10", 0.1), ("q50", 0.5), ("q99", 0.99)):
        exact = np.quantile(pixels, q, axis=0, method="inverted_cdf")
        np.testing.assert_allclose(stats[name].ravel(), exact, atol=1e-9)


@given(count=st.integers(1, 200_000))
def test_sampled_rows(count):
    chosen = sample_rows(count)
    assert chosen[0] == 0
    assert chosen[-1] == count - 1
    assert (
        len(np.unique(chosen)) == len(chosen) == min(count, max(100, min(int(count**0.75), 10_000)))
    )
