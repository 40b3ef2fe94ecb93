"""`ros2 launch act_bringup correct_sim.launch.py` as a user types it, to the data."""

from __future__ import annotations

from act_core.arbiter import PERSON, POLICY
from act_core.policy_spec import ActionOutput, JointInput
from act_core.robots.so101 import JOINT_NAMES
from act_record.bag_reader import open_bag
from act_record.timeline import Timeline
from act_training.datasets.bag.source import BagSource
from act_training.datasets.source import Declared

from tests.act_policy.policies import make_bundle
from tests.launches import finish, launch


def test_a_policy_that_gets_nowhere_is_helped_and_its_bag_says_by_whom(tmp_path):
    joints = JointInput("joint_position", JOINT_NAMES)
    bundle = make_bundle(
        tmp_path / "toy", joint_input=joints, output=ActionOutput("action", JOINT_NAMES)
    ).folder
    process = launch(
        "correct_sim.launch.py", f"policy:={bundle}", "level:=0", "episodes:=1",
        "keep_failures:=true", "width:=64", "height:=48", "real_time_factor:=2.0",
        f"out:={tmp_path / 'bags'}",
    )  # fmt: skip
    output = finish(process)
    assert process.returncode == 0, output
    assert "1 episodes in" in output, output
    assert "[act_sim]: owner: person (/act_sim): taken over by /act_sim" in output
    bag = tmp_path / "bags/episode_000000"
    owners = [change.owner for change in Timeline.of(open_bag(bag)).owners]
    assert owners[:3] == [POLICY, PERSON, POLICY]
    # On a machine that cannot draw in time, pictures are missing, and the episode is in pieces.
    source = BagSource([bag], Declared(), keep_failures=True, keep_redo=True)
    pieces = [source.read(i) for i, name in enumerate(source.names) if "short" not in name]
    assert sum(piece.intervention.sum() for piece in pieces) > 0
