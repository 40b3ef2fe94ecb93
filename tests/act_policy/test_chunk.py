from __future__ import annotations

import numpy as np
import pytest
from act_policy.chunk import Chunk
from act_policy.chunk_buffer import ChunkBuffer
from hypothesis import given
from hypothesis import strategies as st

MS = 1_000_000


def chunk(stamp_ms: int = 0) -> Chunk:
    """The example of the docstring."""
    return Chunk(stamp_ms * MS, 10.0, np.array([[1.0], [2.0], [4.0]]))


@pytest.mark.parametrize(
    ("t_ms", "target"),
    [(-50, 1.0), (0, 1.0), (50, 1.5), (100, 2.0), (150, 3.0), (200, 4.0), (250, 4.0), (900, 4.0)],
)
def test_target_by_time(t_ms, target):
    assert chunk().target(t_ms * MS).item() == pytest.approx(target)


def test_the_last_row_holds_for_one_period():
    assert chunk().predicts(200 * MS)
    assert not chunk().predicts(201 * MS)
    assert chunk().covers(299 * MS)
    assert not chunk().covers(300 * MS)


def test_a_single_row_is_a_constant():
    single = Chunk(0, 10.0, np.array([[5.0]]))
    assert single.target(70 * MS).item() == 5.0
    assert single.top_speed == pytest.approx([0.0])


def test_rows_cannot_be_changed_from_outside():
    rows = np.zeros((2, 1))
    made = Chunk(0, 10.0, rows)
    rows[:] = 9.0
    assert made.rows.max() == 0.0
    with pytest.raises(ValueError, match="read-only"):
        made.rows[0] = 1.0


@given(
    t_ms=st.integers(-100, 500),
    dt_ms=st.integers(0, 200),
    rows=st.lists(st.floats(-3, 3), min_size=1, max_size=6),
)
def test_never_faster_than_its_top_speed(t_ms, dt_ms, rows):
    made = Chunk(0, 10.0, np.array(rows)[:, None])
    moved = np.abs(made.target((t_ms + dt_ms) * MS) - made.target(t_ms * MS))
    assert (moved <= made.top_speed * dt_ms / 1000 + 1e-9).all()


def test_buffer_keeps_the_chunk_with_the_newest_observation():
    buffer = ChunkBuffer()
    assert buffer.live == 0
    buffer.add(chunk(100))
    buffer.add(chunk(0))
    assert buffer.newest.stamp_ns == 100 * MS
    assert buffer.target(200 * MS).item() == pytest.approx(2.0)
    assert buffer.top_speed() == pytest.approx([20.0])
    buffer.expire(400 * MS)
    assert buffer.newest is None


def test_open_loop_wants_the_next_inference_after_its_rows():
    buffer = ChunkBuffer(open_loop_rows=2)
    assert buffer.wants_inference(0)
    buffer.add(chunk())
    assert not buffer.wants_inference(199 * MS)
    assert buffer.wants_inference(200 * MS)
    assert ChunkBuffer().wants_inference(0)
