"""Taking hold of a cube: a skill for the experts of any task that has one."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from act_sim.experts.cartesian_control import GRIPPER, CartesianController, Goal, approach_frame
from act_sim.objects import CUBE, CUBE_HALF_SIZE_M

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

Vector = NDArray[np.float64]

OPEN_RAD = 0.75  # 70 mm between the pads
CLOSED_RAD = 0.02  # a 30 mm cube stops the jaw at 0.19 rad: 1.5 N m, about 19 N at the pad
_OPENED_RAD = 0.75 * OPEN_RAD  # enough to go down beside the cube
HOLDING_RAD = 0.07  # a jaw that closes further than this has nothing between

FAST_M_S, SLOW_M_S = 0.25, 0.13

_HOVER_M = 0.065  # above the cube's middle
_CLEARANCE_M = 0.010  # between the fixed finger and the cube on the way down
# Half the box around the finger tips, seen from the grasp point in its frame. The gripper leans, so
# which corner comes first to the table depends on how it is turned.
_TIPS_M = np.array([0.024, 0.007, 0.0075])
_OVER_TABLE_M = 0.002
_ALIGNED_M, _ALIGNED_RAD = 0.010, 0.15
_CLEAR_BELOW_HOVER_M = 0.025  # the finger tips are still above the cube
_FUNNEL = 4.0  # metres up for a metre sideways
_LOWERED_M = 0.008
_LOST_M = 0.035  # the cube has moved away under the gripper
_PATIENCE_S = 1.2
_BEND_M = 0.015

# The jaws close sideways, with the camera on the far side, turned by at most 45 degrees to meet
# the cube's faces: the approach leans outwards, and only so are both fingers equally high.
MIDDLE_SPIN_RAD = -0.5 * np.pi


class Phase(Enum):
    ABOVE = "above"
    LOWER = "lower"
    CLOSE = "close"
    HELD = "held"


class Grasp:
    """Goals that end with the cube between the fingers, starting again when it slips away.

    It begins in the phase that fits the state of the simulation, so that it can go on with what
    somebody else has begun.
    """

    def __init__(
        self,
        sim: Simulation,
        controller: CartesianController,
        body: str = CUBE,
        off_centre_m: float = 0.0,
    ) -> None:
        """Args:
        controller: of the first arm.
        body: the cube to take, with one box geom.
        off_centre_m: how far from the middle of its faces the fingers are, towards the camera.
        """
        self._sim, self._controller, self._body = sim, controller, body
        self._off_centre_m = off_centre_m
        self.phase = self._fitting_phase()
        self._waited = 0

    def goal(self) -> Goal | None:
        """The goal for this control period, or None while the cube is held."""
        self._next_phase()
        if self.phase is Phase.HELD:
            return None
        cube = self._sim.position(self._body)
        spin = self._spin(cube)
        if self.phase is Phase.ABOVE:
            above = self._beside(cube, spin, _CLEARANCE_M) + np.array([0.0, 0.0, _HOVER_M])
            return Goal(rise_first(self._controller.position(), above), spin, OPEN_RAD, FAST_M_S)
        if self.phase is Phase.LOWER:
            beside = self._beside(cube, spin, _CLEARANCE_M)
            # A funnel: only a finger that is where it should be goes down beside the cube.
            sideways = np.linalg.norm(self._controller.position()[:2] - beside[:2])
            beside[2] += np.clip(_FUNNEL * (sideways - _ALIGNED_M), 0.0, _HOVER_M)
            return Goal(beside, spin, OPEN_RAD, SLOW_M_S)
        return Goal(self._beside(cube, spin, 0.0), spin, CLOSED_RAD, SLOW_M_S)

    def _fitting_phase(self) -> Phase:
        sim, cube = self._sim, self._sim.position(self._body)
        opening = sim.joint_position[GRIPPER]
        if all(sim.touching) and opening > HOLDING_RAD:
            return Phase.HELD
        spin = self._spin(cube)
        off = self._controller.position() - self._beside(cube, spin, _CLEARANCE_M)
        if np.linalg.norm(off) < _LOWERED_M and opening > HOLDING_RAD:
            return Phase.CLOSE
        turned = abs(self._controller.spin() - spin) < _ALIGNED_RAD
        if np.linalg.norm(off[:2]) < _ALIGNED_M and turned and opening > _OPENED_RAD:
            return Phase.LOWER
        return Phase.ABOVE

    def _next_phase(self) -> None:
        sim, cube = self._sim, self._sim.position(self._body)
        before = self.phase
        opening = sim.joint_position[GRIPPER]
        if self.phase is Phase.HELD:
            if opening < HOLDING_RAD or not any(sim.touching):
                self.phase = Phase.ABOVE
        elif self.phase is Phase.CLOSE:
            still = abs(sim.joint_velocity[GRIPPER]) < 0.15
            if opening < HOLDING_RAD or self._waited > _PATIENCE_S * sim.control_hz:
                self.phase = Phase.ABOVE
            elif all(sim.touching) and still:
                self.phase = Phase.HELD
        else:
            spin = self._spin(cube)
            wanted = self._beside(cube, spin, _CLEARANCE_M)
            off = self._controller.position() - wanted
            sideways = float(np.linalg.norm(off[:2]))
            if self.phase is Phase.ABOVE:
                turned = abs(self._controller.spin() - spin) < _ALIGNED_RAD
                clear = off[2] > _HOVER_M - _CLEAR_BELOW_HOVER_M
                if sideways < _ALIGNED_M and turned and clear and opening > _OPENED_RAD:
                    self.phase = Phase.LOWER
            elif sideways > _LOST_M or self._waited > _PATIENCE_S * sim.control_hz:
                self.phase = Phase.ABOVE
            elif np.linalg.norm(off) < _LOWERED_M:
                self.phase = Phase.CLOSE
        self._waited = self._waited + 1 if self.phase is before else 0

    def _spin(self, cube: Vector) -> float:
        """Of the four ways to face the cube, the one nearest to closing sideways."""
        rotation = self._sim.rotation(self._body)
        # The cube may lie on any face: take the edge direction that is most level.
        level = int(np.argmin(np.abs(rotation[2])))
        yaw = float(np.arctan2(rotation[1, level], rotation[0, level]))
        turn = self._controller.spin_of(yaw, cube) - MIDDLE_SPIN_RAD
        quarter = 0.5 * np.pi
        return MIDDLE_SPIN_RAD + turn - quarter * round(turn / quarter)

    def _beside(self, cube: Vector, spin: float, clearance: float) -> Vector:
        """Where the grasp point is when the fixed finger is ``clearance`` from the cube's face."""
        half = self._sim.half_size(self._body)
        frame = approach_frame(cube, spin)
        lowest = np.abs(frame[2]) @ _TIPS_M + _OVER_TABLE_M
        at = np.array([cube[0], cube[1], max(cube[2], lowest)])
        closing = frame[:, 0] * (1.0, 1.0, 0.0)
        if self._off_centre_m:
            at = at + self._off_centre_m * frame[:, 1] * (1.0, 1.0, 0.0)
        # The grasp point is half a nominal cube away from the fixed finger.
        return at + (CUBE_HALF_SIZE_M - half - clearance) * closing


def rise_first(here: Vector, goal: Vector) -> Vector:
    """``goal`` for somebody below it: straight up at first, so as to run into nothing.

    Between two and one `_BEND_M` below the goal the way bends from upwards to straight at it.
    """
    below = goal[2] - here[2]
    sideways = float(np.clip((2.0 * _BEND_M - below) / _BEND_M, 0.0, 1.0))
    bent = here + sideways * (goal - here)
    bent[2] = goal[2]
    return bent
