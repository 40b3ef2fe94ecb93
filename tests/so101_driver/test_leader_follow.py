"""A leader that follows the arm while the policy drives: softly, and only as long as it may."""

from __future__ import annotations

import numpy as np
import pytest
from act_core import topics
from act_core.robots.so101 import HOME_POSE_RAD
from so101_driver import registers as reg
from so101_driver.leader_arm import LeaderArm
from so101_driver.leader_follow import LEASH_RAD, LeaderFollow

from tests.so101_driver.emulated_arm import EmulatedArm
from tests.so101_driver.test_leader_node import LEADER_RAD, running

PERIOD_S = 0.01
ARM_RAD = np.array([0.5, -0.3, 0.3, 0.2, -0.4, 0.8])


def test_goals_go_slowly_to_where_the_arm_is():
    follow = LeaderFollow(PERIOD_S)
    here = np.zeros(6)
    goals = [follow.next(here, np.ones(6), True) for _ in range(3)]
    assert np.allclose([g[0] for g in goals], [0.006, 0.012, 0.018])
    for _ in range(200):
        here = follow.next(here, np.ones(6), True)
    assert here == pytest.approx(np.ones(6))


def test_what_a_hand_holds_gives_way_until_the_arm_was_somebody_else_s():
    follow = LeaderFollow(PERIOD_S)
    goals = [follow.next(np.zeros(6), np.ones(6), True) for _ in range(100)]
    pulled = [g for g in goals if g is not None]
    assert max(g[0] for g in pulled) == pytest.approx(LEASH_RAD)
    assert follow.gave_way
    assert goals[-1] is None
    assert follow.next(np.ones(6), np.ones(6), True) is None, "not even where it is"
    assert follow.next(np.zeros(6), np.ones(6), False) is None
    assert follow.next(np.zeros(6), np.ones(6), True) is not None


def test_a_gripper_that_is_held_is_no_hand_on_the_arm():
    follow = LeaderFollow(PERIOD_S)
    arm = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    assert all(follow.next(np.zeros(6), arm, True) is not None for _ in range(200))


@pytest.mark.parametrize(("arm", "may"), [(None, True), (ARM_RAD, False)])
def test_it_does_not_move_where_it_may_not_or_nobody_tells_where_to(arm, may):
    assert LeaderFollow(PERIOD_S).next(np.zeros(6), arm, may) is None


def torques(emulated: EmulatedArm) -> list[int]:
    return [servo.memory[reg.TORQUE_ENABLE] for servo in emulated.servos]


def test_servos_move_softly_and_have_no_force_afterwards():
    emulated = EmulatedArm(HOME_POSE_RAD)
    leader, follow = LeaderArm(emulated.arm, emulated.clock), LeaderFollow(PERIOD_S)

    def periods(count: int, may_follow: bool) -> np.ndarray:
        for _ in range(count):
            state = leader.read()
            leader.drive(follow.next(state.position_rad, ARM_RAD, may_follow), 0.3)
            emulated.clock.advance(PERIOD_S)
            emulated.wire.advance(emulated.clock.now_ns())
        return state.position_rad

    begin = periods(5, False)
    assert torques(emulated) == [0] * 6, "nothing moves unless it may"
    end = periods(200, True)
    assert torques(emulated) == [1] * 5 + [0], "the gripper is the person's"
    assert [s.memory[reg.TORQUE_LIMIT] for s in emulated.servos[:5]] == [300] * 5
    assert abs(end[0] - ARM_RAD[0]) < 0.1 < abs(begin[0] - ARM_RAD[0])
    periods(1, False)
    assert torques(emulated) == [0] * 6, "in the very period in which it may no more"
    periods(3, True)
    leader.close()
    assert torques(emulated) == [0] * 6


def test_a_servo_that_does_not_confirm_is_told_again():
    emulated = EmulatedArm(HOME_POSE_RAD)
    leader = LeaderArm(emulated.arm, emulated.clock)
    leader.drive(leader.read().position_rad, 0.2)
    emulated.servo("elbow_flex").dead = True
    leader.drive(None, 0.2)
    assert leader.has_force
    emulated.servo("elbow_flex").dead = False
    leader.drive(None, 0.2)
    assert not leader.has_force
    assert torques(emulated) == [0] * 6


def test_through_the_node_it_follows_and_a_squeeze_lets_go(tmp_path):
    with running(tmp_path, enabled=False, follow=True) as rig:
        servos = rig.table.servos

        def have_force() -> list[int]:
            return [servo.memory[reg.TORQUE_ENABLE] for servo in servos]

        rig.wait_for(lambda: have_force() == [1] * 5 + [0])
        goals = servos[0].memory
        begin = goals[reg.GOAL_POSITION]
        rig.wait_for(lambda: goals[reg.GOAL_POSITION] != begin)
        for _ in range(20):  # on a slow machine the two closings may be a second apart
            rig.squeeze()
            if rig.node.takes_arm:
                break
        rig.wait_for(rig.is_followed)
        rig.wait_for(lambda: have_force() == [0] * 6)
        assert np.allclose(rig.console.applied_all[-1][:5], HOME_POSE_RAD[:5])
        # Handed back, it may follow again.
        rig.table.put_all(LEADER_RAD)
        assert rig.console.call(rig, topics.CONTROL_RETURN).success
        rig.wait_for(lambda: have_force() == [1] * 5 + [0])
