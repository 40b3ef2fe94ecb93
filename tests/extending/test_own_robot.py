"""`examples/own_robot.py`: a robot in Python, its driver behind `ArmNode`, and two of it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rclpy
from act_core import ros, topics
from act_core.robots import find_robot
from act_record.gamepad import ARM_CONTROLS
from act_record.jog import Jog
from rclpy.node import Node

from tests.cases.test_who_commands import Commander, Watcher
from tests.ros_rig import PATIENCE_S, Rig

FILE = Path(__file__).parents[2] / "examples" / "own_robot.py"


def test_it_is_found_by_its_place_alone_and_as_a_pair():
    robot, pair = find_robot(f"{FILE}:ROBOT"), find_robot(f"{FILE}:PAIR")
    assert (len(robot.joints), robot.grippers) == (7, ("finger",))
    assert pair.side("right").joint_names == tuple(f"right_{name}" for name in robot.joint_names)
    assert Jog(robot).help.startswith("q w e r t y u: base shoulder")
    assert len(robot.joints) - 1 <= len(ARM_CONTROLS)


@pytest.fixture
def driver():
    process = subprocess.Popen(
        [sys.executable, str(FILE), "--ros-args", "-p", "joint_prefix:=left_"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    rclpy.init()
    try:
        yield process
    finally:
        rclpy.try_shutdown()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0


def test_its_driver_follows_within_its_limits(driver):
    """As a person starts it, in a process of its own, as one arm of several."""
    robot = find_robot(f"{FILE}:PAIR").side("left")
    goal = robot.pose("home") + np.array([0.5, 0.2, 0.0, 0.0, -0.3, 0.0, -0.02])
    commander, watcher = Commander("policy", goal), Watcher("/own_arm: control")
    commander.names = list(robot.joint_names)
    states: list = []
    listener = Node("listener", use_global_arguments=False)
    ros.subscription(listener, topics.JOINT_STATES, states.append)
    rig = Rig(commander, watcher, listener)
    rig.wait_for(lambda: bool(states))
    assert np.allclose(states[0].position, robot.pose("home"))
    commander.on = True
    rig.wait_for(lambda: np.allclose(states[-1].position, goal, atol=1e-6))
    rig.wait_for(lambda: watcher.text == "following")
    commander.target = np.full(7, 200.0)  # degrees, say
    rig.wait_for(lambda: "probably degrees" in watcher.text)
    assert np.allclose(states[-1].position, goal, atol=0.02)
    speed = np.abs([state.velocity for state in states]).max(axis=0)
    assert speed[0] == pytest.approx(1.0, abs=1e-6), "the base's own limit held it"
    for node in (commander, watcher, listener):
        node.destroy_node()
