"""Moves an arm with keys or with a gamepad, as one device of a person among others."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
from act_core import ros, topics
from act_core.arbiter import PERSON
from act_core.arm_status import SILENT_S
from act_core.errors import ConfigurationError
from act_core.foreign_text import clean
from act_core.joints import JointMerger, OtherJointsError
from act_core.robot import Robot
from act_core.robots import ROBOT, find_robot
from act_core.ros_guard import LONGEST_REASON
from act_core.traffic import Traffic
from diagnostic_msgs.msg import DiagnosticStatus
from numpy.typing import NDArray
from rclpy.client import Client
from rclpy.node import Node
from rclpy.utilities import remove_ros_args
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from act_record import gamepad
from act_record.episode_watch import EpisodeWatch
from act_record.gamepad import Gamepad, Pad
from act_record.jog import Jog
from act_record.joy_pad import JoyPad
from act_record.keyboard import Keyboard
from act_record.pedal_node import PedalNode

RATE_HZ = 50.0
HAND_BACK_KEYS = ("\n", "\r")
HAND_BACK_HELP = "enter: hand the arm back to the policy"


class TeleopNode(Node):
    """Takes the arm by the first input, and moves it until an episode ends, the e-stop is engaged
    or somebody else has it; enter, or the start button of a gamepad, hands it back.

    controls: keys or a gamepad, open; whoever opened them closes them.
    robot: whose joints are moved: of a robot with two arms, one side (see `Robot.side`).

    Raises ConfigurationError for a robot with more joints than keys.
    """

    def __init__(self, controls: Keyboard | Pad, robot: Robot, **overrides: Any) -> None:
        super().__init__("act_teleop", **overrides)
        self.jog = Jog(robot)
        self._joints = JointMerger(robot.joint_names)
        self._applied_joints = JointMerger(robot.joint_names)
        self._controls = controls
        self._connected = True
        self._watch = EpisodeWatch()
        self._stopped = False
        self._measured: NDArray[np.float64] | None = None
        self._applied: NDArray[np.float64] | None = None
        self._applied_came = Traffic()
        self._owner = ""
        self._commands = ros.publisher(self, topics.JOINT_COMMANDS_PERSON)
        self._return: Client = self.create_client(Trigger, topics.CONTROL_RETURN.name)
        ros.subscription(self, topics.JOINT_STATES, self._on_joints)
        ros.subscription(self, topics.JOINT_COMMANDS_APPLIED, self._on_applied)
        ros.subscription(self, topics.CONTROL_OWNER, self._on_owner)
        ros.subscription(self, topics.ESTOP_STATE, self._on_estop)
        ros.subscription(self, topics.EPISODE_STATUS, self._on_episode)
        if isinstance(controls, JoyPad):
            ros.subscription(self, topics.JOY, lambda m: controls.hear(m.axes, m.buttons))
        self.create_timer(1.0 / RATE_HZ, self._tick)
        print(self._help, flush=True)

    @property
    def _help(self) -> str:
        if isinstance(self._controls, Pad):
            return self._controls.help
        return f"{self.jog.help}\n{HAND_BACK_HELP}"

    def _on_joints(self, message: JointState) -> None:
        self._measured = _merged(self._joints, message, self._measured)

    def _on_applied(self, message: JointState) -> None:
        applied = _merged(self._applied_joints, message, self._applied)
        if applied is not self._applied:
            self._applied = applied
            self._applied_came.count()

    def _on_owner(self, message: DiagnosticStatus) -> None:
        owner = ros.diagnostic_values(message).get("owner", "")
        if owner != self._owner and self._owner == PERSON and self.jog.moving:
            self._release()
            self.get_logger().info(clean(message.message, LONGEST_REASON))
        self._owner = owner

    def _where(self) -> NDArray[np.float64] | None:
        """Where a motion begins: the arm's target, which tells how hard a gripper holds, too; or
        where it is measured, if nobody tells that. None while the e-stop is engaged: targets would
        only run away from the arm."""
        if self._stopped:
            return None
        age_s = self._applied_came.age_s
        return self._applied if age_s is not None and age_s < SILENT_S else self._measured

    def _hand_back(self) -> None:
        self._release()
        if self._return.service_is_ready():
            self._return.call_async(Trigger.Request())

    def _on_estop(self, message: Bool) -> None:
        if message.data or self._stopped:
            self._release()
        self._stopped = message.data

    def _on_episode(self, message: DiagnosticStatus) -> None:
        # The arm of a new episode is somewhere else: old targets would make it leap.
        if self._watch.update(ros.diagnostic_values(message)):
            self._release()

    def _release(self) -> None:
        self.jog.release()
        if isinstance(self._controls, Pad):
            self._controls.disregard()

    def _tick(self) -> None:
        where = self._where()
        if isinstance(self._controls, Pad):
            self._take_push(self._controls, where)
        else:
            self._take_keys(self._controls, where)
        target = self.jog.next(1.0 / RATE_HZ)
        if target is not None:
            now_ns = self.get_clock().now().nanoseconds
            self._commands.publish(ros.joint_state(self._joints.wanted, target, now_ns))

    def _take_keys(self, keyboard: Keyboard, where: NDArray[np.float64] | None) -> None:
        for key in keyboard.read():
            if key in HAND_BACK_KEYS:
                self._hand_back()
            elif where is not None and not self.jog.key(key, where):
                print(self._help, flush=True)

    def _take_push(self, pad: Pad, where: NDArray[np.float64] | None) -> None:
        pushed = pad.read()
        if pad.hands_back:
            self._hand_back()
        elif pushed is None:
            self.jog.release()
        elif where is not None:
            self.jog.push(pushed, where)
        if pad.connected != self._connected:
            self._connected = pad.connected
            if self._connected:
                self.get_logger().info(f"the gamepad {pad.device} is back")
            else:
                self.get_logger().warning(
                    f"the gamepad {pad.device} is gone: the arm holds until it is back"
                )


def _merged(
    joints: JointMerger, message: JointState, before: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    """(J,) [rad] what a message tells, or ``before`` where it is of another arm."""
    with suppress(OtherJointsError):
        merged = joints.add(message.name, message.position, (), 0)
        return merged[1].position if merged is not None else before
    return before


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser("act-teleop", description="Moves an arm with keys or a gamepad.")
    top.add_argument(
        "--gamepad", nargs="?", const=gamepad.DEVICE, metavar="DEVICE",
        help="a gamepad instead of keys (%(const)s)",
    )  # fmt: skip
    top.add_argument(
        "--joy", action="store_true", help="a gamepad that another node reads, on the topic joy"
    )
    top.add_argument(
        "--pedal",
        action="store_true",
        help="each key takes the arm with the leader, or hands it back",
    )
    top.add_argument("--robot", default="so101", help=f"{ROBOT} (%(default)s)")
    top.add_argument("--side", default="", help="of a robot with two arms: left or right")
    return top


def main() -> int:
    """Console command ``act-teleop``; 2: keys or gamepad cannot be read, with the reason."""
    options = parser().parse_args(remove_ros_args(sys.argv)[1:])
    try:
        robot = find_robot(options.robot)
        if options.side:
            robot = robot.side(options.side)
        controls: Keyboard | Pad
        if options.joy:
            controls = JoyPad(robot)
        elif options.gamepad is not None:
            controls = Gamepad(robot, options.gamepad)
        else:
            controls = Keyboard()
    except ConfigurationError as error:
        print(f"act-teleop: {error}", file=sys.stderr)
        return 2
    with controls:
        if options.pedal and isinstance(controls, Keyboard):
            return ros.run_node(partial(PedalNode, controls))
        return ros.run_node(lambda: TeleopNode(controls, robot))
