"""What happens to the torque at the end; `test_torque_guard` has the bitter one."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.robots.so101 import HOME_POSE_RAD, REST_POSE_RAD, SO101_LIMITS
from act_core.timing import to_ns
from so101_driver import registers as reg
from so101_driver.bus_errors import NoReplyError, PortError
from so101_driver.exit_policy import REST_AT_MOST_S, carry_out

from tests.so101_driver.emulated_arm import EmulatedArm, Operator, torques


def holding(position_rad=HOME_POSE_RAD, **arguments):
    emulated = EmulatedArm(position_rad, **arguments)
    arm = emulated.arm()
    arm.configure()
    arm.enable_torque()
    return emulated, arm


def test_hold_changes_nothing():
    emulated, arm = holding()
    assert carry_out("hold", arm, clock=emulated.clock) == "the servos hold their goals"
    assert torques(emulated.servos) == [1] * 6


def test_release_switches_off():
    emulated, arm = holding()
    assert carry_out("release", arm, clock=emulated.clock) == "torque is off"
    assert torques(emulated.servos) == [0] * 6


def test_rest_moves_slowly_to_the_rest_pose_first():
    emulated, arm = holding()
    goals: list[np.ndarray] = []
    write = arm.write_goals
    arm.write_goals = lambda position: (goals.append(np.array(position)), write(position))[1]
    start_ns = emulated.clock.now_ns()
    assert carry_out("rest", arm, clock=emulated.clock) == "the arm is at rest; torque is off"
    assert np.abs(emulated.positions() - REST_POSE_RAD).max() < 0.2
    assert np.abs(np.diff(np.array(goals), axis=0)).max() * 50 <= 0.4 * 4.0 + 1e-6
    assert emulated.clock.now_ns() - start_ns < to_ns(4.5)
    assert torques(emulated.servos) == [0] * 6


def test_with_lower_limits_rest_takes_longer_and_still_gets_there():
    emulated, arm = holding(position_rad=np.array([1.2, 0.6, -0.4, 0.0, 0.0, 0.5]))
    goals: list[np.ndarray] = []
    write = arm.write_goals
    arm.write_goals = lambda position: (goals.append(np.array(position)), write(position))[1]
    slow = replace(SO101_LIMITS, max_velocity_rad_s=np.full(6, 0.5))
    start_ns = emulated.clock.now_ns()
    assert carry_out("rest", arm, slow, emulated.clock) == "the arm is at rest; torque is off"
    assert emulated.clock.now_ns() - start_ns > to_ns(4.6), "2.3 rad at 0.5 rad/s"
    assert np.abs(np.diff(np.array(goals), axis=0)).max() * 50 <= 0.5 + 1e-6


def test_limits_that_are_too_low_end_in_a_release():
    emulated, arm = holding()
    slow = replace(SO101_LIMITS, max_velocity_rad_s=np.full(6, 0.02))
    start_ns = emulated.clock.now_ns()
    assert carry_out("rest", arm, slow, emulated.clock).startswith("the rest pose was not reached")
    assert emulated.clock.now_ns() - start_ns < to_ns(REST_AT_MOST_S + 1.0)
    assert torques(emulated.servos) == [0] * 6


@pytest.mark.parametrize("rad_s", [3.0, 0.5])
def test_an_arm_that_cannot_get_there_is_released_and_does_not_press_for_long(rad_s):
    emulated, arm = holding()
    emulated.happen("blocked", "shoulder_lift")
    start_ns = emulated.clock.now_ns()
    slow = replace(SO101_LIMITS, max_velocity_rad_s=np.full(6, rad_s))
    done = carry_out("rest", arm, slow, emulated.clock)
    assert done.startswith("on the way to rest: shoulder_lift: does not reach -1.7")
    assert "something is in its way; torque is off" in done
    assert emulated.clock.now_ns() - start_ns < to_ns(2.5)
    assert torques(emulated.servos) == [0] * 6


def test_a_moment_of_silence_does_not_drop_the_arm():
    emulated, arm = holding()

    def silent_at_times(read):
        calls = itertools.count()

        def heard(*args):
            if next(calls) % 5 < 3:
                raise NoReplyError((3,), "read the joints")
            return read(*args)

        return heard

    arm.read_goals, arm.read_state = map(silent_at_times, (arm.read_goals, arm.read_state))
    assert carry_out("rest", arm, clock=emulated.clock) == "the arm is at rest; torque is off"


def test_a_bad_bus_does_not_keep_the_torque_on():
    emulated, arm = holding()
    emulated.wire.faults.set_rates({"lost": 0.2, "unheard": 0.1, "late": 0.1})
    for servo in emulated.servos[:3]:
        servo.memory[reg.P_COEFFICIENT] = 16
    carry_out("rest", arm, clock=emulated.clock)
    assert torques(emulated.servos) == [0] * 6


def test_who_does_not_answer_is_named():
    emulated, arm = holding()
    emulated.happen("dead", "gripper")
    done = carry_out("rest", arm, clock=emulated.clock)
    assert "read the goals: no valid reply from servo 6" in done
    assert done.endswith("torque off was sent, but gripper did not confirm it")
    assert torques(emulated.servos)[:5] == [0] * 5


def test_wrong_policies_and_lost_ports_are_errors():
    emulated, arm = holding()
    with pytest.raises(ConfigurationError, match="unknown exit policy 'relaese'; did you"):
        carry_out("relaese", arm)
    emulated.happen("port_gone")
    with pytest.raises(PortError):
        carry_out("release", arm, clock=emulated.clock)


@pytest.mark.parametrize(("policy", "torque"), [("hold", 1), ("release", 0), ("rest", 0)])
def test_the_driver_carries_it_out(policy, torque):
    emulated = EmulatedArm(HOME_POSE_RAD)
    operator = Operator(emulated, emulated.driver())
    operator.until(lambda cycle: cycle.applied is not None)
    ending = operator.driver.shut_down(policy)
    assert ending.done
    assert torques(emulated.servos) == [torque] * 6
    ending = operator.driver.shut_down(policy)
    assert ending.done == (policy == "hold")
    assert "not connected" in ending.text


def test_the_driver_says_when_it_could_not():
    emulated = EmulatedArm(HOME_POSE_RAD)
    operator = Operator(emulated, emulated.driver())
    operator.until(lambda cycle: cycle.applied is not None)
    emulated.happen("port_gone")
    ending = operator.driver.shut_down("rest")
    assert not ending.done
    assert "exit policy 'rest' failed: the emulated port is gone" in ending.text


def goals(servos) -> list[int]:
    return [servo.memory[reg.GOAL_POSITION] for servo in servos]


def test_an_arm_that_the_estop_holds_is_released_and_not_moved():
    emulated = EmulatedArm(HOME_POSE_RAD)
    operator = Operator(emulated, emulated.driver())
    operator.until(lambda cycle: cycle.applied is not None)
    operator.driver.estop(True)
    operator.cycles(0.2)
    before = goals(emulated.servos)
    assert operator.driver.ending("rest") == "release"
    ending = operator.driver.shut_down("rest")
    assert ending == (True, "not moved to rest, the e-stop is engaged; torque is off")
    assert goals(emulated.servos) == before
    assert torques(emulated.servos) == [0] * 6


def test_an_arm_that_was_never_driven_is_left_as_it_was_found():
    """Held by another program, and a joint past its limit: not ours to move, nor to drop."""
    emulated, _ = holding()
    shoulder = emulated.servo("shoulder_pan").motor.joint
    shoulder._upper, shoulder.position_rad, shoulder.blocked = 3.0, 2.2, True
    operator = Operator(emulated, emulated.driver())
    operator.cycles(0.5)
    before = goals(emulated.servos)
    assert operator.driver.ending("rest") == "hold"
    ending = operator.driver.shut_down("rest")
    assert ending == (True, "the arm was not driven: torque stays as it was found")
    assert (torques(emulated.servos), goals(emulated.servos)) == ([1] * 6, before)
