"""The hand of a person who teaches a simulated task with an emulated leader arm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from act_core.arbiter import PERSON
from numpy.typing import NDArray

from so101_driver.emulator.hand import ARRIVED_RAD, LOOKS_EVERY, HandJoint, SweepHand
from so101_driver.emulator.motor import STEP_S
from so101_driver.emulator.servo import EmulatedServo

Vector = NDArray[np.float64]

LOOK_S = LOOKS_EVERY * STEP_S
APART_RAD = 0.5  # of leader and arm: to be steered like that is no use, see `ExpertHand`
REACTION_S = 0.3  # until it does something about who has the arm
# A closed and an open gripper, as shares of its travel: beyond what `leader_hand.Squeeze` asks for.
CLOSED, OPEN = 0.10, 0.40
DWELL_S = 0.05  # at each end of a squeeze: the leader is read a hundred times a second
ANSWER_S = 1.0  # what a squeeze does is seen by then
UNANSWERED = (
    "has closed the gripper twice, and nobody has the arm for it: is a leader node at this port, "
    "with this calibration?"
)


class Sight(NamedTuple):
    """What a person at a leader sees, of six joints each."""

    wanted_rad: Vector  # (6,) where the task's expert would send the arm now
    applied_rad: Vector  # (6,) where the arm is sent
    owner: str  # of the arm; see `act_core.arbiter`
    is_over: bool  # the episode has ended: nothing is to be done until the next one


class ExpertHand(SweepHand):
    """Shows a simulated task with the leader that it holds, as somebody who knows how it is done.

    It calibrates as `SweepHand` does. With a calibrated arm it brings the leader to where the arm
    is, takes the arm by closing the gripper twice, and then puts each joint where the task's expert
    wants the arm's, no faster than a hand (`HAND_RAD_S`). From there on it is the leader's servos,
    its node and the clutch of the arm that say what becomes of it; the expert answers from where
    the arm then is. When the arm is somebody else's again, as after each episode, it begins anew.

    A leader that is launched with ``enabled`` has the arm at once, from wherever it lies. More than
    `APART_RAD` away from the arm it would reach its stops before the arm is there: the hand lets go
    and begins anew.

    Args:
        servos: of the leader.
        look: what is seen now; in words, why there is nothing to do.
        let_go: has the leader give up the arm, as a person does by ``leader/enable``.
        say: takes what a person who watches would see.
    """

    def __init__(
        self,
        servos: Sequence[EmulatedServo],
        look: Callable[[], Sight | str],
        let_go: Callable[[], None],
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        super().__init__(servos, say)
        self._see, self._let_go = look, let_go
        self._taking: Iterator[Vector] | None = None
        self._waited_s = 0.0

    def _use(self) -> None:
        joints = list(self._joints())
        if len(joints) < len(self._servos):
            return self._rest("the servos hold the leader")
        for joint in joints:  # what nobody moves does not fall
            joint.held_rad = joint.position_rad if joint.held_rad is None else joint.held_rad
        sight = self._see()
        if isinstance(sight, str):
            return self._rest(sight)
        if sight.is_over:
            return self._rest("the episode is over")
        here = np.array([joint.position_rad for joint in joints])
        self._waited_s += LOOK_S
        if sight.owner != PERSON:
            self._take(joints, sight)
        elif np.abs(here - sight.applied_rad)[:-1].max() > APART_RAD:
            self._give_up()
        else:
            self._rest("as the expert does")
            _hold(joints, sight.wanted_rad)
        return None

    def _rest(self, doing: str) -> None:
        self._taking, self._waited_s = None, 0.0
        self._do(doing)

    def _do(self, doing: str) -> None:
        if doing != self._doing:
            self._tell(doing)

    def _give_up(self) -> None:
        self._taking = None
        if self._waited_s > REACTION_S:
            self._do("lets go of the arm, which is far from the leader")
            self._let_go()
            self._waited_s = REACTION_S - ANSWER_S

    def _take(self, joints: Sequence[HandJoint], sight: Sight) -> None:
        if self._taking is None:
            if self._waited_s < REACTION_S:
                return
            if self._doing != UNANSWERED:
                self._do("takes the arm")
            self._taking = self._squeeze(joints, sight.applied_rad)
        goal = next(self._taking, None)
        if goal is None:
            self._taking = None
            self._do(UNANSWERED)
        else:
            _hold(joints, goal)

    def _squeeze(self, joints: Sequence[HandJoint], applied_rad: Vector) -> Iterator[Vector]:
        """Where to hold the leader (6,), one for each look: to where the arm is, the gripper closed
        twice, and a while for an answer."""
        lower, upper = joints[-1].stops_rad
        for share in (OPEN, CLOSED, OPEN, CLOSED):
            goal = np.array([*applied_rad[:-1], lower + share * (upper - lower)])
            while any(
                abs(joint.position_rad - _within(joint, rad)) > ARRIVED_RAD
                for joint, rad in zip(joints, goal, strict=True)
            ):
                yield goal
            for _ in range(round(DWELL_S / LOOK_S)):
                yield goal
        for _ in range(round(ANSWER_S / LOOK_S)):
            yield goal


def _within(joint: HandJoint, rad: float) -> float:
    """The nearest that the joint can go to."""
    lower, upper = joint.stops_rad
    return min(max(float(rad), lower), upper)


def _hold(joints: Sequence[HandJoint], goal_rad: Vector) -> None:
    for joint, rad in zip(joints, goal_rad, strict=True):
        joint.held_rad = _within(joint, rad)
