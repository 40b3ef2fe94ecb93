"""What becomes of episodes after they were recorded; and that nothing is gone by mistake."""

from __future__ import annotations

import json
import os

import av
import numpy as np
import pytest
from act_core import topics
from act_core.errors import ConfigurationError
from act_record import episodes
from act_record.bag_reader import find_bags, open_bag
from act_record.bag_topics import bag_topic
from act_record.cli import main
from act_record.episode_recorder import EpisodeRecorder
from act_record.timeline import Timeline

from tests.act_record import bags


@pytest.fixture
def out(tmp_path):
    """Three recordings of two seconds."""
    for number in range(3):
        folder = tmp_path / f"episode_{number:06d}"
        latched = bags.status(bags.T0, "begins", seed=7)
        bags.write_bag(folder, [latched, *bags.episode(2.0)], {"calibration.json": "{}"})
        verdict = {"length_s": 2.0, "keep": number != 1, "problems": ["too dark"] * (number == 1)}
        (folder / "episode.json").write_text(json.dumps({"task": "wipe", "verdict": verdict}))
    return tmp_path


def names(out) -> list[str]:
    return [folder.name for folder in find_bags([out])]


def test_what_is_in_the_bin_is_no_recording_and_comes_back_as_it_was(out):
    folder = out / "episode_000001"
    before = (folder / "episode_000001_0.mcap").read_bytes()
    episodes.trash(folder)
    assert names(out) == ["episode_000000", "episode_000002"]
    assert episodes.in_bin(out) == ["episode_000001"]
    assert episodes.restore(out, "episode_000001") == folder
    assert (folder / "episode_000001_0.mcap").read_bytes() == before
    assert episodes.in_bin(out) == []


def test_one_that_has_the_place_goes_in_when_another_comes_out(out):
    folder = out / "episode_000001"
    whole = open_bag(folder).size_bytes
    episodes.trim(folder, 0.5, 1.5)
    part = open_bag(folder).size_bytes
    assert part < whole
    episodes.restore(out, "episode_000001")
    assert open_bag(folder).size_bytes == whole
    (binned,) = episodes.in_bin(out)
    episodes.restore(out, binned)
    assert open_bag(folder).size_bytes == part


def test_emptying_the_bin_is_for_good(out):
    episodes.trash(out / "episode_000001")
    assert episodes.empty_bin(out) == 1
    assert episodes.empty_bin(out) == 0
    with pytest.raises(ConfigurationError, match="in the bin: nothing"):
        episodes.restore(out, "episode_000001")


def test_a_new_recording_takes_the_number_of_none_that_could_come_back(out):
    episodes.trash(out / "episode_000002")
    recorder = EpisodeRecorder(out, [bag_topic(topics.JOINT_STATES, "/joint_states")])
    assert recorder.start().name == "episode_000003"
    recorder.discard()
    assert episodes.in_bin(out) == ["episode_000002", "episode_000003"]


def test_trimming_keeps_the_messages_of_that_time_and_what_was_latched(out):
    folder = out / "episode_000000"
    before = {(m.topic, m.log_ns): bytes(m.data) for m in open_bag(folder).messages()}
    old = episodes.trim(folder, 0.5, 1.5)
    assert old == out / ".bin" / "episode_000000"
    bag = open_bag(folder)
    assert bag.is_whole
    assert not bag.notes
    assert bag.attachments() == {"calibration.json": "{}"}
    kept = [(m.topic, m.log_ns, bytes(m.data)) for m in bag.messages()]
    first_ns = min(log_ns for _, log_ns in before) + 500_000_000
    assert {(t, n) for t, n, _ in kept if t != "/episode/status"} == {
        (t, n) for t, n in before if first_ns <= n <= first_ns + 1_000_000_000
    }
    assert all(before[t, n] == data for t, n, data in kept if t != "/episode/status")
    ((_, status_ns, status),) = [entry for entry in kept if entry[0] == "/episode/status"]
    assert status_ns == first_ns
    assert status in before.values()
    outcome = bag.outcome()
    assert outcome["task"] == "wipe"
    assert outcome["trimmed_s"] == [0.5, 1.5]
    assert outcome["verdict"]["length_s"] == pytest.approx(1.0, abs=0.02)
    assert Timeline.of(bag).length_s == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(("begin_s", "end_s"), [(2.5, None), (1.0, 1.0), (-1.0, 1.0), (1.5, 0.5)])
def test_a_trim_that_leaves_nothing_is_refused(out, begin_s, end_s):
    folder = out / "episode_000000"
    with pytest.raises(ConfigurationError, match=r"episode_000000 is 2.0 s long"):
        episodes.trim(folder, begin_s, end_s)
    assert names(out) == ["episode_000000", "episode_000001", "episode_000002"]
    assert episodes.in_bin(out) == []


def test_a_trim_that_was_killed_has_lost_nothing(out, monkeypatch):
    """The new recording is complete before the old one moves; whatever the moment, one is there."""
    folder = out / "episode_000000"
    calls = []

    def killed(*arguments, **options):
        calls.append(arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(episodes, "to_bin", killed)
    with pytest.raises(KeyboardInterrupt):
        episodes.trim(folder, 0.5, 1.5)
    assert calls
    monkeypatch.undo()
    assert open_bag(folder).is_whole
    episodes.trim(folder, 0.5, 1.5)
    assert "episode_000000" in names(out)


def test_what_a_person_says_counts(out):
    folder = out / "episode_000001"
    assert [e.said for e in episodes.episodes_in(out)] == ["kept", "redo", "kept"]
    episodes.relabel(folder, keep=True, success=False)
    assert [e.said for e in episodes.episodes_in(out)] == ["kept", "failed", "kept"]
    assert episodes.episodes_in(out)[1].outcome["task"] == "wipe"


def test_a_damaged_recording_is_listed_with_its_problem(out):
    (out / "episode_000001/episode.json").write_text("{")
    (episode,) = [e for e in episodes.episodes_in(out) if e.problem]
    assert (episode.name, episode.said) == ("episode_000001", "redo")
    assert "is damaged" in episode.problem


def one(number: int, **verdict: float) -> episodes.Episode:
    return episodes.Episode(episodes.Path(f"e{number}"), 0, {"verdict": {"keep": True, **verdict}})


def test_what_stands_out_is_named_with_the_figure_and_the_usual_one():
    lengths = [10.0, 10.2, 9.8, 10.1, 9.9, 10.3, 9.7, 10.0, 25.0]
    found = episodes.unusual([one(k, length_s=x) for k, x in enumerate(lengths)])
    assert found == {"e8": ["long: 25 (10)"]}
    short = episodes.unusual([one(k, length_s=x) for k, x in enumerate([*lengths[:-1], 2.0])])
    assert short == {"e8": ["not long: 2 (10)"]}


def test_few_or_equal_episodes_have_nothing_unusual():
    assert episodes.unusual([one(k, length_s=x) for k, x in enumerate([1.0, 1.1, 50.0])]) == {}
    assert episodes.unusual([one(k, length_s=1.0) for k in range(20)]) == {}


def test_a_film_shows_both_cameras_for_as_long_as_it_took(out):
    path = episodes.film(out / "episode_000000", out / "films")
    with av.open(str(path)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert frames[0].shape == (480, 640, 3)
    assert len(frames) == pytest.approx(60, abs=2)
    assert not np.array_equal(frames[0], frames[-1])
    without = out / "no_pictures"
    bags.write_bag(without, [m for m in bags.episode(0.5) if "camera" not in m.topic])
    assert episodes.film(without, out / "films") is None


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["show", "{out}"], 0, "episode_000001  redo      2.0 s"),
        (["show", "{out}/nowhere"], 2, "there is no folder"),
        (["trash", "{out}/episode_000007"], 2, "there is no episode"),
        (["trash", "{out}"], 2, "is no episode: there is no bag in it"),
        (["trash", "{out}/episode_000000"], 0, "next: act-record restore"),
        (["restore", "{out}/episode_000000"], 2, "in the bin: nothing"),
        (["relabel", "{out}/episode_000000"], 2, "say what: --success"),
        (["relabel", "{out}/episode_000000", "--failure"], 0, "success is False"),
        (["trim", "{out}/episode_000000", "--from", "1"], 0, "is trimmed; as it was"),
        (["trim", "{out}/episode_000000", "--from", "nan"], 2, "nothing of it is between"),
        (["empty", "{out}"], 0, "0 episodes are gone"),
        (["film", "{out}/episode_000000"], 0, "films/episode_000000.mp4"),
    ],
)
def test_the_commands(out, capsys, arguments, code, says):
    assert main([argument.format(out=out) for argument in arguments]) == code
    said = capsys.readouterr()
    assert says in said.out + said.err
    assert os.linesep * 2 not in said.err
