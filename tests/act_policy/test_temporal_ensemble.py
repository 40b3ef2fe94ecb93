from __future__ import annotations

import numpy as np
import pytest
from act_policy.chunk import Chunk
from act_policy.temporal_ensemble import TemporalEnsemble
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.act_policy.reference_ensemble import ReferenceEnsemble

MS = 1_000_000


def constant(stamp_ms: int, value: float, rows: int = 4, rate_hz: float = 10.0) -> Chunk:
    return Chunk(stamp_ms * MS, rate_hz, np.full((rows, 1), value))


def test_the_example_of_the_docstring():
    ensemble = TemporalEnsemble(m=0.0)
    arrivals = {0: 1.0, 100: 2.0, 300: 6.0}
    means = []
    for t_ms in (0, 100, 200, 300, 400):
        if t_ms in arrivals:
            ensemble.add(constant(t_ms, arrivals[t_ms]))
        ensemble.expire(t_ms * MS)
        means.append(ensemble.target(t_ms * MS).item())
    assert means == pytest.approx([1.0, 1.5, 1.5, 3.0, 4.0])


def test_the_oldest_prediction_weighs_most():
    ensemble = TemporalEnsemble(m=1.0)
    ensemble.add(constant(0, 0.0))
    ensemble.add(constant(100, 1.0))
    newest = np.exp(-1.0) / (1 + np.exp(-1.0))
    assert ensemble.target(150 * MS).item() == pytest.approx(newest)


def test_late_arrival_changes_nothing_but_the_membership():
    """Chunks are ordered by what they saw, not by when they came."""
    in_order, swapped = TemporalEnsemble(0.5), TemporalEnsemble(0.5)
    first, second = constant(0, 1.0), constant(100, 3.0)
    for ensemble, chunks in ((in_order, (first, second)), (swapped, (second, first))):
        for chunk in chunks:
            ensemble.add(chunk)
    assert in_order.target(150 * MS) == pytest.approx(swapped.target(150 * MS))
    assert in_order.newest is second is swapped.newest


def test_rows_are_interpolated_by_time():
    ensemble = TemporalEnsemble()
    ensemble.add(Chunk(0, 10.0, np.array([[1.0], [2.0], [4.0]])))
    assert ensemble.target(150 * MS).item() == pytest.approx(3.0)
    assert ensemble.target(250 * MS).item() == pytest.approx(4.0)
    ensemble.expire(299 * MS)
    assert ensemble.live == 1
    ensemble.expire(300 * MS)
    assert ensemble.live == 0
    assert ensemble.newest is None


def test_a_last_row_that_only_holds_has_no_say_among_others():
    """Three chunks of one straight motion: the mean is on it at all times, also while one ends."""
    ensemble = TemporalEnsemble()
    for stamp_ms in (0, 40, 90):
        ensemble.add(Chunk(stamp_ms * MS, 10.0, (stamp_ms / 1000 + 0.1 * np.arange(4))[:, None]))
    for t_ms in range(90, 391):
        ensemble.expire(t_ms * MS)
        assert ensemble.target(t_ms * MS).item() == pytest.approx(t_ms / 1000)
    ensemble.expire(450 * MS)
    assert ensemble.target(450 * MS).item() == pytest.approx(0.39)


def test_top_speed_is_that_of_the_fastest_live_chunk():
    ensemble = TemporalEnsemble()
    ensemble.add(Chunk(0, 10.0, np.array([[0.0, 0.0], [0.3, -0.1]])))
    ensemble.add(Chunk(100 * MS, 10.0, np.array([[0.0, 0.0], [0.1, -0.2]])))
    assert ensemble.top_speed() == pytest.approx([3.0, 2.0])
    ensemble.expire(200 * MS)
    assert ensemble.top_speed() == pytest.approx([1.0, 2.0])


def test_capacity_drops_the_oldest():
    ensemble = TemporalEnsemble(m=0.0, capacity=2)
    for stamp_ms, value in ((0, 100.0), (1, 1.0), (2, 3.0)):
        ensemble.add(constant(stamp_ms, value))
    assert ensemble.live == 2
    assert ensemble.target(2 * MS).item() == pytest.approx(2.0)
    with pytest.raises(ValueError, match="capacity must be at least 1 chunk, got 0"):
        TemporalEnsemble(capacity=0)


def test_no_m_overflows():
    ensemble = TemporalEnsemble(m=-50.0)
    for step in range(40):
        ensemble.add(constant(100 * step, float(step), rows=50))
    assert ensemble.target(3900 * MS).item() == pytest.approx(39.0)


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    chunk_size=st.integers(1, 8),
    m=st.floats(-0.5, 1.0),
    rate_hz=st.sampled_from([7.0, 10.0, 30.0, 50.0]),
)
def test_equals_the_paper_also_when_inferences_are_missing(data, chunk_size, m, rate_hz):
    """Same answers as the paper's table at every step, with any set of steps without a chunk."""
    steps = data.draw(st.integers(1, 25))
    infers = [True, *(data.draw(st.booleans()) for _ in range(steps - 1))]
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    ensemble, reference = TemporalEnsemble(m), ReferenceEnsemble(chunk_size, m)
    since = 0
    for step in range(steps):
        t_ns = round(step * 1e9 / rate_hz)
        since = 0 if infers[step] else since + 1
        rows = random.normal(size=(chunk_size, 3)) if infers[step] else None
        if rows is not None:
            ensemble.add(Chunk(t_ns, rate_hz, rows))
        ensemble.expire(t_ns)
        if since >= chunk_size:  # no prediction covers this step: neither has an answer
            assert ensemble.live == 0
            return
        np.testing.assert_allclose(ensemble.target(t_ns), reference.step(rows), atol=1e-6)
