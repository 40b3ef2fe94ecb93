"""Shows ``transfer_cube``: the left arm takes the cube and holds it out, the right one takes it
over and places it.

The hands meet half-way between the arms, level. An arm of five joints cannot choose the direction
from which its hand comes: it is that from its pan axis to the point, so the hands meet at a right
angle. Both hold the cube above and below. The left fingers take it off its middle, on the side that
will be away from the right hand, and the right fingers take the rim that is left to them::

      seen from above           left hand, comes from up here
                                 | |
                              +--+-+--+
      right hand, from here  =|= | |  |
                              +--+-+--+

So there is room for errors of a centimetre in height and sideways, and of some millimetres in
depth.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from act_sim.experts.cartesian_control import (
    CartesianController,
    Goal,
    approach_frame,
    distance_from_pan_axis,
    natural_lean,
)
from act_sim.experts.grasp import (
    CLOSED_RAD,
    FAST_M_S,
    HOLDING_RAD,
    MIDDLE_SPIN_RAD,
    OPEN_RAD,
    SLOW_M_S,
    Grasp,
    rise_first,
)
from act_sim.objects import BOWL, CUBE, CUBE_HALF_SIZE_M, is_in_bowl, is_over_bowl
from act_sim.scene import TWO_ARMS_HALF_DISTANCE_M
from act_sim.tasks.pick_place.expert import CARRY_M, OVER_BOWL_M, RELEASE_M, RETREAT_M

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

Vector = NDArray[np.float64]

LEFT, RIGHT = 0, 1
_LEVEL_RAD = 0.5 * np.pi

_MEETING_M = np.array([0.25, -TWO_ARMS_HALF_DISTANCE_M, 0.23])  # in the left arm's frame
_LEVEL_SPIN_RAD = 0.0  # of either hand there: the moving finger above
_TURN_RAD = 0.2  # of lean and spin, ahead of where they are: 2 rad/s
# The left hand turns level between these heights of the cube, and between these distances from the
# pan axis: closer by, a level hand leaves no room to the arm behind it.
_FREE_M, _OUTSIDE_M = (0.06, 0.10), (0.18, 0.25)

_OFF_CENTRE_M = 0.005  # of the left fingers
_OVERLAP_M, _LEAST_OVERLAP_M = 0.010, 0.005  # how much of the cube the right fingers take
_SIDEWAYS_M = 0.003  # and how far off its middle, away from the left hand
_TIP_M = 0.0095  # from the grasp point to the finger tips
_FINGER_M = 0.0135  # half the width of the left fingers, and a little
_BEFORE_M = 0.055  # from there, where the right hand waits
_APART_M = 0.014  # between its lower finger and the cube before it closes
_BELOW_M = 0.015  # how far the left hand goes down before it draws back
_NEAR_M, _TURNED_RAD = 0.012, 0.15  # of the meeting point and the place before it
_DEEP_M, _BESIDE_M = 0.004, 0.010  # off the place where it closes: ahead, and to the sides
_STEP_M, _STRAIGHT_M = 0.025, (0.008, 0.016)  # how far ahead, by how far beside the line it is
_REACH_M_S, _GATHERING_M_S2 = 0.08, 0.2
_CALM_M_S, _STILL_RAD_S = 0.06, 0.15
_PUSHED_M = 0.025  # off the meeting point: the hands are in each other's way
_CLEAR_M = 0.07  # how far the left hand is from the cube before the right one moves it
_DRAWN_BACK_M = 0.09
_PATIENCE_S, _ARRIVED_S = 2.5, 0.09

_ASIDE_M = np.array([0.20, 0.05, 0.13])  # where an arm that has nothing to do waits


class Phase(Enum):
    MEET = "meet"  # the left hand takes and brings the cube, the right one waits before the place
    REACH = "reach"  # the right hand goes up to it
    CLOSE = "close"
    GIVE = "give"  # both hold it, the left one lets go
    LEAVE = "leave"  # the left hand draws back
    CARRY = "carry"  # the right arm's own


class TransferCubeExpert:
    """Closed-loop demonstrator; see `act_sim.experts`."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._left = CartesianController(sim, LEFT, careful=True)
        self._right = CartesianController(sim, RIGHT, careful=True)
        self._grasp = Grasp(sim, self._left, off_centre_m=_OFF_CENTRE_M)
        self._phase = self._fitting_phase()
        self._waited = self._near = 0
        self._given_at = (self._left.position(), self._right.position())

    @property
    def done(self) -> bool:
        return self._sim.report.finished

    def act(self) -> NDArray[np.float64]:
        left, right = self._goals()
        return np.concatenate([self._left.arm_command(left), self._right.arm_command(right)])

    # -- what to do ----------------------------------------------------------------------------

    def _goals(self) -> tuple[Goal, Goal]:
        """Of the left and of the right arm, each in its own frame."""
        if is_in_bowl(self._sim):
            return self._stand_aside(), self._draw_back()
        self._next_phase()
        if self._phase is Phase.MEET:
            taking = self._grasp.goal()
            self._left.careful = taking is None
            left = self._hold_out() if taking is None else taking
            return left, self._take(_APART_M, _BEFORE_M, self._right.seen(_MEETING_M))
        if self._phase in (Phase.REACH, Phase.CLOSE):
            clearance = 0.0 if self._phase is Phase.CLOSE else _APART_M
            return self._hold_out(), self._take(clearance)
        left_at, right_at = self._given_at
        held = _turning(self._right, right_at, _LEVEL_SPIN_RAD, _LEVEL_RAD, CLOSED_RAD, SLOW_M_S)
        if self._phase is Phase.CARRY:
            return self._stand_aside(), self._carry()
        let_go = left_at - np.array([0.0, 0.0, _BELOW_M])
        speed = SLOW_M_S
        if self._phase is Phase.LEAVE:
            let_go = let_go - _DRAWN_BACK_M * _direction(left_at)
            speed = FAST_M_S
        left = _turning(self._left, let_go, _LEVEL_SPIN_RAD, _LEVEL_RAD, OPEN_RAD, speed)
        return left, held

    def _hold_out(self) -> Goal:
        """The left hand brings the cube to the meeting point, level once it is off the table."""
        here, cube = self._left.position(), self._sim.position(CUBE)
        # Steer the cube, not the gripper: it is seldom held exactly in the middle.
        there = rise_first(here, _MEETING_M + here - cube)
        free = float(np.interp(cube[2], _FREE_M, (0.0, 1.0)))
        free *= float(np.interp(distance_from_pan_axis(here), _OUTSIDE_M, (0.0, 1.0)))
        lean = natural_lean(here) + free * (_LEVEL_RAD - natural_lean(here))
        spin = self._left.spin(self._left.lean())
        spin += free * (_LEVEL_SPIN_RAD - spin)
        return _turning(self._left, there, spin, lean, CLOSED_RAD, FAST_M_S)

    def _take(self, clearance: float, before_m: float = 0.0, cube: Vector | None = None) -> Goal:
        """The right hand goes up to the cube, with its fixed finger ``clearance`` from the face;
        without clearance and not before it, it closes."""
        at = self._taken_at(clearance, before_m, cube)
        if self._phase is Phase.REACH:
            # Along the line to the cube, no faster than the hand stays on it.
            ahead, left = _direction(at), at - self._right.position()
            along = float(left @ ahead)
            sideways = float(np.linalg.norm(left - along * ahead))
            step = _STEP_M * float(np.interp(sideways, _STRAIGHT_M, (1.0, 0.0)))
            at = at - max(along - step, 0.0) * ahead
        closes = clearance == before_m == 0.0
        opening = CLOSED_RAD if closes else OPEN_RAD
        speed = FAST_M_S if before_m else self._gathered_speed()
        return _turning(self._right, at, _LEVEL_SPIN_RAD, _LEVEL_RAD, opening, speed)

    def _gathered_speed(self) -> float:
        """The speed [m/s] of a motion that begins with the phase. It is not there at once: joints
        that have to go different ways would gather theirs at different times, and the hand would
        leave the line."""
        return min(_REACH_M_S, _GATHERING_M_S2 * (self._waited + 1) / self._sim.control_hz)

    def _taken_at(
        self, clearance: float, before_m: float = 0.0, cube: Vector | None = None
    ) -> Vector:
        """Where the right grasp point is to be (3,): see `_take`. ``cube``: if it were there."""
        half, overlap = self._sim.half_size(CUBE), _OVERLAP_M
        there = self._right.seen(self._sim.position(CUBE)) if cube is None else cube
        frame = approach_frame(there, _LEVEL_SPIN_RAD, _LEVEL_RAD)
        upwards, sideways, ahead = frame[:, 0], frame[:, 1], -frame[:, 2]
        if cube is None:  # as much as the left fingers leave
            left = self._right.seen(self._left.position()) - there
            free = half + float(left @ ahead) - _FINGER_M
            overlap = float(np.clip(free, _LEAST_OVERLAP_M, _OVERLAP_M))
        at = there + (overlap - half - _TIP_M - before_m) * ahead
        # The grasp point is half a nominal cube away from the fixed finger.
        return at + _SIDEWAYS_M * sideways + (CUBE_HALF_SIZE_M - half - clearance) * upwards

    def _carry(self) -> Goal:
        """The right hand carries the cube over the bowl and opens."""
        cube = self._right.seen(self._sim.position(CUBE))
        bowl = self._right.seen(self._sim.position(BOWL))
        here = self._right.position()
        carried = bowl + here - cube
        lean, opening, speed = natural_lean(here), CLOSED_RAD, FAST_M_S
        if float(np.linalg.norm(cube[:2] - bowl[:2])) > OVER_BOWL_M:
            carried[2] += CARRY_M
            carried = rise_first(here, carried)
        else:
            carried[2] += RELEASE_M
            speed = SLOW_M_S
            opening = OPEN_RAD if cube[2] < RELEASE_M + 0.01 else CLOSED_RAD
        return _turning(self._right, carried, MIDDLE_SPIN_RAD, lean, opening, speed)

    def _draw_back(self) -> Goal:
        """The right hand leaves the bowl upwards."""
        bowl, here = self._right.seen(self._sim.position(BOWL)), self._right.position()
        up = np.array([bowl[0], bowl[1], RETREAT_M])
        return _turning(self._right, up, MIDDLE_SPIN_RAD, natural_lean(here), OPEN_RAD, FAST_M_S)

    def _stand_aside(self) -> Goal:
        """The left hand goes where it is in nobody's way."""
        lean = natural_lean(self._left.position())
        return _turning(self._left, _ASIDE_M, MIDDLE_SPIN_RAD, lean, OPEN_RAD, FAST_M_S)

    # -- how far it is -------------------------------------------------------------------------

    def _next_phase(self) -> None:
        before = self._phase
        left_holds, right_holds = self._holds(LEFT), self._holds(RIGHT)
        patience = _PATIENCE_S * self._sim.control_hz
        if before is Phase.MEET:
            if left_holds and self._is_held_out() and self._is_before():
                self._phase, self._near = Phase.REACH, 0
        elif before in (Phase.REACH, Phase.CLOSE):
            self._near = self._near + 1 if self._is_there() else 0
            arrived = self._near > _ARRIVED_S * self._sim.control_hz
            if before is Phase.CLOSE and right_holds and self._is_still(RIGHT):
                self._phase = Phase.GIVE
                self._given_at = (self._left.position(), self._right.position())
            elif not left_holds or self._is_pushed() or self._waited > patience:
                self._phase = Phase.MEET
            elif before is Phase.REACH and arrived:
                self._phase = Phase.CLOSE
        elif not is_over_bowl(self._sim) and (
            not any(self._sim.touching_of_arms[RIGHT]) or self._right.opening() < HOLDING_RAD
        ):
            self._phase = Phase.MEET
        elif before is Phase.GIVE:
            below = self._given_at[LEFT][2] - self._left.position()[2] > 0.7 * _BELOW_M
            if not any(self._sim.touching_of_arms[LEFT]) and (below or self._waited > patience):
                self._phase = Phase.LEAVE
        elif before is Phase.LEAVE:
            if self._left_is_clear():
                self._phase = Phase.CARRY
            elif self._waited > patience:  # the hands are hooked
                self._phase = Phase.GIVE
                self._given_at = (self._left.position(), self._right.position())
        self._waited = self._waited + 1 if self._phase is before else 0

    def _fitting_phase(self) -> Phase:
        """What the state of the simulation is, so that this one goes on with what another began."""
        if not self._holds(RIGHT):
            return Phase.MEET
        if any(self._sim.touching_of_arms[LEFT]):
            return Phase.GIVE
        return Phase.CARRY if self._left_is_clear() else Phase.LEAVE

    def _holds(self, arm: int) -> bool:
        opening = (self._left, self._right)[arm].opening()
        return all(self._sim.touching_of_arms[arm]) and opening > HOLDING_RAD

    def _is_still(self, arm: int) -> bool:
        gripper = self._sim.robot.index(self._sim.robot.grippers[arm])
        return bool(abs(self._sim.joint_velocity[gripper]) < _STILL_RAD_S)

    def _left_is_clear(self) -> bool:
        away = np.linalg.norm(self._left.position() - self._sim.position(CUBE))
        return not any(self._sim.touching_of_arms[LEFT]) and bool(away > _CLEAR_M)

    def _is_held_out(self) -> bool:
        off = float(np.linalg.norm(self._sim.position(CUBE) - _MEETING_M))
        calm = self._sim.speed(CUBE) < _CALM_M_S
        return off < _NEAR_M and calm and _is_level(self._left, _LEVEL_SPIN_RAD)

    def _is_there(self) -> bool:
        at = self._taken_at(_APART_M)
        off, ahead = self._right.position() - at, _direction(at)
        along = float(off @ ahead)
        return abs(along) < _DEEP_M and bool(np.linalg.norm(off - along * ahead) < _BESIDE_M)

    def _is_pushed(self) -> bool:
        return bool(np.linalg.norm(self._sim.position(CUBE) - _MEETING_M) > _PUSHED_M)

    def _is_before(self) -> bool:
        before = self._taken_at(_APART_M, _BEFORE_M, self._right.seen(_MEETING_M))
        off = float(np.linalg.norm(self._right.position() - before))
        return off < _NEAR_M and _is_level(self._right, _LEVEL_SPIN_RAD)


def _turning(
    controller: CartesianController,
    position: Vector,
    spin: float,
    lean: float,
    opening: float,
    speed: float,
) -> Goal:
    """A goal with lean and spin of the hand only so far ahead of what they are that the hand turns
    calmly and keeps its place meanwhile."""
    lean_now = controller.lean()
    spin_now = controller.spin(lean_now)
    ahead = (
        now + float(np.clip(wanted - now, -_TURN_RAD, _TURN_RAD))
        for wanted, now in ((spin, spin_now), (lean, lean_now))
    )
    next_spin, next_lean = ahead
    return Goal(position, next_spin, opening, speed, next_lean)


def _is_level(controller: CartesianController, spin: float) -> bool:
    lean = controller.lean()
    return abs(controller.spin(lean) - spin) < _TURNED_RAD and abs(lean - _LEVEL_RAD) < _TURNED_RAD


def _direction(position: Vector) -> Vector:
    """(3,) in which a level hand points at a place, in the frame of its arm's base."""
    return -approach_frame(position, 0.0, _LEVEL_RAD)[:, 2]
