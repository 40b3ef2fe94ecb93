"""Films keep the time of their pictures; the picture of the plans needs plans."""

from __future__ import annotations

import av
import numpy as np
import pytest
from act_record.film import Film, compose
from act_record.plan_figure import draw_plans
from act_record.plan_log import PlanLog

MS = 1_000_000


def picture(value: int, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), value, dtype=np.uint8)


def frames(path) -> list[float]:
    with av.open(str(path)) as container:
        decoded = container.decode(video=0)
        return [float(frame.to_ndarray(format="rgb24").mean()) for frame in decoded]


def film_of(path, stamps_ms: list[int]) -> list[float]:
    film = Film(path, rate_hz=30)
    for number, stamp in enumerate(stamps_ms):
        film.add(stamp * MS, picture(40 * number + 20))
    film.close()
    assert film.length_s == pytest.approx(film.frames / 30)
    return frames(path)


@pytest.mark.parametrize(
    ("stamps_ms", "shown"),
    [
        ([1000, 1033, 1067], [0, 1, 2]),
        ([1000, 1033, 1100, 1133], [0, 1, 1, 2, 3]),  # one is missing: the one before stays
        ([1000, 1005, 1033], [0, 2]),  # two for one frame: the first is shown
        ([1000, 1033, 90_000, 90_033], [0, 1, 2, 3]),  # a new scene, without 89 s of stillness
        ([90_000, 90_033, 1000, 1033], [0, 1, 2, 3]),  # a clock that starts again
    ],
)
def test_time(tmp_path, stamps_ms, shown):
    values = film_of(tmp_path / "a/film.mp4", stamps_ms)
    assert values == pytest.approx([40 * number + 20 for number in shown], abs=4)


def test_no_picture_leaves_no_file(tmp_path):
    Film(tmp_path / "film.mp4").close()
    assert list(tmp_path.iterdir()) == []


def test_others_are_inset_and_the_first_stays_as_it_is():
    first = picture(10, 60, 90)
    scene = compose([first, picture(200, 48, 64), picture(100)], "")
    assert (scene[:20, 60:] == 200).all()
    assert (scene[20:40, 60:] == 100).all()
    assert (scene[:, :60] == 10).all()
    assert (first == 10).all()
    assert (compose([first], "episode 1") != first).any()


def test_values_are_taken_by_name():
    log = PlanLog(("a", "b"))
    ordered = log.ordered(("b", "c", "a"), np.array([[1.0, 2.0, 3.0]]))
    assert ordered.tolist() == [[3.0, 1.0]]
    assert np.isnan(log.ordered(("a",), np.array([3.0]))[1])


def test_the_picture_of_an_episode(tmp_path):
    log = PlanLog(("a", "b"))
    with pytest.raises(ValueError, match="no chunks or no commands"):
        draw_plans(log, "empty", tmp_path / "plans.png")
    for k in range(200):
        target = np.array([np.sin(k / 30), 0.1])
        log.commanded.append((k * 10 * MS, target))
        log.measured.append((k * 10 * MS, target - 0.02))
    rows = np.stack([np.sin(np.arange(50) / 9), np.full(50, 0.1)], axis=1)
    log.chunks.append((np.arange(50, dtype=np.int64) * 33 * MS, rows))
    draw_plans(log, "one episode", tmp_path / "b/plans.png")
    assert (tmp_path / "b/plans.png").stat().st_size > 20_000
