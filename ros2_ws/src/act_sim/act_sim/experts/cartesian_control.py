"""Moves one arm's grasp point by joint commands alone, as a careful person with a leader arm would.

Every call looks at the measured joints and asks for a little more of the way: a point on the
straight line to the goal, as far ahead as the servo lags behind at the wanted speed. Differential
inverse kinematics (`mink`) turns that point into joint angles, the torque that gravity takes is
added as the angle that the soft servos (kp = 8.9 N m/rad) need to make it up, and a limiter keeps
speed and acceleration of the commands well inside those of the arm. Nothing is planned ahead, so a
push, a bump or noise on the commands is answered from wherever the arm then is. The limiter's last
command and a slow correction of what is still missing close to the goal are all that is remembered.

The angle of the fingers about the approach direction is the caller's choice. The approach leans
outwards with the distance from the base, because the arm has five joints and this keeps all of the
region in `act_sim.task` within reach; a caller who knows better says how far it leans.

The right one of two arms is the left one's mirror image (`act_sim.mirror`), and so are its goals:
its controller thinks in a frame at its base whose y points to the right, as if it were the left
one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import mink
import mujoco
import numpy as np
from act_core.limits import CommandLimiter, JointLimits
from numpy.typing import NDArray

from act_sim.arm_model import ARM, GRASP_SITE, SERVO, load_arm
from act_sim.mirror import MIRROR_SIGNS

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

Vector = NDArray[np.float64]

GRIPPER = ARM.index(ARM.grippers[0])
_BODY = slice(0, GRIPPER)  # the five joints that move the gripper

# Calm commands: below the arm's limits, and gentle enough that the soft servos follow.
_MAX_VELOCITY_RAD_S, _MAX_ACCELERATION_RAD_S2 = 2.5, 20.0

# At speed v a servo without velocity feed-forward trails its command by v * damping / kp. Half a
# control period of hold and the arm's inertia add to it.
LAG_S = SERVO.damping / SERVO.kp + 0.03

# See `_missing`.
_NEAR_M, _CREEP_PER_S, _FADE_PER_S = 0.02, 1.5, 6.0
_SLOW_FADE_PER_S, _MOST_CREEP_M = 0.3, 0.03  # of a careful controller
_CAREFUL_RAD = 0.16  # how far ahead of a joint its target is then: 1.6 rad/s
_IK_ITERATIONS = 4
_ORIENTATION_COST_M = 0.05  # metres of position error that a radian of orientation error is worth

# The pan axis in the base's frame, from the arm's kinematics [m].
_PAN_AXIS_X_M = 0.0388
# Lean of the approach: near and far end of (distance from the pan axis [m], angle [rad]).
_LEAN = ((0.20, 0.34), (np.deg2rad(15.0), np.deg2rad(40.0)))


class Goal(NamedTuple):
    """Where the grasp point should go, in the frame of the arm's base: see
    `CartesianController.seen`."""

    position: Vector  # (3,) [m]
    spin_rad: float  # of the closing direction about the approach, from the radial direction
    gripper_rad: float
    speed_m_s: float
    lean_rad: float | None = None  # of the approach, 0 down and pi/2 level; None: by the distance


class CartesianController:
    """Turns goals into joint commands for one arm of a simulation."""

    def __init__(self, sim: Simulation, arm: int = 0, careful: bool = False) -> None:
        """Args:
        arm: which one, counted from 0.
        careful: the hand keeps to its line. Joints that have far to go wait for one another, and
            what had to be asked for beyond one goal is asked for beyond the next one, too. May be
            changed at any time.
        """
        self._sim, self.careful = sim, careful
        self._joints = sim.joints_of(arm)
        self._signs = MIRROR_SIGNS if arm == 1 else np.ones(len(ARM.joints))
        self._origin, self._axes = sim.base_of(arm), np.array([1.0, -1.0 if arm == 1 else 1.0, 1.0])
        model = load_arm(sim.mjcf).compile()
        self._configuration = mink.Configuration(model)
        self._order = np.array([model.joint(name).qposadr[0] for name in ARM.joint_names])
        self._site = model.site(GRASP_SITE).id
        self._task = mink.FrameTask(
            GRASP_SITE, "site", position_cost=1.0, orientation_cost=_ORIENTATION_COST_M
        )
        self._limits = [mink.ConfigurationLimit(model)]
        self._travel = self._arm_limits()
        self._limiter = CommandLimiter(_calm(self._travel), 1.0 / sim.control_hz)
        # It sees where joints really are and thinks in that; commands are in what the arm's
        # calibration says.
        self._offset = self._own(sim.joint_offset_rad)
        self._base = np.array([0.0, 0.0, sim.base_height_m])
        self._last = sim.command  # not the measured joints: a closed gripper goes on pressing
        self._limiter.reset(self._own(self._last) + self._offset)
        self._creep = np.zeros(3)

    def seen(self, position: Vector) -> Vector:
        """A point (3,) [m] of the simulation (the frame of the first arm's base) as this arm has
        it; mirrored for a mirrored arm."""
        return (position - self._origin) * self._axes

    def position(self) -> Vector:
        """(3,) [m], the measured grasp point in the frame of the arm's base."""
        self._set_joints(self._measured())
        return self._configuration.data.site_xpos[self._site] + self._base

    def spin(self, lean_rad: float | None = None) -> float:
        """The measured angle [rad] of the closing direction about the approach (see `Goal`).

        lean_rad: how far the approach leans, where it is not as the distance says.
        """
        here = self.position()
        closing = self._configuration.data.site_xmat[self._site].reshape(3, 3)[:, 0]
        zero, quarter, _ = approach_frame(here, 0.0, lean_rad).T
        return float(np.arctan2(closing @ quarter, closing @ zero))

    def lean(self) -> float:
        """How far the measured approach leans outwards [rad]."""
        here = self.position()
        back = self._configuration.data.site_xmat[self._site].reshape(3, 3)[:, 2]
        return float(np.arctan2(-back @ _radial(here), back[2]))

    def opening(self) -> float:
        """The measured angle [rad] of the gripper, as the arm's calibration has it."""
        return float(self._own(self._sim.joint_position)[GRIPPER])

    def command(self, goal: Goal) -> Vector:
        """The joint targets (J,) [rad] for the next control period; another arm stays where it was
        told to be when this controller was made."""
        targets = self._last.copy()
        targets[self._joints] = self.arm_command(goal)
        return targets

    def arm_command(self, goal: Goal) -> Vector:
        """The joint targets [rad] of this arm alone, in the order of its joints."""
        measured = self._measured()
        here = self.position()
        sag = self._gravity_torque()[_BODY] / SERVO.kp
        way = goal.position - here
        distance = float(np.linalg.norm(way))
        lead = goal.speed_m_s * LAG_S
        ahead = goal.position if distance <= lead else here + way * (lead / distance)
        ahead = ahead + self._missing(way, distance)
        target = measured
        turn = self._inverse_kinematics(ahead, goal)[_BODY]
        most = float(np.abs(turn - measured[_BODY]).max())
        if self.careful and most > _CAREFUL_RAD:
            turn = measured[_BODY] + (turn - measured[_BODY]) * (_CAREFUL_RAD / most)
        target[_BODY] = turn + sag
        target[GRIPPER] = goal.gripper_rad
        sent = self._limiter.limit(target).position_rad - self._offset
        return np.clip(sent, self._travel.lower_rad, self._travel.upper_rad) * self._signs

    def _missing(self, way: Vector, distance: float) -> Vector:
        """What to ask for beyond the goal (3,) [m], because the arm stays short of it.

        Friction and servos weaker than the nominal ones leave a rest of some millimetres that
        only patience can tell from lag: it grows while the goal is near and fades elsewhere.
        """
        if distance < _NEAR_M:
            self._creep += way * (_CREEP_PER_S / self._sim.control_hz)
            most = _MOST_CREEP_M if self.careful else _NEAR_M
            self._creep *= min(1.0, most / max(float(np.linalg.norm(self._creep)), 1e-9))
        else:
            fade_per_s = _SLOW_FADE_PER_S if self.careful else _FADE_PER_S
            self._creep *= 1.0 - fade_per_s / self._sim.control_hz
        return self._creep

    def spin_of(self, yaw_rad: float, at: Vector) -> float:
        """The spin that turns the closing direction to ``yaw_rad`` at a point (base frame)."""
        return yaw_rad - float(np.arctan2(at[1], at[0] - _PAN_AXIS_X_M))

    def _inverse_kinematics(self, position: Vector, goal: Goal) -> Vector:
        frame = approach_frame(position, goal.spin_rad, goal.lean_rad)
        self._task.set_target(
            mink.SE3.from_rotation_and_translation(
                mink.SO3.from_matrix(frame), position - self._base
            )
        )
        for _ in range(_IK_ITERATIONS):
            velocity = mink.solve_ik(
                self._configuration, [self._task], 1.0, "daqp", damping=1e-6, limits=self._limits
            )
            self._configuration.integrate_inplace(velocity, 1.0)
        return self._configuration.q[self._order]

    def _gravity_torque(self) -> Vector:
        """(6,) [N m], what holds the arm still where `_set_joints` put it."""
        torque = np.zeros(self._configuration.model.nv)
        mujoco.mj_rne(self._configuration.model, self._configuration.data, 0, torque)
        return torque[self._order]

    def _set_joints(self, position: Vector) -> None:
        q = np.zeros(self._configuration.model.nq)
        q[self._order] = position
        self._configuration.update(q)

    def _measured(self) -> Vector:
        return self._own(self._sim.joint_position) + self._offset

    def _own(self, joints: Vector) -> Vector:
        """Of this arm's joints (6,), turned as those of the left arm."""
        return joints[self._joints] * self._signs

    def _arm_limits(self) -> JointLimits:
        limits = self._sim.limits
        ends = np.sort([self._own(limits.lower_rad), self._own(limits.upper_rad)], axis=0)
        return JointLimits(
            names=limits.names[self._joints],
            lower_rad=ends[0],
            upper_rad=ends[1],
            max_velocity_rad_s=limits.max_velocity_rad_s[self._joints],
            max_acceleration_rad_s2=limits.max_acceleration_rad_s2[self._joints],
        )


def _calm(limits: JointLimits) -> JointLimits:
    """The same at the speed and acceleration of a demonstration."""
    return JointLimits(
        names=limits.names,
        lower_rad=limits.lower_rad,
        upper_rad=limits.upper_rad,
        max_velocity_rad_s=np.minimum(limits.max_velocity_rad_s, _MAX_VELOCITY_RAD_S),
        max_acceleration_rad_s2=np.minimum(
            limits.max_acceleration_rad_s2, _MAX_ACCELERATION_RAD_S2
        ),
    )


def distance_from_pan_axis(position: Vector) -> float:
    """Of a point in the frame of the arm's base [m]."""
    return float(np.linalg.norm([position[0] - _PAN_AXIS_X_M, position[1]]))


def natural_lean(position: Vector) -> float:
    """How far the approach to a point leans where nobody says otherwise [rad]."""
    return float(np.interp(distance_from_pan_axis(position), *_LEAN))


def _radial(position: Vector) -> Vector:
    """(3,) level and of length 1: away from the pan axis at a point."""
    outwards = np.array([position[0] - _PAN_AXIS_X_M, position[1]])
    return np.array([*(outwards / max(np.linalg.norm(outwards), 1e-6)), 0.0])


def approach_frame(position: Vector, spin_rad: float, lean_rad: float | None = None) -> Vector:
    """The rotation (3, 3) of the grasp site at a point: x closing direction, -z approach.

    The approach leans outwards, away from the pan axis: by ``lean_rad``, or with the distance.
    """
    lean = natural_lean(position) if lean_rad is None else lean_rad
    radial = _radial(position)
    up = np.array([0.0, 0.0, 1.0])
    back = np.cos(lean) * up - np.sin(lean) * radial
    zero = np.cos(lean) * radial + np.sin(lean) * up
    closing = np.cos(spin_rad) * zero + np.sin(spin_rad) * np.cross(back, zero)
    return np.column_stack([closing, np.cross(back, closing), back])
