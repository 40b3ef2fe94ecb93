"""The humanoid of examples/: another robot, its data and its deployment, with the same nodes.

Its whole journey is examples/humanoid/run.sh; these are its parts.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="run `make setup`: rclpy is not installed")
pytest.importorskip("mujoco", reason="MuJoCo is not installed")

import rclpy
from act_core import topics
from act_core.policy_spec import ActionOutput, ImageInput, JointInput
from act_core.ros import subscription
from act_policy.policy_node import PolicyNode
from act_training.datasets.episode_file import read_episode
from rclpy.node import Node

from examples.humanoid import demonstrate
from examples.humanoid.robot_node import HumanoidNode
from examples.humanoid.world import CAMERAS, HEIGHT, ROBOT, ROBOT_FILE, WIDTH, World, reach
from tests.act_policy.policies import FunctionPolicy, make_spec
from tests.ros_rig import Rig, ros_arguments

FOLDER = ROBOT_FILE.parent


def test_it_has_29_joints_and_every_ball_is_within_reach():
    assert len(ROBOT.joints) == 29
    world = World()
    sides = set()
    for seed in range(40):
        ball, pose = reach(world, seed)
        world.put_ball(ball)
        world.pose(ROBOT.pose("home"))
        assert world.distance() > 0.2, "it begins somewhere else"
        world.pose(pose)
        assert world.distance() < 1e-6
        assert (pose >= ROBOT.limits.lower_rad).all()
        assert (pose <= ROBOT.limits.upper_rad).all()
        sides.add(bool(ball[1] > 0))
    assert sides == {False, True}


def test_demonstrations_are_a_dataset(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["demonstrate", str(tmp_path), "--episodes", "2"])
    demonstrate.main()
    episode = read_episode(tmp_path / "episode_000001.hdf5")
    assert episode.features.joints == ROBOT.joint_names
    assert episode.actions.shape == (30, 29)
    assert set(episode.images) == set(CAMERAS)
    red = episode.images["head"][0].astype(int)
    assert (red[..., 0] > red[..., 1] + 80).any(), "the ball is in the picture"
    assert not np.array_equal(episode.images["front"][0], episode.images["front"][-1])
    speed = np.abs(np.diff(episode.actions, axis=0)).max() * 10.0
    assert speed < ROBOT.limits.max_velocity_rad_s.min()


def test_a_policy_for_it_acts_at_10_hz_on_topics():
    seed = 1003
    world = World()
    _, goal = reach(world, seed)
    spec = make_spec(
        joint_input=JointInput("joint_position", ROBOT.joint_names),
        output=ActionOutput("action", ROBOT.joint_names),
        image_inputs=tuple(ImageInput(c, c, HEIGHT, WIDTH) for c in CAMERAS),
    )
    pictures: set[str] = set()

    def answer(observation):
        pictures.update(c for c, image in observation.images.items() if image.std() > 10)
        step = np.arange(1, spec.chunk_size + 1)[:, None] * 0.2  # 2 rad/s
        return observation.joint_position + np.clip(goal - observation.joint_position, -step, step)

    parameters = {
        "robot": ROBOT_FILE, "command_timeout_s": 5.0, "enabled": True, "control_rate_hz": 10.0,
        "realtime_priority": 0, "max_joint_age_s": 5.0, "max_image_age_s": 5.0, "max_skew_s": 1.0,
    }  # fmt: skip
    rclpy.init(
        args=ros_arguments(
            **{k: v for k, v in parameters.items() if k in ("robot", "command_timeout_s")}
        )
    )
    nodes: list = []
    try:
        robot = HumanoidNode(seed, 120.0)
        nodes.append(robot)
        own = [
            rclpy.parameter.Parameter(name, value=value)
            for name, value in parameters.items()
            if name not in ("robot", "command_timeout_s")
        ]
        policy = FunctionPolicy(spec, answer)
        nodes.append(PolicyNode(policy, parameter_overrides=own, use_global_arguments=False))
        listener = Node("listener", use_global_arguments=False)
        nodes.append(listener)
        commands: list = []
        subscription(listener, topics.JOINT_COMMANDS, commands.append)
        rig = Rig(*nodes)
        rig.wait_for(lambda: robot.finished and commands, 120.0)
    finally:
        for node in nodes:
            getattr(node, "close", lambda: None)()
            node.destroy_node()
        rclpy.try_shutdown()
    assert robot.touched
    assert pictures == set(CAMERAS)
    assert list(commands[-1].name) == list(ROBOT.joint_names)


def test_the_script_can_be_read():
    script = FOLDER / "run.sh"
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(script)], check=True)
    for command in ("demonstrate", "act-train", "act-export", "act-evaluate", "act-check"):
        assert command in script.read_text()
    assert Path(FOLDER / "humanoid.xml").is_file()
