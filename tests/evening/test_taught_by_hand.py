"""A demonstration by a leader without an arm: from the servos' bytes to a recorded success."""

from __future__ import annotations

import numpy as np
import pytest
from act_record.bag_reader import open_bag
from act_record.timeline import Timeline

from tests.evening.evening import ended, interrupt, lines_until, run

RECORD = (
    "ros2 launch act_bringup record_sim.launch.py driver:=none task:=reach episodes:=1 width:=64 "
    "height:=48 camera_rate_hz:=10.0 cameras:=front out:="
)


@pytest.mark.timeout(3600)
def test_the_hand_teaches_with_a_leader_arm(tmp_path):
    port, calibration, bags = (tmp_path / name for name in ("leader", "leader.json", "bags"))
    hand = run(
        tmp_path,
        f"so101-emulator --pty {port} --hand expert --save-calibration {calibration} --priority 60",
    )
    lines_until(hand, "6 servos on")  # then the calibration is there, too
    leader = run(
        tmp_path,
        "ros2 run so101_driver leader_node --ros-args -p enabled:=false "
        f"-p port:={port} -p calibration:={calibration}",
    )
    code, output = ended(run(tmp_path, f"{RECORD}{bags}"))
    assert code == 0, output
    interrupt(leader)
    interrupt(hand)
    ended(leader)
    code, said = ended(hand)
    assert code == 0
    assert "the hand: takes the arm\nthe hand: as the expert does\n" in said

    (folder,) = sorted(bags.iterdir())
    bag = open_bag(folder)
    assert bag.outcome()["success"] is True, output
    timeline = Timeline.of(bag)
    assert {"joint_commands/person", "joint_commands/applied"} <= set(timeline.commands)
    assert "joint_commands" not in timeline.commands, "nobody but the person"
    assert timeline.counts["leader/joint_states"] > 20
    sent = [sample.position for sample in timeline.commands["joint_commands/person"]]
    assert np.ptp(sent, axis=0).max() > 0.1
