"""The policy node against faults that come through real topics."""

from __future__ import annotations

import threading

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="run `make setup`: rclpy is not installed")

from act_core import topics
from act_core.errors import ConfigurationError
from act_core.ros import (
    array_to_image,
    diagnostic,
    diagnostic_values,
    interface_type,
    joint_state,
    publisher,
    stamp_ns,
    subscription,
)
from act_core.timing import to_ns
from act_policy.chunk import Chunk
from act_policy.policy_node import PolicyNode
from diagnostic_msgs.msg import KeyValue
from rclpy.node import Node
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from tests.act_policy.policies import JOINTS, FunctionPolicy, H, W, make_bundle, make_spec
from tests.ros_rig import PATIENCE_S

MS = 1_000_000


class Robot(Node):
    """Joint states at 50 Hz and images at 25 Hz, each of which a test can break; hears commands."""

    def __init__(self) -> None:
        super().__init__("robot")
        self.names, self.position = list(JOINTS), [0.3, -0.3]
        self.joints_on = self.camera_on = True
        self.size, self.encoding = (H, W), "rgb8"
        self.clock_offset_ns = 0
        self.commands: list = []
        self.chunks: list = []
        self.reports: dict[str, list] = {}
        self._joints = publisher(self, topics.JOINT_STATES)
        self._images = publisher(self, topics.camera_image("front"))
        self.estop = publisher(self, topics.ESTOP_STATE)
        self.episode = publisher(self, topics.EPISODE_STATUS)
        self.create_subscription(JointState, "joint_commands", self.commands.append, 100)
        subscription(self, topics.POLICY_CHUNK, self.chunks.append)
        subscription(self, topics.DIAGNOSTICS, self._on_report)
        self.enable = self.create_client(SetBool, topics.POLICY_ENABLE.name)
        self.reset = self.create_client(Trigger, topics.POLICY_RESET.name)
        self.create_timer(0.02, self._send_joints)
        self.create_timer(0.04, self._send_image)

    def now_ns(self) -> int:
        return self.get_clock().now().nanoseconds + self.clock_offset_ns

    def _send_joints(self) -> None:
        if self.joints_on:
            self._joints.publish(joint_state(self.names, self.position, self.now_ns()))

    def _send_image(self) -> None:
        if self.camera_on:
            shape = self.size if self.encoding == "mono8" else (*self.size, 3)
            image = np.full(shape, 51, np.uint8)
            self._images.publish(array_to_image(image, self.now_ns(), "front", self.encoding))

    def _on_report(self, message) -> None:
        for status in message.status:
            values = diagnostic_values(status)
            self.reports[status.name] = [status.level, status.message, values]


@pytest.fixture
def running(ros, spin_until, tmp_path):
    """``running(**parameters)`` starts node and robot; ``until(condition)`` spins both."""
    nodes = []

    def start(policy=None, nan_above=None, **parameters):
        parameters = {"realtime_priority": 0, "inference_threads": 1, **parameters}
        if policy is None and "bundle" not in parameters:
            make_bundle(tmp_path / "toy", nan_above=nan_above)
            parameters["bundle"] = str(tmp_path / "toy")
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        node = PolicyNode(policy, parameter_overrides=overrides)
        robot = Robot()
        nodes.extend([node, robot])

        def until(condition, timeout_s=PATIENCE_S):
            spin_until(condition, node, robot, timeout_s=timeout_s)

        return node, robot, until

    yield start
    for node in nodes:
        getattr(node, "close", lambda: None)()
        node.destroy_node()


def acting(node, count=5):
    """A condition: ``count`` more commands from now on."""
    start = node.stats.commands
    return lambda: node.stats.commands >= start + count


def holding(node, reason, text=""):
    return lambda: (
        node._result is not None
        and getattr(node._result, "reason", "") == reason
        and text in node._result.detail
    )


def call(until, client, request):
    assert client.wait_for_service(timeout_sec=PATIENCE_S)
    future = client.call_async(request)
    until(future.done)
    return future.result()


def control_says(robot, text) -> bool:
    return text in robot.reports.get("/act_policy: control", [0, "", {}])[1]


def check_steps(commands) -> None:
    """No step is longer than the plan's motion (0.1 rad per row of 100 ms) plus 5 mrad for every
    period, ticks and messages that a busy machine lost included."""
    positions = np.array([message.position for message in commands])
    dt_s = np.diff([stamp_ns(message.header.stamp) for message in commands]) / 1e9
    steps = np.abs(np.diff(positions, axis=0)).max(axis=1)
    assert (steps <= 1.0 * dt_s + 0.005 * np.ceil(dt_s / 0.01) + 1e-6).all(), (steps, dt_s)


def test_commands_follow_the_policy_with_names_and_stamps(running):
    _node, robot, until = running(enabled=True, control_rate_hz=100.0)
    until(lambda: len(robot.commands) > 100)
    message = robot.commands[-1]
    assert list(message.name) == list(JOINTS)
    age_ns = robot.now_ns() - stamp_ns(message.header.stamp)
    assert 0 <= age_ns < to_ns(PATIENCE_S)
    # The toy policy plans 0.1 rad per row of 100 ms from the joints plus 51 / 255 (brightness).
    assert message.position[0] - message.position[1] == pytest.approx(0.6, abs=0.02)
    assert 0.5 <= message.position[0] <= 0.85
    # 0.1 rad per row of 100 ms is 1 rad/s; + 5 mrad for each command, also for those not heard.
    steps = np.diff([stamp_ns(m.header.stamp) for m in robot.commands]) / 1e9
    moves = np.abs(np.diff([m.position[0] for m in robot.commands]))
    unheard = np.ceil(steps / 0.007)
    assert (moves <= 1.0 * steps + 0.005 * unheard + 1e-6).all()  # rows are float32


def test_the_chunk_is_published_for_plots(running):
    _node, robot, until = running(enabled=True)
    until(lambda: len(robot.chunks) >= 2)
    chunk = robot.chunks[-1]
    assert list(chunk.joint_names) == list(JOINTS)
    assert [p.time_from_start.nanosec for p in chunk.points] == [0, 100 * MS, 200 * MS, 300 * MS]
    assert chunk.points[2].positions[0] == pytest.approx(0.3 + 0.2 + 0.2, abs=1e-5)


def test_diagnostics_report_the_loop_and_inference(running):
    node, robot, until = running(enabled=True)
    until(acting(node, 50))
    robot.reports.clear()

    def is_told() -> bool:
        level, text, values = robot.reports.get("/act_policy: control", [b"", "", {}])
        return (level, text) == (b"\x00", "acting") and "frame_to_command_p50_ms" in values

    until(is_told)
    _, _, values = robot.reports["/act_policy: control"]
    assert {"lateness_p50_ms", "lateness_p99.9_ms", "lateness_max_ms", "overruns", "commands",
            "observation_age_p50_ms", "realtime"} <= set(values)  # fmt: skip
    assert values["realtime"] == "no SCHED_FIFO, memory not locked"
    level, text, values = robot.reports["/act_policy: inference"]
    assert level == b"\x00"
    assert text.startswith("policy 'toy' (fp32) on onnxruntime")
    assert {"inference_p50_ms", "live_chunks", "observation_ms"} <= set(values)


def test_waits_for_what_is_missing_and_says_so(running):
    node, robot, until = running(enabled=True)
    robot.joints_on = robot.camera_on = False
    until(holding(node, "no_observation", "nothing from joints, camera 'front' yet"))
    robot.joints_on = True
    until(holding(node, "no_observation", "nothing from camera 'front' yet"))
    robot.camera_on = True
    until(acting(node))


def test_is_stopped_until_enabled(running):
    node, robot, until = running()
    until(holding(node, "stopped", "call policy/enable"))
    assert robot.commands == []
    answer = call(until, robot.enable, SetBool.Request(data=True))
    assert (answer.success, answer.message) == (True, "acting")
    until(acting(node))
    answer = call(until, robot.enable, SetBool.Request(data=False))
    assert (answer.success, answer.message) == (True, "stopped")
    until(holding(node, "stopped"))


def test_estop_stops_and_its_release_does_not_start(running):
    node, robot, until = running(enabled=True)
    until(acting(node))
    robot.estop.publish(Bool(data=True))
    until(holding(node, "stopped", "the e-stop is engaged"))
    answer = call(until, robot.enable, SetBool.Request(data=True))
    assert (answer.success, answer.message) == (
        False, "refused: the e-stop is engaged; release it first"
    )  # fmt: skip
    robot.estop.publish(Bool(data=False))
    until(holding(node, "stopped", "not enabled"))
    call(until, robot.enable, SetBool.Request(data=True))
    until(acting(node))


def test_dead_camera_holds_and_recovers_without_a_jump(running):
    node, robot, until = running(
        enabled=True, max_image_age_s=0.5, max_observation_age_s=1.0, mode="newest"
    )
    until(lambda: len(robot.commands) > 50)
    robot.camera_on = False
    until(holding(node, "no_observation", "newest of camera 'front'"))
    robot.position = [0.9, -0.9]  # somebody moves the arm meanwhile
    until(lambda: node._joints_heard is not None and node._joints_heard[1][0] == 0.9)
    on_ns = robot.now_ns()
    robot.camera_on = True

    def split() -> tuple[list, list]:
        """Commands before and after; by their stamps, because some may still be on their way."""
        late = [m for m in robot.commands if stamp_ns(m.header.stamp) >= on_ns]
        return [m for m in robot.commands if stamp_ns(m.header.stamp) < on_ns], late

    until(lambda: len(split()[1]) > 100)
    before, after = split()
    # On from the last command, or after a hold of more than 1 s from where the arm is now.
    first, last = np.array(after[0].position), np.array(before[-1].position)
    assert min(np.abs(first - last).max(), np.abs(first - robot.position).max()) < 0.02
    check_steps(after)
    assert robot.commands[-1].position[0] > 1.0


def test_missing_joint_holds_and_recovers(running):
    node, robot, until = running(enabled=True, max_observation_age_s=0.2)
    until(acting(node))
    robot.names, robot.position = ["left"], [0.3]
    until(holding(node, "no_observation", "joints missing in the message: right; it has left"))
    robot.names, robot.position = ["right", "left"], [-0.3, 0.3]  # by name, in any order
    until(acting(node))
    assert robot.commands[-1].position[0] > robot.commands[-1].position[1]


def test_joints_that_are_not_finite_are_refused(running):
    node, robot, until = running(enabled=True, max_observation_age_s=0.2)
    until(acting(node))
    robot.position = [0.3, float("nan")]
    until(holding(node, "no_observation", "the position of right is nan"))
    robot.position = [0.3, -0.3]
    until(acting(node))


def test_nan_from_the_network_holds_and_recovers(running):
    node, robot, until = running(enabled=True, nan_above=1.0)
    until(acting(node))
    robot.position = [1.5, 0.0]
    until(holding(node, "inference_failed", "8 of 8 values of the chunk are not finite"))
    robot.reports.clear()
    until(lambda: robot.reports.get("/act_policy: inference", [b""])[0] == b"\x02")
    robot.position = [0.5, 0.0]
    until(acting(node))
    assert np.isfinite([m.position for m in robot.commands]).all()


@pytest.mark.parametrize("fit", ["resize", "refuse"])
def test_images_of_another_size(running, fit):
    node, robot, until = running(enabled=True, image_fit=fit)
    robot.size = (2 * H, 2 * W)
    if fit == "resize":
        until(acting(node))
        robot.size = (H, 2 * W)
        until(holding(node, "no_observation", "other proportions than the policy's 8x6"))
    else:
        until(holding(node, "no_observation", "is uint8 (12, 16, 3), expected uint8 (6, 8, 3)"))
    robot.size = (H, W)
    until(acting(node))


def test_images_of_another_encoding_are_converted(running):
    node, robot, until = running(enabled=True)
    robot.encoding = "bgr8"
    until(acting(node))


def test_inference_that_hangs_holds_and_recovers(running):
    gate = threading.Event()
    gate.set()

    def rows(observation):
        gate.wait(PATIENCE_S)
        return np.tile(observation.joint_position, (4, 1))

    node, _robot, until = running(
        FunctionPolicy(make_spec(), rows), enabled=True, max_plan_age_s=0.2
    )
    until(acting(node))
    gate.clear()
    until(holding(node, "inference_late"))
    gate.set()
    until(acting(node))


def test_a_bag_that_starts_again(running):
    node, robot, until = running(enabled=True)
    until(acting(node))
    robot.clock_offset_ns = -200_000 * MS  # the recorded stamps are old: nothing current comes
    until(holding(node, "no_observation", "stamped 200 s ago: the sender's clock is behind"))
    robot.clock_offset_ns = 0
    until(acting(node))


def test_reset_service_and_new_episodes_forget_the_past(running):
    node, robot, until = running(enabled=True)
    until(acting(node))
    resets = []
    inner = node.runner.reset
    node.runner.reset = lambda now_ns: (resets.append(now_ns), inner(now_ns))
    assert call(until, robot.reset, Trigger.Request()).success
    assert len(resets) == 1
    until(acting(node))

    def episode(number):
        status = diagnostic("episode", "ok", "running")
        status.values = [
            KeyValue(key="seed", value="3"),
            KeyValue(key="episode", value=str(number)),
        ]
        robot.episode.publish(status)

    for number in (1, 1, 2):
        episode(number)
        until(lambda number=number: (node._episode or {}).get("episode") == str(number))
    assert len(resets) == 2
    until(acting(node))


def test_simulated_time(running):
    """Commands carry simulated stamps; none come while time stands still; it may start again."""
    node, robot, until = running(enabled=True, use_sim_time=True)
    until(lambda: control_says(robot, "holding: no_clock (simulated time has not begun"))
    clock = robot.create_publisher(interface_type("rosgraph_msgs/msg/Clock"), "/clock", 10)
    sim = {"now_ns": 5_000 * MS, "rate": 1}
    robot.now_ns = lambda: sim["now_ns"]

    def advance():
        sim["now_ns"] += 5 * MS * sim["rate"]
        message = Clock()
        message.clock.sec, message.clock.nanosec = divmod(sim["now_ns"], 1_000_000_000)
        clock.publish(message)

    robot.create_timer(0.005, advance)
    until(acting(node))
    assert 5_000 * MS < stamp_ns(robot.commands[-1].header.stamp) <= sim["now_ns"]
    sim["rate"] = 0
    stood = sim["now_ns"]
    until(lambda: node._last_now_ns == stood)
    commands = node.stats.commands
    robot.reports.clear()
    until(lambda: "/act_policy: control" in robot.reports)  # a second of real time at most
    assert node.stats.commands <= commands + 1
    until(lambda: control_says(robot, "holding: no_clock (simulated time has stood still for"))
    assert robot.reports["/act_policy: control"][0] == b"\x01"
    sim["rate"], sim["now_ns"] = 1, 1_000 * MS
    until(acting(node))
    assert stamp_ns(robot.commands[-1].header.stamp) < 5_000 * MS


def test_control_rate_is_free_of_the_policys(running):
    _node, robot, until = running(enabled=True, control_rate_hz=10.0)

    def period_ns() -> float:
        """Of the last five commands; a busy machine skips some."""
        return float(np.median(np.diff([stamp_ns(m.header.stamp) for m in robot.commands[-5:]])))

    until(lambda: len(robot.commands) >= 6 and period_ns() == pytest.approx(100 * MS, rel=0.2))


@pytest.mark.parametrize(("parameters", "text"), [
    ({"bundle": ""}, "parameter bundle is empty, expected a policy bundle's folder"),
    ({"bundle": "/nowhere"}, "no policy.json in /nowhere: no such folder"),
    ({"control_rate_hz": 501.0}, "got 501.0, expected 1.0 to 500.0"),
    ({"mode": "newst"}, "unknown execution mode 'newst'; did you mean 'newest'.*file.py:Name"),
    ({"mode": "open_loop", "open_loop_rows": 9}, "open_loop_rows is 9, expected at most"),
    ({"variant": "int8"}, "unknown variant 'int8'"),
])  # fmt: skip
def test_bad_parameters_are_refused_at_the_start(running, parameters, text):
    with pytest.raises(ConfigurationError, match=text):
        running(**parameters)


def test_far_from_the_start_it_is_not_enabled_until_the_arm_is_there(running):
    node, robot, until = running(
        start_within=0.1, start_pose=[0.0, -0.3], enabled=True, max_joint_age_s=10.0
    )
    until(lambda: node._joints_heard is not None)
    until(holding(node, "stopped", "not enabled"))
    answer = call(until, robot.enable, SetBool.Request(data=True))
    assert not answer.success
    assert "is at 0.30, expected 0.00 to 0.00" in answer.message
    robot.position = [0.05, -0.25]
    until(lambda: node._joints_heard[1][0] == 0.05)
    assert call(until, robot.enable, SetBool.Request(data=True)).success
    until(acting(node))
    robot.position = [1.0, 1.0]  # where it is now, while it acts, is its own business
    until(lambda: node._joints_heard[1][0] == 1.0)
    assert call(until, robot.enable, SetBool.Request(data=True)).success
    until(acting(node))


def test_near_the_start_it_acts_as_soon_as_it_has_heard_the_joints(running):
    node, _robot, until = running(
        start_within=0.5, start_pose=[0.0, 0.0], enabled=True, max_joint_age_s=10.0
    )
    until(acting(node))


def test_a_bundle_without_a_start_range_says_how_to_go_on(running):
    node, robot, until = running(start_within=0.5)
    until(lambda: node._joints_heard is not None)
    answer = call(until, robot.enable, SetBool.Request(data=True))
    assert not answer.success
    assert "set start_pose, or start_within to 0" in answer.message


def test_while_a_person_has_the_arm_it_stands_by_and_says_so(running):
    node, robot, until = running(enabled=True)
    owner = publisher(robot, topics.CONTROL_OWNER)
    until(acting(node))

    def tell(who: str, reason: str) -> None:
        owner.publish(diagnostic("control owner", "ok", reason, {"owner": who}))

    tell("person", "taken over by /leader")
    text = "standing by: the arm is in other hands, person: taken over by /leader"
    until(lambda: text in robot.reports.get("/act_policy: control", ["", "", {}])[1])
    until(acting(node))
    robot.position = [0.7, 0.7]
    until(lambda: np.allclose(robot.commands[-1].position, 0.9, atol=0.15))
    tell("policy", "handed back by control/return")
    until(lambda: "standing by" not in robot.reports["/act_policy: control"][1])


def test_a_policy_whose_plans_disagree_stops_where_that_is_asked_for(running):
    node, robot, until = running(enabled=True, disagreement="stop")
    robot.camera_on = False  # no plans but these
    for k in range(25):  # on a slow machine too few plans would be made in a second
        rows = np.full((10, 2), 0.3 if k % 2 else -0.3)
        node.runner._spread.add(Chunk(to_ns(0.1 * k), 10.0, rows))
    until(lambda: not node._enabled)
    until(lambda: "its plans disagree" in node._result.detail)
    assert "call policy/enable to go on" in node._result.detail
    assert call(until, robot.enable, SetBool.Request(data=True)).success
