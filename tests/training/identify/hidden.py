"""An arm with parameters that are known here alone, and what its topics would tell of a motion.

The physics is stepped at 1 kHz by a loop of its own: the code that is tested steps at other rates,
and all at once.
"""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np
from act_core import topics
from act_core.robots import find_robot
from act_sim.excitation import Plan, plan_excitation
from act_sim.identified_arm import JOINT_NAMES, NOMINAL_ARM, IdentifiedArm, apply_servos
from act_sim.scene import build_scene
from act_training.identify.motion_log import MotionLog

from tests.act_record import bags

HOME_POSE_RAD = find_robot("so101").pose("home")
COUNT_RAD = 2.0 * np.pi / 4096  # of the encoder
SENT_S, READ_S = 0.003, 0.001  # in each period of 10 ms


def hidden_arm(seed: int = 0) -> IdentifiedArm:
    rng = np.random.default_rng(seed)

    def joint(nominal):
        return replace(
            nominal,
            gain_nm_per_rad=nominal.gain_nm_per_rad * rng.uniform(0.75, 1.3),
            damping_nm_s_per_rad=nominal.damping_nm_s_per_rad * rng.uniform(0.75, 1.3),
            friction_nm=nominal.friction_nm * rng.uniform(0.7, 1.4),
            armature_kg_m2=nominal.armature_kg_m2 * rng.uniform(0.85, 1.2),
            backlash_rad=rng.uniform(0.004, 0.02),
            delay_s=rng.integers(14, 30) / 1000.0,
            zero_offset_rad=rng.uniform(-0.03, 0.03),
        )

    return IdentifiedArm({name: joint(NOMINAL_ARM.joints[name]) for name in JOINT_NAMES})


def motion(duration_s: float = 24.0, seed: int = 0) -> Plan:
    return plan_excitation(HOME_POSE_RAD, duration_s=duration_s, seed=seed)


def recorded(arm: IdentifiedArm, plan: Plan) -> MotionLog:
    """The log that driver and recorder would make of a motion."""
    model = build_scene().compile()
    model.opt.timestep = 0.001
    apply_servos(model, arm)
    data = mujoco.MjData(model)
    offset, play = arm.vector("zero_offset_rad"), 0.5 * arm.vector("backlash_rad")
    late = np.round((arm.vector("delay_s") + SENT_S) * 1000).astype(int)
    targets = np.repeat(plan.target_rad, 10, axis=0)
    rest = 1000  # ms before the motion, so that the arm hangs as its servos hold it
    held = plan.target_rad[0].copy()
    data.qpos[:6] = held + offset
    read = []
    for ms in range(-rest, len(targets)):
        wanted = targets[np.maximum(ms - late, 0), np.arange(6)]
        held = np.clip(held, wanted - play, wanted + play)
        data.ctrl[:6] = held + offset
        if ms >= 0 and ms % 10 == round(READ_S * 1000):
            read.append(np.round((data.qpos[:6] - offset) / COUNT_RAD) * COUNT_RAD)
        mujoco.mj_step(model, data)
    begins_s = np.arange(len(plan.target_rad)) / plan.rate_hz
    return MotionLog(
        "recorded", begins_s + SENT_S, plan.target_rad, begins_s + READ_S, np.array(read)
    )


def write(path, log: MotionLog, commands_late_ns=0, prefix=None):
    """A bag of it, received 5 ms after the beginning of each period."""
    messages = []
    for topic, times_s, positions, late_ns in (
        (topics.JOINT_STATES, log.state_s, log.position_rad, 0),
        (topics.JOINT_COMMANDS_APPLIED, log.command_s, log.command_rad, commands_late_ns),
    ):
        named = replace(topic, name=(prefix or "") + topic.name)
        for index, (time_s, position) in enumerate(zip(times_s, positions, strict=True)):
            stamp_ns = bags.T0 + round(time_s * 1e9) + late_ns
            received_ns = bags.T0 + 10 * bags.MS * index + 5 * bags.MS
            messages.append(bags.joints(named, stamp_ns, position, received_ns))
    messages.sort(key=lambda message: message.log_ns)
    bags.write_bag(path, messages)
    return path
