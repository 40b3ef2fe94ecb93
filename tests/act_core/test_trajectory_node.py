"""A script's trajectories through the same door as everybody's commands."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="run `make setup`: rclpy is not installed")

import rclpy
from act_core import ros as act_ros
from act_core import ros_trajectory, topics
from act_core.errors import ConfigurationError
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES
from act_core.trajectory import GOAL_TOLERANCE_VIOLATED, INVALID_GOAL, INVALID_JOINTS
from act_core.trajectory_node import TrajectoryNode
from act_sim.mock_arm_node import MockArmNode
from builtin_interfaces.msg import Duration
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from tests.ros_rig import Rig

OVER = ("succeeded", "aborted", "canceled")


class Desk:
    """An arm, the node that follows trajectories, and a script."""

    def __init__(self) -> None:
        self.arm, self.node = MockArmNode(), TrajectoryNode()
        self.script = Node("script", use_global_arguments=False)
        self.rig = Rig(self.arm, self.node, self.script)
        self.statuses: list = []
        self.applied: list = []
        act_ros.subscription(self.script, topics.TRAJECTORY_STATUS, self.statuses.append)
        act_ros.subscription(self.script, topics.JOINT_COMMANDS_APPLIED, self.applied.append)
        self._publisher = act_ros.publisher(self.script, topics.TRAJECTORY)
        self.rig.wait_for(self._publisher.get_subscription_count)
        self.rig.wait_for(self.node._status.get_subscription_count)
        self.rig.wait_for(lambda: self.node._problem() is None)
        self.rig.wait_for(lambda: self.applied)
        self.came = 0

    def close(self) -> None:
        for node in (self.node, self.arm, self.script):
            getattr(node, "close", lambda: None)()
            node.destroy_node()

    def send(self, joints=(), *points: tuple[float, list]) -> None:
        self._publisher.publish(message(joints, *points))
        self.came += 1

    def told(self, number: int | None = None) -> dict[str, str] | None:
        """What was told last of that trajectory, the newest one without a number."""
        for status in reversed(self.statuses):
            values = act_ros.diagnostic_values(status)
            if values["number"] == str(self.came if number is None else number):
                return {**values, "text": status.message}
        return None

    def outcome(self, number: int | None = None) -> dict[str, str]:
        self.rig.wait_for(lambda: (self.told(number) or {"state": ""})["state"] in OVER)
        found = self.told(number)
        assert found is not None
        return found

    def begun(self) -> None:
        self.rig.wait_for(lambda: (self.told() or {"state": ""})["state"] == "following")

    def follow(self, joints, *points) -> dict[str, str]:
        """Sends it until a machine that stood still was not in the way."""
        while True:
            self.send(joints, *points)
            outcome = self.outcome()
            if "silent" not in outcome["text"]:
                return outcome


def message(joints=(), *points: tuple[float, list]) -> JointTrajectory:
    made = JointTrajectory(joint_names=list(joints))
    for seconds, positions in points:
        due = Duration(sec=int(seconds), nanosec=round(seconds % 1 * 1e9))
        made.points.append(JointTrajectoryPoint(positions=list(positions), time_from_start=due))
    return made


@contextmanager
def desk(*arguments: str):
    rclpy.init(args=["--ros-args", *arguments] if arguments else None)
    made = None
    try:
        made = Desk()
        yield made
    finally:
        if made is not None:
            made.close()
        rclpy.try_shutdown()


def test_a_script_moves_the_arm_and_hears_how_it_ended():
    with desk() as d:
        outcome = d.follow(["gripper", "shoulder_pan"], (0.3, [0.5, 0.3]), (0.6, [0.2, 0.4]))
        assert outcome["state"] == "succeeded", outcome
        assert outcome["text"].startswith("there; the furthest joint")
        goal = HOME_POSE_RAD + np.array([0.4, 0, 0, 0, 0, 0.2 - HOME_POSE_RAD[5]])
        d.rig.wait_for(lambda: np.allclose(d.applied[-1].position, goal, atol=1e-6))
        # Afterwards nobody commands: the arm holds, and others may have it.
        d.rig.wait_for(lambda: str(d.arm.status.hold).startswith("no command for"))

        refused = d.follow(JOINT_NAMES, (1.0, np.rad2deg(HOME_POSE_RAD).tolist()))
        assert refused["state"] == "aborted"
        assert refused["error_code"] == str(INVALID_GOAL)
        assert "probably degrees, expected radians" in refused["text"]
        wrong = d.follow(["joint1"], (1.0, [0.0]))
        assert wrong["error_code"] == str(INVALID_JOINTS)
        np.testing.assert_allclose(d.applied[-1].position, goal, atol=1e-6)


def test_a_new_trajectory_takes_the_place_of_the_old_and_an_empty_one_stops():
    with desk() as d:
        d.send(["shoulder_pan"], (60.0, [1.5]))
        d.begun()
        old = d.came
        d.send(["shoulder_pan"], (60.0, [-1.5]))
        d.begun()
        assert d.outcome(old)["text"] == f"replaced by trajectory {old + 1}"
        d.send(["shoulder_lift"], (-1.0, [0.0]))  # a wrong one takes no place
        assert "expected times that rise" in d.outcome()["text"]
        assert d.node._following is not None
        d.send()
        assert d.outcome(old + 1)["text"] == "stopped by an empty trajectory"
        d.rig.wait_for(lambda: str(d.arm.status.hold).startswith("no command for"))


def test_e_stop_person_and_other_commanders_end_it_and_let_none_begin():
    with desk() as d:

        def ended(why: str) -> None:
            number = d.came
            found = d.outcome(number)
            assert found["state"] == "aborted"
            assert why in found["text"], found
            d.send(["shoulder_pan"], (1.0, [0.0]))
            assert why in d.outcome()["text"]

        def free() -> None:
            d.rig.wait_for(lambda: d.node._problem() is None)
            d.send(["shoulder_pan"], (60.0, [0.5]))
            d.begun()

        free()
        d.arm._on_estop(SetBool.Request(data=True), SetBool.Response())
        ended("the e-stop is engaged")
        d.arm._on_estop(SetBool.Request(data=False), SetBool.Response())
        free()
        d.arm._on_take(Trigger.Request(), Trigger.Response())
        ended("the arm is not free, its owner is: person")
        d.arm._on_return(Trigger.Request(), Trigger.Response())
        free()
        rival = act_ros.publisher(d.script, topics.JOINT_COMMANDS)

        def command() -> None:
            now_ns = d.script.get_clock().now().nanoseconds
            rival.publish(act_ros.joint_state(JOINT_NAMES, HOME_POSE_RAD, now_ns))

        timer = act_ros.steady_timer(d.script, 0.02, command)
        if not d.node._commanders.is_nameless:  # before Kilted, the arm itself refuses both
            ended("/script sends joint_commands: stop it first")
        timer.cancel()


class FakeServer:
    """What `ActionServer` is asked for; control_msgs has no wheel."""

    def __init__(self, node, action_type, name, execute, cancel_callback) -> None:
        self.name, self.execute = name, execute

    def destroy(self) -> None:
        pass


class FakeHandle:
    is_cancel_requested = False

    def __init__(self, goal) -> None:
        self.request, self.said, self.feedback = goal, "", []

    def publish_feedback(self, feedback) -> None:
        self.feedback.append(feedback)

    def succeed(self) -> None:
        self.said = "succeeded"

    def abort(self) -> None:
        self.said = "aborted"

    def canceled(self) -> None:
        self.said = "canceled"


@pytest.fixture
def control_msgs(monkeypatch):
    def feedback(joint_names):
        return SimpleNamespace(joint_names=joint_names, header=SimpleNamespace(stamp=None))

    action = ModuleType("control_msgs.action")
    action.FollowJointTrajectory = SimpleNamespace(Result=SimpleNamespace, Feedback=feedback)
    monkeypatch.setitem(sys.modules, "control_msgs", ModuleType("control_msgs"))
    monkeypatch.setitem(sys.modules, "control_msgs.action", action)
    monkeypatch.setattr(ros_trajectory, "ActionServer", FakeServer)


def goal(trajectory, path=(), goal=(), goal_time_s=0):
    def entries(given):
        return [SimpleNamespace(name=n, position=p, velocity=v, acceleration=0.0)
                for n, p, v in given]  # fmt: skip

    return SimpleNamespace(
        trajectory=trajectory, path_tolerance=entries(path), goal_tolerance=entries(goal),
        goal_time_tolerance=Duration(sec=goal_time_s),
    )  # fmt: skip


def run(d: Desk, handle: FakeHandle, meanwhile=lambda: None):
    """What rclpy's executor does with the callback of a goal."""
    running, results = d.node.action._server.execute(handle), []

    def is_over() -> bool:
        meanwhile()
        try:
            running.send(None)
        except StopIteration as end:
            results.append(end.value)
        return bool(results)

    d.rig.wait_for(is_over)
    return results[0]


def test_an_actions_goal_is_followed_canceled_and_refused_with_its_code(control_msgs):
    with desk("-p", "arm_controller:action:=required") as d:
        assert d.node.action._server.name == "arm_controller/follow_joint_trajectory"
        while True:
            handle = FakeHandle(goal(message(["shoulder_pan"], (0.5, [0.3]))))
            result = run(d, handle)
            if "silent" not in result.error_string:
                break
        assert (handle.said, result.error_code) == ("succeeded", 0), result
        assert handle.feedback[0].joint_names == list(JOINT_NAMES)
        assert handle.feedback[0].desired.positions[0] <= 0.3

        slow = FakeHandle(goal(message(["shoulder_pan"], (60.0, [1.0]))))

        def cancel() -> None:
            slow.is_cancel_requested = bool(slow.feedback)

        assert run(d, slow, cancel).error_string == "canceled by its client"
        assert slow.said == "canceled"

        near = message(["shoulder_pan"], (0.1, [0.2]))
        for wrong, code, text in (
            (goal(near, path=[("nobody", 0.1, 0.0)]), INVALID_JOINTS, "path_tolerance: unknown"),
            (goal(near, goal=[("gripper", 0.1, 0.2)]), INVALID_GOAL, "only positions are looked"),
            (goal(message(["shoulder_pan"], (0.0, [1.5]))), INVALID_GOAL, "due at once"),
        ):
            handle = FakeHandle(wrong)
            result = run(d, handle)
            assert (handle.said, result.error_code) == ("aborted", code)
            assert text in result.error_string


def test_a_joint_that_cannot_get_there_fails_the_goal(control_msgs, monkeypatch):
    with desk() as d:
        monkeypatch.setattr(d.node._commands, "publish", lambda _: None)  # the arm stands still
        d.node._tolerances = d.node._tolerances._replace(goal_time_s=0.1)
        handle = FakeHandle(
            goal(message(["shoulder_pan"], (0.2, [d.applied[-1].position[0] + 0.3])))
        )
        result = run(d, handle)
        assert (handle.said, result.error_code) == ("aborted", GOAL_TOLERANCE_VIOLATED)
        assert "shoulder_pan is 0.30 rad (at most 0.1) away from its goal" in result.error_string


def test_without_control_msgs_a_required_action_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "control_msgs", None)  # importing it fails
    rclpy.init(args=["--ros-args", "-p", "action:=required"])
    try:
        with pytest.raises(ConfigurationError) as refused:
            TrajectoryNode()
        assert "control_msgs is in no wheel of PyPI" in str(refused.value)
        assert "sudo apt install ros-$ROS_DISTRO-control-msgs" in str(refused.value)
    finally:
        rclpy.try_shutdown()


def test_the_real_action_where_there_is_one():
    action = pytest.importorskip("control_msgs.action", reason="control_msgs: of a distribution")
    from rclpy.action import ActionClient

    with desk() as d:
        client = ActionClient(d.script, action.FollowJointTrajectory, ros_trajectory.ACTION)
        d.rig.wait_for(client.server_is_ready)
        wanted = action.FollowJointTrajectory.Goal(
            trajectory=message(["shoulder_pan"], (0.5, [0.3]))
        )
        sent = client.send_goal_async(wanted)
        d.rig.wait_for(sent.done)
        result = sent.result().get_result_async()
        d.rig.wait_for(result.done)
        assert result.result().result.error_code == 0, result.result().result.error_string
