"""Moves one arm's grasp point by joint commands alone, as a careful person with a leader arm would.

Every call looks at the measured joints and asks for a little more of the way: a point on the
straight line to the goal, as far ahead as the servo lags behind at the wanted speed. Differential
inverse kinematics (`mink`) turns that point into joint angles, the torque that gravity takes is
added as the angle that the soft servos (kp = 8.9 N m/rad) need to make it up, and a limiter keeps
speed and acceleration of the commands well inside those of the arm. Nothing is planned ahead, so a
push, a bump or noise on the commands is answered from wherever the arm then is. The limiter's last
command and a slow correction of what is still missing close to the goal are all that is remembered.

Only the angle of the fingers about the approach direction is the caller's choice. The approach
leans outwards with the distance from the base, because the arm has five joints and this keeps all
of the region in `act_sim.task` within reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import mink
import mujoco
import numpy as np
from act_core.limits import CommandLimiter, JointLimits
from numpy.typing import NDArray

from act_sim.arm_model import ARM, GRASP_SITE, SERVO, load_arm

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

Vector = NDArray[np.float64]

GRIPPER = ARM.index(ARM.grippers[0])
_BODY = slice(0, GRIPPER)  # the five joints that move the gripper
_FIRST = slice(0, len(ARM.joints))  # the first arm among all joints of a simulation

# Calm commands: below the arm's limits, and gentle enough that the soft servos follow.
_MAX_VELOCITY_RAD_S, _MAX_ACCELERATION_RAD_S2 = 2.5, 20.0

# At speed v a servo without velocity feed-forward trails its command by v * damping / kp. Half a
# control period of hold and the arm's inertia add to it.
LAG_S = SERVO.damping / SERVO.kp + 0.03

# See `_missing`.
_NEAR_M, _CREEP_PER_S, _FADE_PER_S = 0.02, 1.5, 6.0
_IK_ITERATIONS = 4
_ORIENTATION_COST_M = 0.05  # metres of position error that a radian of orientation error is worth

# The pan axis in the base's frame, from the arm's kinematics [m].
_PAN_AXIS_X_M = 0.0388
# Lean of the approach: near and far end of (distance from the pan axis [m], angle [rad]).
_LEAN = ((0.20, 0.34), (np.deg2rad(15.0), np.deg2rad(40.0)))


class Goal(NamedTuple):
    """Where the grasp point should go, in the frame of the arm's base."""

    position: Vector  # (3,) [m]
    spin_rad: float  # of the closing direction about the approach, from the radial direction
    gripper_rad: float
    speed_m_s: float


class CartesianController:
    """Turns goals into joint commands for the first arm of a simulation."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        model = load_arm(sim.mjcf).compile()
        self._configuration = mink.Configuration(model)
        self._order = np.array([model.joint(name).qposadr[0] for name in ARM.joint_names])
        self._site = model.site(GRASP_SITE).id
        self._task = mink.FrameTask(
            GRASP_SITE, "site", position_cost=1.0, orientation_cost=_ORIENTATION_COST_M
        )
        self._limits = [mink.ConfigurationLimit(model)]
        self._limiter = CommandLimiter(_calm_limits(sim), 1.0 / sim.control_hz)
        # It sees where joints really are and thinks in that; commands are in what the arm's
        # calibration says.
        self._offset = sim.joint_offset_rad[_FIRST]
        self._base = np.array([0.0, 0.0, sim.base_height_m])
        last = sim.command  # not the measured joints: a closed gripper goes on pressing
        self._limiter.reset(last[_FIRST] + self._offset)
        self._others = last[len(ARM.joints) :]
        self._creep = np.zeros(3)

    def position(self) -> Vector:
        """(3,) [m], the measured grasp point in the frame of the arm's base."""
        self._set_joints(self._measured())
        return self._configuration.data.site_xpos[self._site] + self._base

    def spin(self) -> float:
        """The measured angle [rad] of the closing direction about the approach (see `Goal`)."""
        here = self.position()
        closing = self._configuration.data.site_xmat[self._site].reshape(3, 3)[:, 0]
        zero, quarter, _ = approach_frame(here, 0.0).T
        return float(np.arctan2(closing @ quarter, closing @ zero))

    def command(self, goal: Goal) -> Vector:
        """The joint targets [rad] for the next control period; a second arm stays where it is."""
        measured = self._measured()
        here = self.position()
        sag = self._gravity_torque()[_BODY] / SERVO.kp
        way = goal.position - here
        distance = float(np.linalg.norm(way))
        lead = goal.speed_m_s * LAG_S
        ahead = goal.position if distance <= lead else here + way * (lead / distance)
        ahead = ahead + self._missing(way, distance)
        target = measured
        target[_BODY] = self._inverse_kinematics(ahead, goal.spin_rad)[_BODY] + sag
        target[GRIPPER] = goal.gripper_rad
        sent = self._limiter.limit(target).position_rad - self._offset
        limits = self._sim.limits
        sent = np.clip(sent, limits.lower_rad[_FIRST], limits.upper_rad[_FIRST])
        return np.concatenate([sent, self._others])

    def _missing(self, way: Vector, distance: float) -> Vector:
        """What to ask for beyond the goal (3,) [m], because the arm stays short of it.

        Friction and servos weaker than the nominal ones leave a rest of some millimetres that
        only patience can tell from lag: it grows while the goal is near and fades elsewhere.
        """
        if distance < _NEAR_M:
            self._creep += way * (_CREEP_PER_S / self._sim.control_hz)
            self._creep *= min(1.0, _NEAR_M / max(float(np.linalg.norm(self._creep)), 1e-9))
        else:
            self._creep *= 1.0 - _FADE_PER_S / self._sim.control_hz
        return self._creep

    def spin_of(self, yaw_rad: float, at: Vector) -> float:
        """The spin that turns the closing direction to ``yaw_rad`` at a point (base frame)."""
        return yaw_rad - float(np.arctan2(at[1], at[0] - _PAN_AXIS_X_M))

    def _inverse_kinematics(self, position: Vector, spin_rad: float) -> Vector:
        rotation = mink.SO3.from_matrix(approach_frame(position, spin_rad))
        self._task.set_target(
            mink.SE3.from_rotation_and_translation(rotation, position - self._base)
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
        return self._sim.joint_position[_FIRST] + self._offset


def _calm_limits(sim: Simulation) -> JointLimits:
    """Those of the first arm, at the speed and acceleration of a demonstration."""
    limits, first = sim.limits, _FIRST
    velocity, acceleration = limits.max_velocity_rad_s, limits.max_acceleration_rad_s2
    return JointLimits(
        names=limits.names[first],
        lower_rad=limits.lower_rad[first],
        upper_rad=limits.upper_rad[first],
        max_velocity_rad_s=np.minimum(velocity[first], _MAX_VELOCITY_RAD_S),
        max_acceleration_rad_s2=np.minimum(acceleration[first], _MAX_ACCELERATION_RAD_S2),
    )


def approach_frame(position: Vector, spin_rad: float) -> Vector:
    """The rotation (3, 3) of the grasp site at a point: x closing direction, -z approach.

    The approach leans outwards, away from the pan axis, with the distance from it.
    """
    outwards = np.array([position[0] - _PAN_AXIS_X_M, position[1]])
    distance = np.linalg.norm(outwards)
    lean = np.interp(distance, *_LEAN)
    radial = np.array([*(outwards / max(distance, 1e-6)), 0.0])
    up = np.array([0.0, 0.0, 1.0])
    back = np.cos(lean) * up - np.sin(lean) * radial
    zero = np.cos(lean) * radial + np.sin(lean) * up
    closing = np.cos(spin_rad) * zero + np.sin(spin_rad) * np.cross(back, zero)
    return np.column_stack([closing, np.cross(back, closing), back])
