"""The arm: kinematics, servos, fingers and other model files."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.robots.so101 import JOINTS
from act_sim.arm_model import (
    FIXED_PAD,
    MOVING_PAD,
    PARALLEL_OPENING_RAD,
    SERVO,
    load_arm,
    shipped_mjcf,
)


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return load_arm().compile()


def posed(model: mujoco.MjModel, **joints_rad: float) -> mujoco.MjData:
    data = mujoco.MjData(model)
    for name, angle in joints_rad.items():
        data.joint(name).qpos[0] = angle
    mujoco.mj_forward(model, data)
    return data


def test_zero_pose_is_that_of_the_arm_makers_model(model):
    data = posed(model)
    assert data.site("gripperframe").xpos == pytest.approx([0.3914, 0.0, 0.2265], abs=1e-4)
    assert data.joint("shoulder_lift").xanchor[[0, 2]] == pytest.approx([0.0692, 0.1166], abs=1e-4)
    assert data.joint("elbow_flex").xanchor[[0, 2]] == pytest.approx([0.0972, 0.2292], abs=1e-4)


def test_positive_angles_turn_clockwise_down_and_open(model):
    zero = posed(model)
    tip = zero.site("grasp").xpos
    assert posed(model, shoulder_pan=0.3).site("grasp").xpos[1] < tip[1]
    for joint in ("shoulder_lift", "elbow_flex", "wrist_flex"):
        assert posed(model, **{joint: 0.3}).site("grasp").xpos[2] < tip[2]
    gaps = [pad_gap(posed(model, gripper=angle)) for angle in (0.0, 0.5, 1.0)]
    assert gaps[0] < gaps[1] < gaps[2]


def pad_gap(data: mujoco.MjData) -> float:
    return float(np.linalg.norm(data.geom(MOVING_PAD).xpos - data.geom(FIXED_PAD).xpos))


def test_pads_are_parallel_and_30_mm_apart_at_the_parallel_opening(model):
    data = posed(model, gripper=PARALLEL_OPENING_RAD)
    fixed, moving = data.geom(FIXED_PAD), data.geom(MOVING_PAD)
    assert fixed.xmat == pytest.approx(moving.xmat, abs=1e-6)
    thickness = 2.0 * model.geom(FIXED_PAD).size[0]
    assert pad_gap(data) - thickness == pytest.approx(0.030, abs=1e-4)


def test_joint_limits_are_those_of_the_joint_table(model):
    for joint in JOINTS:
        assert model.joint(joint.name).range == pytest.approx(
            [joint.lower_rad, joint.upper_rad], abs=1e-4
        )


def test_servos_sag_under_the_arms_weight_as_identified(model):
    """At rest the error times kp is the gravity torque, up to the Coulomb friction."""
    data = posed(model)
    for _ in range(3000):
        mujoco.mj_step(model, data)
    gravity = data.qfrc_bias.copy()
    held = SERVO.kp * (data.ctrl - data.qpos)
    assert np.abs(held - gravity).max() < SERVO.friction + 1e-3
    # Issue of the copied kp = 998: there the lift joint would sag by 0.03 degrees, not by 3.
    lift = model.joint("shoulder_lift").id
    assert np.rad2deg(data.qpos[lift]) == pytest.approx(3.4, abs=0.6)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no MJCF file at '.*nowhere\.xml'"):
        load_arm(tmp_path / "nowhere.xml")


def test_broken_file_is_refused(tmp_path):
    path = tmp_path / "broken.xml"
    path.write_text("<mujoco><worldbody>")
    with pytest.raises(ConfigurationError, match="cannot read the MJCF file"):
        load_arm(path)


def test_file_without_finger_pads_says_what_is_missing():
    expected = r"has no geom named fixed_pad, moving_pad; its geom names: .*fixed_jaw_pad"
    with pytest.raises(ConfigurationError, match=expected):
        load_arm(shipped_mjcf())
