"""The robot's body as numbers: a drawing of them is where MuJoCo says that the arm is."""

from __future__ import annotations

import json

import mujoco
import numpy as np
import pytest
from act_core.robots import find_robot
from act_sim.arm_model import GRASP_SITE, load_arm
from act_sim.twin import twin_of


def pose_matrix(quat, pos) -> np.ndarray:
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, np.array(quat, dtype=np.float64))
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation.reshape(3, 3), pos
    return matrix


def tip_of(twin: dict, angles: dict[str, float]) -> np.ndarray:
    """As the page does it: each body in its parent, turned about its joint's axis."""
    world: list[np.ndarray] = []
    for body in twin["bodies"]:
        here = pose_matrix(body["quat"], body["pos"])
        if body["joint"] is not None:
            turn = np.zeros(4)
            axis = np.array(body["joint"]["axis"])
            mujoco.mju_axisAngle2Quat(turn, axis, angles[body["joint"]["name"]])
            here = here @ pose_matrix(turn, (0, 0, 0))
        world.append(here if body["parent"] < 0 else world[body["parent"]] @ here)
    tip = twin["tips"][0]
    return (world[tip["body"]] @ [*tip["pos"], 1.0])[:3]


@pytest.mark.parametrize("seed", range(3))
def test_the_gripper_is_where_mujoco_has_it(seed):
    robot = find_robot("so101")
    angles = np.random.default_rng(seed).uniform(robot.limits.lower_rad, robot.limits.upper_rad)
    model = load_arm().compile()
    data = mujoco.MjData(model)
    for name, angle in zip(robot.joint_names, angles, strict=True):
        data.joint(name).qpos = angle
    mujoco.mj_kinematics(model, data)
    found = tip_of(twin_of("so101"), dict(zip(robot.joint_names, angles, strict=True)))
    assert found == pytest.approx(data.site(GRASP_SITE).xpos, abs=1e-4)


def test_joints_turn_about_the_origin_of_their_body():
    """What the page assumes."""
    joints = [body["joint"] for body in twin_of("so101_bimanual")["bodies"] if body["joint"]]
    assert {tuple(joint["pos"]) for joint in joints} == {(0.0, 0.0, 0.0)}
    assert [joint["name"] for joint in joints] == list(find_robot("so101_bimanual").joint_names)


def test_it_is_small_enough_for_a_telephone():
    twin = twin_of("so101")
    assert len(json.dumps(twin, allow_nan=False)) < 500_000
    assert sum(len(body["meshes"]) for body in twin["bodies"]) == 17


def test_a_robot_without_a_model_has_no_twin(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\njoints:\n- {name: a, lower_rad: -1.0, upper_rad: 1.0}\n")
    assert twin_of(str(file)) is None
