"""Who had the arm, from the bag to the dataset: for each frame, and no frame is lost."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from act_core import topics
from act_core.robots.so101 import JOINT_NAMES
from act_record.bag_reader import open_bag
from act_record.contract import CONTRACT, contract_text
from act_record.timeline import Timeline
from act_record.verdict import judge
from act_training.datasets.bag.source import BagSource
from act_training.datasets.episode_file import episode_path, read_episode, write_episode
from act_training.datasets.errors import DatasetError
from act_training.datasets.source import Declared
from act_training.export_lerobot import check_stamps

from tests.act_record import bags
from tests.act_record.bags import T0

CONTRACTS = {CONTRACT: contract_text("wave", ("front", "wrist"), "raw", 30.0, JOINT_NAMES)}
LENGTH_S = 8.0


def switches(seed: int) -> list[tuple[float, str]]:
    """At random, a person, sometimes nobody, and the policy again."""
    rng = np.random.default_rng(seed)
    found, t = [], 0.5
    while t < LENGTH_S - 0.5:
        found.append((t, "person"))
        if rng.random() < 0.3:
            found.append((t + 0.2, "nobody"))
        found.append((t + 0.35, "policy"))
        t += rng.uniform(0.4, 1.0)
    return found


@pytest.fixture(scope="module", params=range(3))
def recorded(request, tmp_path_factory):
    """A bag with its switches."""
    folder = tmp_path_factory.mktemp("taken") / "run"
    when = switches(request.param)
    bags.write_bag(folder, bags.taken_over(LENGTH_S, when), CONTRACTS)
    return folder, when


def test_every_frame_says_whether_a_person_had_the_arm_and_none_is_lost(recorded):
    folder, when = recorded
    episode = BagSource([folder], Declared()).read(0)
    check_stamps(episode)  # consecutive
    assert len(episode) >= 30 * LENGTH_S - 4
    seconds = (episode.stamps_ns - T0) / 1e9
    for t, taken, action in zip(seconds, episode.intervention, episode.actions, strict=True):
        now = next((name for since, name in reversed(when) if since <= t), "policy")
        assert taken == (now == "person")
        # The command in force is up to a period old, and may be of the owner before.
        expected = [bags.target(t) + extra for extra in (0.0, 0.1)]
        assert min(np.abs(action - one).max() for one in expected) < 0.02
        if not any(0 <= t - since < 0.011 for since, _ in when):
            right = bags.target(t) + (0.0 if now == "policy" else 0.1)
            assert np.abs(action - right).max() < 0.02


def test_what_the_policy_sent_meanwhile_was_not_followed(recorded):
    folder, _ = recorded
    timeline = Timeline.of(open_bag(folder))
    followed = timeline.followed()
    stamps = [sample.stamp_ns for sample in followed]
    assert len(followed) == len(timeline.commands[topics.JOINT_COMMANDS.name])
    assert stamps == sorted(stamps)
    assert judge(timeline, 30.0).keep


def test_only_a_person_s_commands_are_a_demonstration_too(tmp_path):
    """A leader without a policy: nothing is on joint_commands."""
    messages = [
        message
        for message in bags.taken_over(3.0, [(0.0, "person")])
        if message.topic != f"/{topics.JOINT_COMMANDS.name}"
    ]
    bags.write_bag(tmp_path / "run", messages, CONTRACTS)
    assert judge(Timeline.of(open_bag(tmp_path / "run")), 30.0).keep
    episode = BagSource([tmp_path / "run"], Declared()).read(0)
    assert episode.intervention.all()


def test_the_file_keeps_it_and_older_files_say_no(tmp_path, make_episode):
    episode = make_episode(seed=3)
    assert not episode.intervention.any()
    path = write_path(tmp_path, episode)
    with h5py.File(path) as file:
        assert "intervention" not in file, "as it was before there were any"
    assert not read_episode(path).intervention.any()


def test_a_column_of_another_length_is_refused(tmp_path, make_episode):
    episode = make_episode(seed=3)
    path = write_path(tmp_path, episode)
    with h5py.File(path, "r+") as file:
        file["intervention"] = np.ones(len(episode) + 1, dtype=np.uint8)
    with pytest.raises(DatasetError, match="intervention have shape"):
        read_episode(path)


def write_path(folder, episode):
    path = episode_path(folder, episode.seed)
    write_episode(path, episode)
    return path
