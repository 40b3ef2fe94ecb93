"""Episodes as the page handles them: by name, within their folder, and nothing is lost."""

from __future__ import annotations

import json

import av
import numpy as np
import pytest
from act_console.shelf import Shelf
from act_core.errors import ConfigurationError

from tests.act_record import bags

pytest.importorskip("rclpy", reason="run `make setup`: rclpy is not installed")


@pytest.fixture
def shelf(tmp_path):
    """Two recordings of two seconds, and a file and an episode that are none of its business."""
    out = tmp_path / "recordings"
    for number in range(2):
        folder = out / f"episode_{number:06d}"
        bags.write_bag(folder, bags.episode(2.0), {})
        verdict = {"length_s": 2.0, "keep": number == 0, "problems": ["too dark"] * number}
        (folder / "episode.json").write_text(json.dumps({"task": "wipe", "verdict": verdict}))
    bags.write_bag(tmp_path / "elsewhere" / "episode_000009", bags.episode(1.0), {})
    (tmp_path / "secret.mp4").write_text("secret")
    return Shelf(out, tmp_path / "films")


def names(shelf) -> list[str]:
    return [row["name"] for row in shelf.rows()]


def test_a_row_says_what_a_person_asks(shelf):
    first, second = shelf.rows()
    assert (first["said"], first["length"], first["task"]) == ("kept", "2.0 s", "wipe")
    assert (second["said"], second["why"]) == ("redo", "too dark")
    json.dumps([first, second], allow_nan=False)


def test_there_and_back(shelf):
    assert "bin" in shelf.trash("episode_000000")
    assert (names(shelf), shelf.bin()) == (["episode_000001"], ["episode_000000"])
    shelf.restore("episode_000000")
    assert (names(shelf), shelf.bin()) == (["episode_000000", "episode_000001"], [])


def test_a_cut_keeps_the_whole_in_the_bin(shelf):
    shelf.trim("episode_000000", 0.5, 1.5)
    assert shelf.rows()[0]["length"] == "1.0 s"
    assert len(shelf.bin()) == 1
    with pytest.raises(ConfigurationError, match="nothing of it is between"):
        shelf.trim("episode_000000", 7.0, 8.0)


def test_what_a_person_says_of_it(shelf):
    shelf.mark("episode_000000", False)
    assert shelf.rows()[0]["said"] == "failed"


def test_a_film_of_an_episode_and_a_new_one_after_a_cut(shelf):
    before = shelf.film("episode_000000")
    assert shelf.film("episode_000000") == before
    with av.open(str(before)) as film:
        assert sum(1 for _ in film.decode(video=0)) > 20
    shelf.trim("episode_000000", 0.5, 1.5)
    assert shelf.film("episode_000000") != before


@pytest.mark.parametrize(
    "name",
    ["../elsewhere/episode_000009", "..", ".", "", "/etc", "episode_000000/..", ".bin",
     "../secret", "episode_000007", "\0"],
)  # fmt: skip
def test_nothing_outside_of_the_folder_is_touched_or_shown(shelf, tmp_path, name):
    for work in (shelf.trash, shelf.film, shelf.restore,
                 lambda n: shelf.trim(n, 0.0, 1.0), lambda n: shelf.mark(n, True)):  # fmt: skip
        with pytest.raises(ConfigurationError, match="there is no"):
            work(name)
    assert names(shelf) == ["episode_000000", "episode_000001"]
    assert (tmp_path / "elsewhere" / "episode_000009").is_dir()


def test_a_folder_that_is_not_there_yet_is_empty(tmp_path):
    shelf = Shelf(tmp_path / "nothing", tmp_path)
    assert (shelf.rows(), shelf.bin()) == ([], [])


def test_a_damaged_episode_is_named_with_what_is_wrong(shelf):
    (shelf.folder / "episode_000000" / "episode_000000_0.mcap").write_bytes(b"not a bag")
    for work in (shelf.film, lambda name: shelf.trim(name, 0.0, 1.0)):
        with pytest.raises(ConfigurationError, match="episode_000000"):
            work("episode_000000")
    assert names(shelf) == ["episode_000000", "episode_000001"]


def test_a_track_is_what_was_measured_and_sent_in_the_time_of_its_film(shelf):
    track = shelf.track("episode_000000")
    json.dumps(track, allow_nan=False)
    assert list(track["names"]) == list(bags.JOINT_NAMES)
    q = np.array(track["q"])
    assert len(q) == pytest.approx(2.0 * track["rate_hz"], abs=1)
    late_s = 0.04  # the arm of these recordings
    times = np.arange(len(q)) / track["rate_hz"]
    expected = np.array([bags.target(t - late_s) for t in times])
    assert q[4:] == pytest.approx(expected[4:], abs=0.02)
    assert track["film_s"] == pytest.approx(0.0, abs=0.04)


def test_a_track_tells_who_had_the_arm(shelf):
    bags.write_bag(shelf.folder / "helped", bags.taken_over(2.0, [(0.5, "person")]), {})
    track = shelf.track("helped")
    assert [0.5, "person"] in track["owners"]
    assert len(track["a"]) == len(track["q"])


def test_what_has_no_track_says_so(shelf):
    for name in ("../elsewhere/episode_000009", "..", "", "none"):
        with pytest.raises(ConfigurationError, match="there is no episode"):
            shelf.track(name)
    pictures = [bags.image("front", bags.T0 + k * 33 * bags.MS, bags.picture(k)) for k in range(9)]
    bags.write_bag(shelf.folder / "blind", pictures, {})
    with pytest.raises(ConfigurationError, match="blind: no joints were recorded"):
        shelf.track("blind")
