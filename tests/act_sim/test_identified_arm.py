import copy
from dataclasses import asdict, replace

import mujoco
import numpy as np
import pytest
import yaml
from act_core.errors import ConfigurationError
from act_core.robots.so101 import JOINT_NAMES
from act_sim.identified_arm import NOMINAL_ARM, IdentifiedArm, JointDynamics, read_arm
from act_sim.simulation import PHYSICS_HZ, Simulation

CONTENT = {
    "act_arm_parameters": 1,
    "robot": "so101",
    "joints": {name: asdict(joint) for name, joint in NOMINAL_ARM.joints.items()},
}


def written(path, **changes):
    content = copy.deepcopy(CONTENT)
    for place, value in changes.items():
        *keys, last = place.split("__")
        part = content
        for key in keys:
            part = part[key]
        part[last] = value
    path.write_text(yaml.safe_dump(content))
    return path


def changed(joint: str, **values) -> IdentifiedArm:
    joints = dict(NOMINAL_ARM.joints)
    joints[joint] = replace(joints[joint], **values)
    return IdentifiedArm(joints)


def test_a_file_is_read_as_it_was_written(tmp_path):
    path = written(tmp_path / "arm.yaml", joints__elbow_flex__gain_nm_per_rad=7.5, note="mine")
    arm = read_arm(path)
    assert arm.joints["elbow_flex"] == JointDynamics(gain_nm_per_rad=7.5)
    assert arm.vector("gain_nm_per_rad").tolist() == [8.9, 8.9, 7.5, 8.9, 8.9, 8.9]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"robot": "koch"}, "of robot 'koch', expected 'so101'"),
        ({"robot": None}, "of robot None"),
        ({"act_arm_parameters": 2}, "act_arm_parameters is 2, this version reads 1"),
        ({"joints__gripper__friction_nm": -0.01}, "gripper: friction_nm is -0.01, expected 0 to 5"),
        ({"joints__gripper__delay_s": float("nan")}, "gripper: delay_s is nan"),
        ({"joints__gripper__gain_nm_per_rad": float("inf")}, "gain_nm_per_rad is inf"),
        ({"joints__gripper__gain_nm_per_rad": 0.0}, "expected 0.1 to 1000"),
        ({"joints__wrist_flex__zero_offset_rad": 2.0}, "zero_offset_rad is 2, expected -0.35"),
        ({"joints__wrist_flex__zero_offset_rad": True}, "is True, expected a number"),
        ({"joints__wrist_flex__backlash_rad": "1 deg"}, "is '1 deg', expected a number"),
        ({"joints__wrist_flex": [1, 2]}, r"wrist_flex: \[1, 2\], expected names with values"),
        ({"joints": {"elbow": {}}}, "unknown joint 'elbow'; did you mean 'elbow_flex'"),
        ({"joints": {}}, "there is no joint shoulder_pan, shoulder_lift"),
        ({"joints__gripper__gian": 1.0}, "unknown gripper: parameter 'gian'"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path, changes, words):
    with pytest.raises(ConfigurationError, match=words):
        read_arm(written(tmp_path / "arm.yaml", **changes))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("joints: [", "is not YAML"),
        ("", "no arm parameters"),
        ("- 1", "no arm parameters"),
        ("joints: {}", "there is no 'act_arm_parameters'"),
    ],
)
def test_other_files_are_refused(tmp_path, text, words):
    (tmp_path / "arm.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        read_arm(tmp_path / "arm.yaml")


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot read the arm parameters"):
        Simulation("reach", arm_parameters=tmp_path / "none.yaml")


def test_two_arms_have_no_file():
    with pytest.raises(ConfigurationError, match="those of one arm; this simulation has 2"):
        Simulation("reach", arms=2, arm_parameters=NOMINAL_ARM)


def sag(sim: Simulation) -> np.ndarray:
    target = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.5])
    sim.reset(0, arm_start_rad=target)
    for _ in range(90):
        sim.step(target)
    return sim.joint_position - target


def test_half_the_gain_sags_twice_as_far():
    """Without friction the sag is gravity's torque (0.54 and 0.45 N m at zero) over the gain."""
    smooth = {"friction_nm": 0.0}
    stiff = IdentifiedArm({n: replace(j, **smooth) for n, j in NOMINAL_ARM.joints.items()})
    soft = IdentifiedArm({n: replace(j, gain_nm_per_rad=4.45) for n, j in stiff.joints.items()})
    first, second = (sag(Simulation("reach", arm_parameters=arm)) for arm in (stiff, soft))
    lift, elbow = 1, 2
    assert first[[lift, elbow]] == pytest.approx([0.54 / 8.9, 0.45 / 8.9], abs=0.004)
    assert (second / first)[[lift, elbow]] == pytest.approx(2.0, rel=0.05)


def test_the_nominal_arm_changes_nothing():
    plain, same = Simulation("reach"), Simulation("reach", arm_parameters=NOMINAL_ARM)
    for sim in (plain, same):
        sim.reset(3)
        for _ in range(30):
            sim.step(np.array([0.3, -1.0, 0.6, 1.0, 0.2, 0.1]))
    assert same.joint_position == pytest.approx(plain.joint_position, abs=1e-9)


def first_motion(sim: Simulation) -> np.ndarray:
    """(6,) physics steps after a command at which each servo's goal is the new one."""
    sim.reset(1)
    start = sim.joint_position.copy()
    seen = np.full(6, -1)
    sim.step(np.clip(start + 0.2, sim.limits.lower_rad, sim.limits.upper_rad))
    for period in range(30):
        moved = np.abs(sim.command - start) > 0.1
        seen[moved & (seen < 0)] = period
        sim.step(np.clip(start + 0.2, sim.limits.lower_rad, sim.limits.upper_rad))
    return seen


def test_each_servo_has_its_own_delay():
    arm = changed("elbow_flex", delay_s=0.020).delayed(0.010)
    sim = Simulation("reach", control_hz=PHYSICS_HZ, arm_parameters=arm)
    assert first_motion(sim).tolist() == [3, 3, 9, 3, 3, 3]


def test_a_state_in_the_middle_of_a_delay_is_restored_bit_by_bit():
    arm = changed("elbow_flex", delay_s=0.05, backlash_rad=0.02)
    sim = Simulation("reach", arm_parameters=arm)
    sim.reset(2)
    target = np.array([0.3, -1.0, 0.6, 1.0, 0.2, 0.1])
    sim.step(target)
    saved = sim.save()
    sim.step(0.5 * target)
    sim.step(target)
    after = sim.joint_position.copy()
    sim.restore(saved)
    sim.step(0.5 * target)
    sim.step(target)
    assert (sim.joint_position == after).all()


def test_an_offset_is_between_what_is_and_what_is_told():
    sim = Simulation("reach", arm_parameters=changed("wrist_flex", zero_offset_rad=0.05))
    sim.reset(0)
    joint = sim.data.joint("wrist_flex")
    assert joint.qpos[0] - sim.joint_position[3] == pytest.approx(0.05)


def test_levels_are_drawn_around_the_arm():
    arm = changed("shoulder_lift", gain_nm_per_rad=6.0, zero_offset_rad=0.05, delay_s=0.02,
                  armature_kg_m2=0.04)  # fmt: skip
    sim = Simulation("pick_place", level=3, arm_parameters=arm)
    drawn = sim.reset(5)["randomization"]
    lift = sim.model.actuator("shoulder_lift").id
    gain = 6.0 * drawn["supply"] * drawn["servo_gain"][lift]
    assert sim.model.actuator_gainprm[lift, 0] == pytest.approx(gain)
    assert sim.joint_offset_rad[1] == pytest.approx(0.05 + drawn["joint_offset_rad"][lift])
    plain = Simulation("pick_place", level=3).reset(5)["randomization"]
    assert drawn == plain
    # And back to the arm itself, with what MuJoCo derives of it.
    sim.reset(5, level=0)
    assert sim.model.actuator_gainprm[lift, 0] == 6.0
    assert sim.model.dof_armature[sim.model.joint("shoulder_lift").dofadr[0]] == 0.04
    fresh = Simulation("pick_place", arm_parameters=arm, look="room")
    fresh.reset(5)
    for name in ("dof_M0", "dof_invweight0"):
        assert (getattr(sim.model, name) == getattr(fresh.model, name)).all()
    assert mujoco.mj_getTotalmass(sim.model) > 0.6


def test_names_are_in_the_order_of_the_robot():
    assert tuple(NOMINAL_ARM.joints) == JOINT_NAMES


def test_a_name_that_cannot_be():
    with pytest.raises(ConfigurationError, match="is no path"):
        read_arm("~nobody_of_that_name/arm.yaml")
