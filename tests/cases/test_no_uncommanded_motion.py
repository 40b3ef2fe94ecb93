"""No motion that nobody commanded: what a servo does when it gets its force back, at the joint."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES
from act_core.timing import to_ns
from so101_driver import registers as reg
from so101_driver.emulator.servo import Firmware
from so101_driver.registers import Status

from bench._servo_soak import Soak
from bench._servo_watch import watched_arm
from tests.so101_driver.emulated_arm import EmulatedArm, Operator, ask, following, started

JOINT = "shoulder_lift"  # gravity pulls at it with 0.54 N m
INDEX = JOINT_NAMES.index(JOINT)
EVERYTHING = int(Status.VOLTAGE | Status.ENCODER) | reg.UNLOADING_CONDITION.default
# Begin and end of each fault: kind and value of an event.
FAULTS = {
    "too hot": (("hot", 80.0), ("hot", 30.0)),
    "low supply": (("supply", 3.0), ("supply", 0.0)),
    "high supply": (("supply", 12.0), ("supply", 0.0)),
    "angle sensor": (("encoder", None), ("encoder", 0.0)),
    "overcurrent": (("overcurrent", None), None),
    "torque off and on by another program": (("torque_off", 1.0), ("torque_off", 0.0)),
    "cable": (("dead", 1.0), ("dead", 0.0)),
    "restart": (("power_cycle", None), None),
}  # fmt: skip
PASSIVE = Firmware(goal_switches_on=False)
FIRMWARES = [Firmware(on, keeps) for on in (False, True) for keeps in (False, True)]


class Rig:
    """An emulated arm whose joints are watched, a driver, and somebody who commands."""

    def __init__(self, firmware: Firmware = PASSIVE) -> None:
        servos, self.joints = watched_arm(HOME_POSE_RAD)
        for servo in servos:
            servo.memory.keep(reg.UNLOADING_CONDITION, EVERYTHING)
            servo.firmware = firmware
        self.emulated = EmulatedArm(servos=servos)
        self.operator: Operator = started(self.emulated)
        self.follow(HOME_POSE_RAD, 1.0)

    def watch(self, seconds: float) -> None:
        """Cycles, with a watch that knows which servos the driver can reach."""
        for _ in range(round(100 * seconds)):
            self.operator.cycle()
            for joint, servo in zip(self.joints, self.emulated.servos, strict=True):
                joint.reach(self.operator.driver.is_in_reach and servo.is_listening)

    def follow(self, target_rad, seconds: float) -> None:
        for _ in range(round(100 * seconds)):
            self.operator.cycle(target_rad)
            for joint in self.joints:
                joint.commanded_s = joint.time_s

    def happen(self, event) -> None:
        if event is not None:
            self.emulated.happen(event[0], JOINT, event[1])

    def goals_rad(self) -> np.ndarray:
        """What the servos' registers hold."""
        goals = [servo.memory[reg.GOAL_POSITION] for servo in self.emulated.servos]
        return self.emulated.arm().conversion.to_rad(goals)

    def motions(self):
        return [motion for joint in self.joints for motion in joint.motions]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_servo_that_gets_its_force_back_does_not_move_its_joint(fault):
    rig = Rig()
    begin, end = FAULTS[fault]
    held = rig.emulated.positions()[INDEX]
    rig.happen(begin)
    rig.operator.cycles(1.2)
    sunk = rig.emulated.positions()[INDEX]
    assert sunk - held > 0.3, "there is something to return from"
    rig.happen(end)
    rig.operator.cycles(2.0)
    assert rig.motions() == []
    assert abs(rig.emulated.positions()[INDEX] - held) > 0.25, "it has not come back"
    if torque_is_off := not rig.emulated.servo(JOINT).memory[reg.TORQUE_ENABLE]:
        ask(rig.operator, rig.operator.driver.request_recovery)
        rig.operator.cycles(1.0)
    assert rig.motions() == []
    assert abs(rig.goals_rad()[INDEX] - rig.emulated.positions()[INDEX]) < 0.12
    assert torque_is_off == (fault in ("overcurrent", "cable", "restart")
                             or fault.startswith("torque"))  # fmt: skip
    cycle = rig.operator.until(following, HOME_POSE_RAD)
    assert np.allclose(cycle.applied.position_rad, rig.goals_rad(), atol=0.001)


@pytest.mark.parametrize("fault", ["too hot", "low supply"])
def test_while_it_has_no_force_its_goal_follows_it_and_applied_says_so(fault):
    rig = Rig()
    rig.happen(FAULTS[fault][0])
    rig.operator.cycles(0.2)
    for _ in range(100):
        cycle = rig.operator.cycle()
        assert np.allclose(cycle.applied.position_rad, rig.goals_rad(), atol=0.001)
        behind = rig.emulated.positions()[INDEX] - rig.goals_rad()[INDEX]
        assert abs(behind) < 0.07, "two periods of a fall at 3.3 rad/s"
    assert not rig.emulated.servo(JOINT).memory[reg.TORQUE_ENABLE], "force cannot come by itself"


@pytest.mark.parametrize("opening", ["estop", "torque", "port", "process"])
def test_goal_and_joint_are_compared_before_every_opening(opening):
    """The servo is too hot and cools at the moment of the opening."""
    rig = Rig()
    operator, emulated = rig.operator, rig.emulated
    if opening == "estop":
        operator.driver.estop(True)
    if opening == "port":
        emulated.happen("port_gone")
    rig.happen(("hot", 80.0))
    if opening == "process":  # SIGKILL: nobody sees to it
        operator.driver.arm.bus.close()
        emulated.run(0.6)
    else:
        operator.cycles(0.6)
    if opening == "process":
        operator = Operator(emulated, emulated.driver())
        operator.until(lambda cycle: cycle.applied is not None)
    elif opening == "port":
        emulated.end("port_gone")
        operator.until(lambda cycle: cycle.applied is not None)
    rig.happen(("hot", 30.0))
    if opening == "estop":
        operator.driver.estop(False)
    elif opening == "torque":
        ask(operator, lambda: operator.driver.request_torque(True))
    operator.cycles(2.0)
    assert rig.motions() == []
    assert abs(rig.goals_rad()[INDEX] - emulated.positions()[INDEX]) < 0.12
    operator.until(following, HOME_POSE_RAD)


def test_a_servo_that_restarts_with_torque_and_another_goal_is_stopped_when_it_answers():
    rig = Rig()
    rig.happen(("power_cycle", 0.0))
    rig.watch(0.9)  # silent for 0.8 s: nobody can stop it meanwhile
    there = rig.emulated.positions()[INDEX]
    rig.watch(1.7)
    assert abs(rig.emulated.positions()[INDEX] - there) < 0.15
    assert [motion for motion in rig.motions() if not motion.out_of_reach] == []


@pytest.mark.parametrize("firmware", FIRMWARES, ids=str)
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_the_firmware_does_nothing_moves_by_itself(fault, firmware):
    rig = Rig(firmware)
    begin, end = FAULTS[fault]
    rig.happen(begin)
    rig.watch(0.6)
    rig.happen(end)
    rig.watch(1.0)
    if not rig.emulated.servo(JOINT).memory[reg.TORQUE_ENABLE]:
        ask(rig.operator, rig.operator.driver.request_recovery)
    rig.watch(0.5)
    assert rig.motions() == []
    rig.operator.until(following, HOME_POSE_RAD)


def test_a_servo_that_switched_off_by_its_current_is_not_switched_on_by_the_next_goal():
    rig = Rig(Firmware(goal_switches_on=True))
    rig.happen(("overcurrent", None))
    rig.watch(0.2)
    assert rig.emulated.servo(JOINT).memory[reg.TORQUE_ENABLE] == 0
    assert "too much current" in rig.operator.texts("error")


@pytest.mark.parametrize("goal", [-1.6, 1.6])
def test_a_servo_on_its_way_to_a_goal_of_another_is_stopped(goal):
    """A new goal alone would not do it: the servo's own setpoint has to come back first."""
    rig = Rig()
    count = int(rig.emulated.arm().conversion.to_counts([goal, 0, 0, 0, 0, 0])[0])
    servo, joint = rig.emulated.servos[0], rig.joints[0]
    heard = servo.write

    def write(address, data):  # another program is louder for 0.15 s
        heard(address, data)
        if address == reg.GOAL_POSITION.address and rig.emulated.clock.now_ns() < until_ns:
            heard(address, reg.GOAL_POSITION.encode(count))

    servo.write, until_ns = write, rig.emulated.clock.now_ns() + to_ns(0.15)
    rig.watch(0.15)
    assert abs(joint.velocity_rad_s) > 1.0, "it is on its way"
    at = joint.position_rad
    rig.watch(1.0)
    assert abs(joint.position_rad - at) < 0.35
    assert "its servo ran to a goal that is not ours" in rig.operator.texts("error")
    ask(rig.operator, rig.operator.driver.request_recovery)
    rig.operator.until(following, HOME_POSE_RAD)


def test_servos_are_seen_to_while_another_one_keeps_the_arm_from_being_connected():
    rig = Rig()
    rig.emulated.happen("dead", "gripper")
    rig.emulated.happen("port_gone")
    rig.watch(0.3)
    rig.emulated.end("port_gone")
    rig.watch(3.0)
    assert rig.operator.driver.arm is None
    rig.happen(("torque_off", 1.0))
    rig.watch(1.0)
    sunk = rig.emulated.positions()[INDEX]
    rig.happen(("torque_off", 0.0))  # on again, and its goal is 1 rad away
    rig.watch(2.0)
    assert [motion for motion in rig.motions() if not motion.out_of_reach] == []
    assert rig.emulated.positions()[INDEX] > sunk - 0.1, "it has not come back"
    assert "torque and a goal that is not ours: switched off" in rig.operator.texts("warning")
    rig.emulated.end("dead", "gripper")
    cycle = rig.operator.until(following, HOME_POSE_RAD)
    assert cycle.hold is None


@pytest.mark.parametrize("torque_on_start", [True, False])
@pytest.mark.parametrize("wrong", [None, "calibration"])
def test_a_servo_that_runs_when_a_driver_starts_is_stopped_before_the_arm_is_checked(
    torque_on_start, wrong
):
    """Somebody switched one servo on, with the goal of its last power-up; the others are limp."""
    emulated = EmulatedArm(HOME_POSE_RAD)
    servo = emulated.servos[0]
    if wrong:
        emulated.servo("gripper").memory.keep(reg.HOMING_OFFSET, 7)
    goal = int(emulated.arm().conversion.to_counts([1.6, 0, 0, 0, 0, 0])[0])
    servo.write(reg.GOAL_POSITION.address, reg.GOAL_POSITION.encode(goal))
    servo.write(reg.TORQUE_ENABLE.address, b"\x01")
    operator = Operator(emulated, emulated.driver(torque_on_start=torque_on_start))
    operator.cycles(2.0)
    assert abs(emulated.positions()[0] - HOME_POSE_RAD[0]) < 0.3
    assert ("calibration" in operator.texts("error")) == (wrong is not None)


@pytest.mark.parametrize("holds", [True, False], ids=["held by the last driver", "limp"])
def test_a_servo_that_cannot_read_its_angle_is_not_switched_on_by_a_driver_that_starts(holds):
    """What it reads is no place to hold; when it reads again, its joint is where it is."""
    rig = Rig()
    rig.happen(("encoder", None))
    rig.watch(0.3)
    servo = rig.emulated.servo(JOINT)
    if holds:  # somebody's
        rig.happen(("torque_off", 0.0))
    heard, switched_on = servo.write, []

    def write(address, data):
        heard(address, data)
        switched_on.append(address == reg.TORQUE_ENABLE.address and data[0] == 1)

    servo.write = write
    operator = Operator(rig.emulated, rig.emulated.driver())
    operator.cycles(0.6)
    assert not servo.memory[reg.TORQUE_ENABLE]
    assert not any(switched_on), "not for a moment"
    assert "cannot read its angle" in operator.texts("error")
    others = [s.memory[reg.TORQUE_ENABLE] for s in rig.emulated.servos if s is not servo]
    assert others == [1] * 5
    here = rig.emulated.positions()[INDEX]
    rig.happen(("encoder", 0.0))
    operator.cycles(1.0)
    assert abs(rig.emulated.positions()[INDEX] - here) < 0.3
    operator.until(following, HOME_POSE_RAD)


@pytest.mark.parametrize("seed", [361, 445, 447, 474, 639, 867])
def test_scripts_that_moved_a_joint_once(seed):
    soak = Soak(seed, 0.5 + seed % 4, with_people=True)
    soak.run(seconds=12.0)
    assert [motion for motion in soak.motions if not motion.out_of_reach] == []


def test_what_is_in_a_joints_way_stores_no_jump():
    rig = Rig()
    target = HOME_POSE_RAD + np.array([1.5, 0, 0, 0, 0, 0])
    rig.emulated.happen("blocked", "shoulder_pan")
    rig.follow(target, 0.9)
    assert abs(rig.goals_rad()[0] - rig.emulated.positions()[0]) < 0.4
    rig.emulated.end("blocked", "shoulder_pan")
    rig.follow(target, 1.5)
    assert rig.motions() == []
    assert abs(rig.emulated.positions()[0] - 1.5) < 0.05


@pytest.mark.parametrize("seed", [100, 204])
def test_random_faults_that_overlap_move_no_joint(seed):
    """`python -m bench.servo_soak --scripts 1000` is the long one."""
    soak = Soak(seed, 1.5, with_people=True)
    soak.run(seconds=12.0)
    assert [motion for motion in soak.motions if not motion.out_of_reach] == []
    assert soak.outside_limits == 0
    assert soak.resumed > 0


def test_a_released_arm_stays_off_whoever_switches_a_servo_on():
    rig = Rig()
    ask(rig.operator, lambda: rig.operator.driver.request_torque(False))
    rig.operator.cycles(0.5)
    here = rig.emulated.positions()[INDEX]
    for _ in range(3):
        rig.happen(("torque_off", 0.0))  # switches on
        rig.operator.cycles(0.1)
    assert rig.motions() == []
    assert rig.emulated.positions()[INDEX] >= here, "it goes on sinking"
    assert rig.emulated.servo(JOINT).memory[reg.TORQUE_ENABLE] == 0


def test_a_servo_that_comes_back_elsewhere_stays_there_while_another_one_is_silent():
    rig = Rig()
    rig.emulated.happen("silent", "gripper")
    rig.emulated.happen("power_cycle", "wrist_roll", 3000.0)  # with torque, and goes there
    rig.watch(0.85)
    there = rig.emulated.positions()[4]
    assert there > 1.0
    rig.operator.cycles(1.0)
    assert abs(rig.emulated.positions()[4] - there) < 0.15
