"""When a leader commands: what its person's hand says, and who has the arm."""

from __future__ import annotations

from so101_driver.leader_hand import FOLLOWING, LeaderHand, Squeeze

MS = 1_000_000


def hand(reason: str | None = "not enabled") -> LeaderHand:
    return LeaderHand(Squeeze(-0.17, 1.75), reason)


def squeezed(one: LeaderHand, *times_ms: int) -> None:
    """Open, but for the moments that are given."""
    for t_ms in range(0, max(times_ms) + 200, 10):
        closed = any(0 <= t_ms - at < 100 for at in times_ms)
        one.see(0.0 if closed else 0.9, t_ms * MS)


def test_two_closings_within_a_second_take_the_arm():
    one = hand()
    squeezed(one, 100, 700)
    assert one.wants_arm
    assert one.state == FOLLOWING


def test_one_closing_or_two_that_are_apart_take_nothing():
    one = hand()
    squeezed(one, 100)
    assert not one.wants_arm
    one = hand()
    squeezed(one, 100, 1300)
    assert not one.wants_arm
    assert one.state == "not enabled"


def test_a_gripper_that_rests_closed_or_trembles_is_no_sign():
    one = hand()
    for t_ms in range(0, 3000, 10):
        one.see(0.1 + 0.05 * (t_ms % 20 > 0), t_ms * MS)
    assert not one.wants_arm


def test_it_lets_go_when_the_arm_is_another_s_and_not_before_it_had_it():
    one = hand(None)
    one.owner("policy", "nobody has taken the arm over")
    assert one.wants_arm, "the arm has not heard it yet"
    one.owner("person", "taken over by /leader")
    one.owner("policy", "handed back by control/return")
    assert not one.wants_arm
    assert one.state.startswith("policy owns the arm (handed back by control/return); close its")
    squeezed(one, 100, 500)
    one.owner("policy", "the old news")
    assert one.wants_arm


def test_an_arm_that_was_started_again_is_taken_again_by_its_person_only():
    """Only the newest owner is sure to be heard: the one before may be missed."""
    one = hand(None)
    one.owner("person", "taken over by /leader", "100")
    one.owner("person", "taken over by /leader", "100")
    assert one.wants_arm
    one.owner("person", "taken over by /leader", "250")
    assert not one.wants_arm
    assert one.state.startswith("the arm began anew; close its gripper twice")
    one.start()
    one.owner("person", "taken over by /leader", "300")
    assert one.wants_arm


def test_the_e_stop_blocks_it_and_its_release_starts_nothing():
    one = hand(None)
    one.block(False)
    assert one.wants_arm
    one.block(True)
    squeezed(one, 100, 500)
    assert not one.wants_arm
    one.block(False)
    assert one.state.startswith("stopped by the e-stop")
    squeezed(one, 100, 500)
    assert one.wants_arm
