"""An arm with parameters that nobody knows, behind a servo bus, in a process of its own.

    python -m bench._hidden_arm --pty PORT --calibration FILE --truth FILE --seed 3

Six emulated servos on a pseudo-terminal turn the joints of one MuJoCo arm, whose gains, damping,
friction, armatures, play, delays and zero offsets are drawn here. What was drawn is written to
--truth when the process ends, and not before: whoever identifies the arm cannot have read it.
"""

from __future__ import annotations

import argparse
import json
import signal
from collections import deque
from dataclasses import asdict
from pathlib import Path

import mujoco
import numpy as np
from act_core.realtime import prepare_process
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES
from act_sim.identified_arm import (
    NOMINAL_ARM,
    IdentifiedArm,
    JointDynamics,
    apply_servos,
)
from act_sim.scene import build_scene
from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.joint import Drive
from so101_driver.emulator.motor import RAD_TO_COUNTS, STEP_S
from so101_driver.emulator.pty_port import PtyPort
from so101_driver.emulator.servo import EmulatedServo

PRIORITY = 60  # hardware never waits for a processor
OWN_STREAM = 0x1DE4  # of the seed: no other program draws from it


def draw_arm(seed: int) -> IdentifiedArm:
    """Factors around the nominal servos as level 3 has them, and delays of a bus and a firmware."""
    rng = np.random.default_rng([OWN_STREAM, seed])
    common_delay_s = rng.uniform(0.010, 0.040)

    def joint(nominal: JointDynamics) -> JointDynamics:
        return JointDynamics(
            gain_nm_per_rad=nominal.gain_nm_per_rad * rng.uniform(0.7, 1.3),
            damping_nm_s_per_rad=nominal.damping_nm_s_per_rad * rng.uniform(0.7, 1.3),
            friction_nm=nominal.friction_nm * rng.uniform(0.6, 1.5),
            armature_kg_m2=nominal.armature_kg_m2 * rng.uniform(0.8, 1.25),
            backlash_rad=float(np.radians(rng.uniform(0.1, 1.3))),
            delay_s=common_delay_s + rng.uniform(-0.002, 0.002),
            zero_offset_rad=float(np.radians(rng.uniform(-2.0, 2.0))),
        )

    return IdentifiedArm({name: joint(NOMINAL_ARM.joints[name]) for name in JOINT_NAMES})


class HiddenJoint:
    """One joint of a `HiddenArm` as its servo sees it. The last one lets time pass for all."""

    def __init__(self, arm: HiddenArm, index: int, position_rad: float) -> None:
        self._arm, self._index = arm, index
        self.position_rad, self.velocity_rad_s = position_rad, 0.0

    def step(self, drive: Drive, dt_s: float) -> None:
        self._arm.drive(self._index, drive)


class HiddenArm:
    """A MuJoCo arm at 1 kHz. Without torque it stands still, as somebody who holds it would."""

    def __init__(self, truth: IdentifiedArm, start_rad: np.ndarray, profile: bool) -> None:
        model = build_scene().compile()
        model.opt.timestep = STEP_S
        apply_servos(model, truth)
        self._model, self._data = model, mujoco.MjData(model)
        joints = [model.joint(name) for name in JOINT_NAMES]
        self._qpos = np.array([joint.qposadr[0] for joint in joints])
        self._dofs = np.array([joint.dofadr[0] for joint in joints])
        self._ctrl = np.array([model.actuator(name).id for name in JOINT_NAMES])
        self._offset = truth.vector("zero_offset_rad")
        self._play = 0.5 * truth.vector("backlash_rad")
        delays = np.round(truth.vector("delay_s") / STEP_S).astype(int)
        self._waiting = [deque([at] * count) for at, count in zip(start_rad, delays, strict=True)]
        self._data.qpos[self._qpos] = start_rad + self._offset
        self._held = np.array(start_rad, dtype=np.float64)
        self._wanted = self._held.copy()
        self._powered = np.zeros(6, dtype=bool)
        self._profile = profile
        self.joints = [HiddenJoint(self, i, at) for i, at in enumerate(start_rad)]
        self.servos: list[EmulatedServo] = []

    def drive(self, index: int, drive: Drive) -> None:
        self._powered[index] = drive.powered
        if not drive.powered:
            wanted = self.joints[index].position_rad
        elif self._profile:
            wanted = drive.target_rad
        else:
            settings = self.servos[index].motor.settings
            wanted = (settings.goal - settings.zero) / RAD_TO_COUNTS
        line = self._waiting[index]
        line.append(wanted)
        self._wanted[index] = line.popleft()
        if index == len(self.joints) - 1:
            self._step()

    def _step(self) -> None:
        data = self._data
        followed = np.clip(self._held, self._wanted - self._play, self._wanted + self._play)
        self._held = np.where(self._powered, followed, self._held)
        data.ctrl[self._ctrl] = self._held + self._offset
        mujoco.mj_step(self._model, data)
        position = data.qpos[self._qpos] - self._offset
        velocity = data.qvel[self._dofs]
        for joint, at, speed in zip(self.joints, position.tolist(), velocity.tolist(), strict=True):
            joint.position_rad, joint.velocity_rad_s = at, speed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pty", type=Path, required=True)
    parser.add_argument("--calibration", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True, help="written at the end")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--profile", action="store_true", help="the firmware's own ramps, too")
    arguments = parser.parse_args()
    truth = draw_arm(arguments.seed)
    arm = HiddenArm(truth, HOME_POSE_RAD, arguments.profile)
    arm.servos = emulated_servos(HOME_POSE_RAD, arm.joints)
    bus = EmulatedBus(arm.servos)
    port = PtyPort(bus, arguments.pty, PRIORITY)
    emulated_calibration().save(arguments.calibration)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: port.close())
    prepare_process()
    port.serve()
    port.path.unlink(missing_ok=True)
    joints = {name: asdict(joint) for name, joint in truth.joints.items()}
    arguments.truth.write_text(json.dumps(joints, indent=1))


if __name__ == "__main__":
    main()
