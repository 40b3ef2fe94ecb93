import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.limits import CommandLimiter
from act_core.robots.so101 import HOME_POSE_RAD, REST_POSE_RAD, SO101_LIMITS
from act_sim.clearance import find_hit
from act_sim.excitation import MIDDLE_RAD, REACH_RAD, plan_excitation

RATE_HZ = 100.0


def test_the_limiter_lets_the_whole_motion_pass_unchanged():
    plan = plan_excitation(HOME_POSE_RAD, duration_s=20.0)
    limiter = CommandLimiter(SO101_LIMITS, 1.0 / RATE_HZ)
    limiter.reset(plan.target_rad[0])
    assert all(not limiter.limit(target).limited for target in plan.target_rad)


def test_it_begins_and_ends_where_the_arm_stands():
    plan = plan_excitation(REST_POSE_RAD, duration_s=20.0)
    assert plan.target_rad[0] == pytest.approx(REST_POSE_RAD)
    assert plan.target_rad[-1] == pytest.approx(REST_POSE_RAD)
    assert plan.end - plan.begin == 2000


def test_every_joint_moves_far_fast_and_back_and_forth():
    plan = plan_excitation(HOME_POSE_RAD)
    motion = plan.target_rad[plan.begin : plan.end]
    speed = np.diff(motion, axis=0) * RATE_HZ
    assert (np.ptp(motion, axis=0) > REACH_RAD).all()
    assert (np.abs(speed).max(axis=0) > 1.5).all()
    assert ((np.diff(np.sign(speed), axis=0) != 0).sum(axis=0) > 50).all()
    assert (np.abs(motion - MIDDLE_RAD) <= REACH_RAD * 1.0001).all()


def test_seeds_are_motions_and_repeat():
    first, again, other = (
        plan_excitation(HOME_POSE_RAD, duration_s=20.0, seed=seed).target_rad for seed in (4, 4, 5)
    )
    assert (first == again).all()
    assert not np.array_equal(first[600:700], other[600:700])


def test_a_smaller_amplitude_is_the_same_motion_but_smaller():
    plan = plan_excitation(HOME_POSE_RAD, amplitude=0.5)
    motion = plan.target_rad[plan.begin : plan.end]
    assert (np.abs(motion - MIDDLE_RAD) <= 0.5 * REACH_RAD * 1.0001).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"duration_s": 5.0}, "duration_s is 5, expected 20 to 300"),
        ({"amplitude": 0.0}, "amplitude is 0, expected above 0"),
        ({"amplitude": float("nan")}, "amplitude is nan"),
        ({"duration_s": float("nan")}, "duration_s is nan"),
    ],
)
def test_values_out_of_range_are_refused(options, words):
    with pytest.raises(ConfigurationError, match=words):
        plan_excitation(HOME_POSE_RAD, **options)


def test_an_arm_outside_of_its_limits_does_not_start():
    with pytest.raises(ConfigurationError, match="elbow_flex stands at 1.800 rad, outside"):
        plan_excitation([0.0, 0.0, 1.8, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("start", [HOME_POSE_RAD, REST_POSE_RAD], ids=["home", "rest"])
def test_the_motion_is_clear_of_the_table(start):
    plan = plan_excitation(start, duration_s=20.0, seed=int(abs(start.sum())))
    assert find_hit(plan.target_rad, RATE_HZ) is None


def test_a_higher_table_is_hit():
    plan = plan_excitation(HOME_POSE_RAD, duration_s=20.0)
    hit = find_hit(plan.target_rad, RATE_HZ, table_height_m=0.2)
    assert hit is not None
    assert "the table" in hit
    assert "s after its start" in hit


def straight(to, seconds=2.0):
    share = np.minimum(np.linspace(0.0, 1.5, round(1.5 * seconds * RATE_HZ)), 1.0)[:, None]
    return HOME_POSE_RAD + share * (np.asarray(to) - HOME_POSE_RAD)


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ((0.0, 0.8, 0.5, 1.0, 0.0, 0.0), "of the table"),
        ((0.0, -1.7, 1.69, -1.6, 0.0, 0.0), "would touch"),
        ((1.915, -1.0, 0.6, 0.8, 0.0, 0.3), "shoulder_pan would reach the end of its travel"),
    ],
)
def test_what_is_hit_is_named(to, words):
    hit = find_hit(straight(to), RATE_HZ)
    assert hit is not None
    assert words in hit


def test_weak_servos_sag_into_what_others_clear():
    share = np.minimum(np.linspace(0.0, 2.0, 200), 1.0)[:, None]
    path = MIDDLE_RAD + share * np.array([0.0, 0.8, 0.3, 0.3, 0.0, 0.0])
    hit = find_hit(path, RATE_HZ, table_height_m=0.06)
    assert hit is not None
    assert "gripper would come within" in hit
    assert hit.endswith(", with servos of 60% strength")
    assert find_hit(path, RATE_HZ, table_height_m=0.04) is None
