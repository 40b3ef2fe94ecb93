"""`ros2 launch act_bringup record_sim.launch.py` as typed, and what becomes of its bags."""

from __future__ import annotations

import numpy as np
from act_record.bag_reader import open_bag
from act_record.timeline import Timeline
from act_training.datasets.bag.source import BagSource
from act_training.datasets.source import Declared
from act_training.export_lerobot import check_stamps

from tests.launches import finish, launch


def record(*arguments: str) -> str:
    return finish(launch("record_sim.launch.py", *arguments))


def test_the_expert_is_recorded_through_ros(tmp_path):
    output = record("task:=reach", "episodes:=2", "pacing:=lockstep", "width:=64", "height:=48",
                    f"out:={tmp_path}")  # fmt: skip
    folders = sorted(tmp_path.iterdir())
    assert [folder.name for folder in folders] == ["episode_000000", "episode_000001"], output
    assert "2 episodes in" in output
    for folder in folders:
        bag = open_bag(folder)
        assert bag.is_whole
        assert bag.outcome()["success"] is True
        timeline = Timeline.of(bag)
        assert timeline.cameras == ("front", "wrist")
        assert {"joint_commands", "joint_commands/applied"} <= set(timeline.commands)
        assert timeline.counts["camera/front/camera_info"] > 20
    source = BagSource(folders, Declared())
    assert source.names == ["episode_000000", "episode_000001"]
    for position in range(2):
        episode = source.read(position)
        check_stamps(episode)
        assert (episode.task, episode.success) == ("so101/reach", True)
        assert len(episode) > 20
        assert np.ptp(episode.joints, axis=0).max() > 0.1
        # The arm follows its commands: it ends near where it was sent.
        assert np.abs(episode.joints[-1] - episode.actions[-1]).max() < 0.2
    counts = source.statistics["episode_000000"]
    assert counts["observations"] - counts["kept"] <= 2  # at rest before the first command


def test_a_wrong_argument_ends_the_launch(tmp_path):
    output = record("task:=rech", f"out:={tmp_path}")
    assert "unknown task 'rech'; did you mean 'reach'" in output
