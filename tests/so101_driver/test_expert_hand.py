"""A leader arm in the hand of somebody who knows how a simulated task is done."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from act_core.arbiter import NOBODY, PERSON
from act_core.helm import Helm
from act_core.robots.so101 import JOINTS
from act_sim.sim_bridge import SimBridge
from act_sim.simulation import Simulation
from so101_driver.arm import So101Arm
from so101_driver.emulator.arm import emulated_calibration
from so101_driver.emulator.expert_hand import UNANSWERED, ExpertHand, Sight
from so101_driver.emulator.hand import servos_for_a_hand
from so101_driver.leader_hand import LeaderHand, Squeeze

from tests.so101_driver.setup.arms import Table

HZ = 100


class Teaching:
    """A simulated arm behind its helm, and a leader in a hand, in virtual time: what the nodes do
    between the hand and the arm, once in each control period.

    reason: why the leader does not have the arm at first; None: it does.
    """

    def __init__(self, task: str, seed: int, reason: str | None = None) -> None:
        self.sim = Simulation(task, control_hz=HZ)
        self.bridge = SimBridge(self.sim, first_seed=seed)
        self.helm = Helm(self.bridge, self.sim.limits, self.sim.robot.grippers, 1 / HZ, 0.2)
        self.owners: list[str] = []
        self.way: list[np.ndarray] = []
        self.said: list[str] = []
        self.sight: Sight | str = "nothing yet"
        servos = servos_for_a_hand()
        self.table = Table(servos)
        for servo in servos:
            servo.motor.joint.blocked = False
        self.wire = self.table.wire
        self.wire.hand = ExpertHand(servos, lambda: self.sight, self._let_go, self.said.append)
        self.arm = So101Arm(self.table.open(), emulated_calibration())
        self.arm.release()
        self.leader = LeaderHand(Squeeze(JOINTS[-1].lower_rad, JOINTS[-1].upper_rad), reason)

    def _let_go(self) -> None:
        self.leader.stop("asked to")

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * HZ)):
            self.period()
            if self.sim.report.finished:
                break

    def period(self) -> None:
        self.table.clock.advance(1 / HZ)
        now_ns = self.table.clock.now_ns()
        self.wire.advance(now_ns)
        position = self.arm.read_state().position_rad
        self.leader.see(float(position[-1]), now_ns)
        if self.leader.wants_arm:
            names = self.sim.joint_names
            self.helm.person(b"leader", "/leader", names, position, now_ns, now_ns)
        applied = self.bridge.tick(now_ns).applied.position_rad
        self.helm.applied(True, now_ns)
        owner = self.helm.ownership
        self.leader.owner(owner.owner, owner.reason, str(owner.since_ns))
        self.owners.append(owner.owner)
        self.way.append(applied)
        wanted, report = self.bridge.expert_target(), self.sim.report
        self.sight = Sight(wanted, applied, owner.owner, report.finished)


@pytest.mark.parametrize("task", ["pick_place", "lift_cube"])
def test_what_the_expert_shows_is_done_by_the_leader(task):
    teaching = Teaching(task, 1, "not enabled")
    teaching.run(20.0)
    report = teaching.sim.report
    assert report.success, report.reason
    assert teaching.owners[-1] == PERSON
    assert teaching.said[-2:] == ["the hand: takes the arm", "the hand: as the expert does"]
    assert np.abs(np.diff(teaching.way, axis=0)).max() < 0.06, "no jump"


def test_a_leader_that_has_the_arm_from_afar_is_brought_to_it_first():
    teaching = Teaching("lift_cube", 1)
    teaching.run(20.0)
    report = teaching.sim.report
    assert report.success, report.reason
    owners = [owner for owner, _ in groupby(teaching.owners)]
    assert owners[owners.index(PERSON) :] == [PERSON, NOBODY, PERSON]
    assert [line.removeprefix("the hand: ") for line in teaching.said] == [
        "nothing yet",
        "lets go of the arm, which is far from the leader",
        "takes the arm",
        "as the expert does",
    ]


def test_without_a_leader_node_it_says_so_once_and_tries_on():
    teaching = Teaching("reach", 1, "not enabled")
    teaching.leader.block(True)
    teaching.run(8.0)
    assert PERSON not in teaching.owners
    assert [line for line in teaching.said if "closed the gripper twice" in line] == [
        f"the hand: {UNANSWERED}"
    ]
    teaching.leader.block(False)
    teaching.run(20.0)
    assert teaching.sim.report.success


def test_with_nothing_to_do_the_leader_is_held_where_it_is():
    teaching = Teaching("reach", 1, "not enabled")
    joints = [servo.motor.joint for servo in teaching.table.servos]
    before = [joint.position_rad for joint in joints]
    for _ in range(100):
        teaching.table.clock.advance(1 / HZ)
        teaching.wire.advance(teaching.table.clock.now_ns())
    fallen = np.abs(np.subtract([joint.position_rad for joint in joints], before))
    assert fallen.max() < 0.002, "no further than until the hand first looked"
    assert teaching.said == ["the hand: nothing yet"]
