"""What arms with given servos would do under recorded commands: the model that is fitted.

Letters: B arms at once, T physics steps, N measurements, C commands, 6 joints in the order of
`JOINT_NAMES`. The physics is the simulation's own (`act_sim.scene`: masses, gravity, time step,
integrator), without contacts, so that what is identified is right for `act_sim`.

A command holds from its stamp plus the joint's delay until the next one. The goal in a physics step
is the mean of what holds during it, so that the motion is a smooth function of the delay, though
the step is 3.3 ms long.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence

import mujoco
import mujoco.rollout
import numpy as np
from act_sim.identified_arm import JOINT_NAMES, IdentifiedArm, apply_servos
from act_sim.scene import PHYSICS_HZ, build_scene
from numpy.typing import NDArray

from act_training.identify.motion_log import MotionLog

Array = NDArray[np.float64]

SETTLE_S = 0.5  # under the first command, before the first measurement


class ArmRollout:
    """Predicts the positions that a log's joint states would tell of any arm.

    log: commands and measurements; the first command holds before its stamp, too.
    rate_hz: of the physics: as `act_sim` has it, or finer, to come nearer to the arm itself.
    """

    def __init__(self, log: MotionLog, rate_hz: int = PHYSICS_HZ) -> None:
        self._model = build_scene().compile()
        self._model.opt.timestep = 1.0 / rate_hz
        self._rate_hz = rate_hz
        self._model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT
        self._datas = [mujoco.MjData(self._model) for _ in range(os.cpu_count() or 1)]
        self._log = log
        self._begin_s = float(log.state_s[0]) - SETTLE_S
        steps = int(np.ceil((log.state_s[-1] - self._begin_s) * self._rate_hz)) + 1
        self._edges_s = self._begin_s + np.arange(steps + 1) / self._rate_hz  # (T + 1,)
        joints = [self._model.joint(name) for name in JOINT_NAMES]
        self._qpos = np.array([joint.qposadr[0] for joint in joints])
        self._ctrl = np.array([self._model.actuator(name).id for name in JOINT_NAMES])
        # The integral of each command over time, from which means over any interval follow.
        ends_s = np.concatenate([[min(self._begin_s, log.command_s[0]) - 1.0], log.command_s])
        held = np.concatenate([log.command_rad[:1], log.command_rad])
        last_s = max(float(self._edges_s[-1]), ends_s[-1]) + 1.0
        lengths = np.diff(np.append(ends_s, last_s))[:, None]
        self._knots_s = np.append(ends_s, last_s)  # (C + 2,)
        self._integral = np.concatenate([np.zeros((1, 6)), np.cumsum(held * lengths, axis=0)])

    def positions(self, arms: Sequence[IdentifiedArm]) -> Array:
        """(B, N, 6) [rad], as each arm would have reported them at the stamps of the log."""
        offset = np.array([arm.vector("zero_offset_rad") for arm in arms])  # (B, 6)
        goals = self._goals(arms) + offset[:, None]  # (B, T, 6)
        models = [copy.copy(self._model) for _ in arms]
        for model, arm in zip(models, arms, strict=True):
            apply_servos(model, arm)
        states = self._first_states(offset)
        control = np.empty_like(goals)
        control[:, :, self._ctrl] = goals
        path, _ = mujoco.rollout.rollout(models, self._datas[: len(arms)], states, control)
        joints = path[:, :, 1 + self._qpos]  # behind the time; (B, T, 6) at the ends of the steps
        return self._at_stamps(joints) - offset[:, None]

    def _first_states(self, offset: Array) -> Array:
        kind = mujoco.mjtState.mjSTATE_FULLPHYSICS
        states = np.zeros((len(offset), mujoco.mj_stateSize(self._model, kind)))
        states[:, 1 + self._qpos] = self._log.position_rad[0] + offset
        return states

    def _goals(self, arms: Sequence[IdentifiedArm]) -> Array:
        """(B, T, 6) what the servos are asked for in each step, through delay and play."""
        wanted = np.empty((len(arms), len(self._edges_s) - 1, 6))
        for which, arm in enumerate(arms):
            for joint, delay_s in enumerate(arm.vector("delay_s")):
                at = np.interp(self._edges_s - delay_s, self._knots_s, self._integral[:, joint])
                wanted[which, :, joint] = np.diff(at) * self._rate_hz
        play = 0.5 * np.array([arm.vector("backlash_rad") for arm in arms])
        if not play.any():
            return wanted
        lowest, highest = wanted - play[:, None], wanted + play[:, None]
        held = wanted[:, 0].copy()
        goals = np.empty_like(wanted)
        for step in range(wanted.shape[1]):
            np.maximum(held, lowest[:, step], out=held)
            np.minimum(held, highest[:, step], out=held)
            goals[:, step] = held
        return goals

    def _at_stamps(self, joints: Array) -> Array:
        """(B, N, 6): between the steps, positions change in proportion to time."""
        place = (self._log.state_s - self._begin_s) * self._rate_hz - 1.0  # step k ends at k + 1
        before = np.clip(np.floor(place).astype(int), 0, joints.shape[1] - 2)
        share = np.clip(place - before, 0.0, 1.0)[:, None]
        return (1.0 - share) * joints[:, before] + share * joints[:, before + 1]
