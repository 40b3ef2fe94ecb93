"""topic, node, service and param against nodes in another process."""

from __future__ import annotations

import signal

import pytest
import yaml

NODES = """
import rclpy
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool


class Arm(Node):
    def __init__(self):
        super().__init__("arm", namespace="/left")
        limits = FloatingPointRange(from_value=1.0, to_value=100.0)
        self.declare_parameter("rate_hz", 50.0, ParameterDescriptor(
            description="ticks per second", floating_point_range=[limits]))
        self.declare_parameter("gains.kp", 2)
        self.declare_parameter("joints", ["a", "b"])
        self.states = self.create_publisher(JointState, "joint_states", qos_profile_sensor_data)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_publisher(String, "/mode", latched).publish(String(data="ready"))
        self.create_subscription(String, "/say", lambda m: print("heard", m.data), 10)
        self.create_service(SetBool, "/estop", self.estop)
        self.create_timer(0.02, self.tick)

    def tick(self):
        message = JointState(name=["a", "b"], position=[0.5, -0.25])
        message.header.stamp = self.get_clock().now().to_msg()
        self.states.publish(message)

    def estop(self, request, response):
        response.success, response.message = request.data, "stopped"
        return response


rclpy.init()
executor = SingleThreadedExecutor()
executor.add_node(Arm())
print("up")
try:
    executor.spin()
except (KeyboardInterrupt, ExternalShutdownException):
    pass
"""


@pytest.fixture(scope="module", autouse=True)
def nodes(start):
    process = start("-c", NODES)
    process.wait_for("up")
    return process


def test_topic_list(ros2_at_once):
    plain, typed, verbose = ros2_at_once("topic list", "topic list -t", "topic list -v")
    names = plain.out.splitlines()
    assert {"/left/joint_states", "/mode", "/parameter_events", "/rosout", "/say"} <= set(names)
    assert names == sorted(names)
    assert "/left/joint_states [sensor_msgs/msg/JointState]" in typed.out.splitlines()
    published, subscribed = verbose.out.split("Subscribed topics:")
    assert " * /mode [std_msgs/msg/String] 1 publisher\n" in published
    assert " * /say [std_msgs/msg/String] 1 subscriber\n" in subscribed
    assert "/say" not in published


def test_topic_info(ros2_at_once):
    info, verbose = ros2_at_once("topic info /mode", "topic info -v /mode")
    assert info.out == "Type: std_msgs/msg/String\nPublisher count: 1\nSubscription count: 0\n"
    for line in ("Node name: arm", "Endpoint type: PUBLISHER", "  Durability: TRANSIENT_LOCAL"):
        assert line in verbose.out
    assert "Topic type hash: RIHS01_df668c740482bbd48fb39d76a70dfd4b" in verbose.out


def test_topic_echo_adapts_to_what_is_offered(ros2_at_once):
    """Best effort on one topic; on the other a message sent before there was a subscriber."""
    states, mode, csv, names, refused = ros2_at_once(
        "topic echo --once /left/joint_states",
        "topic echo --once /mode",
        "topic echo --once --csv /left/joint_states",
        "topic echo --once --field name /left/joint_states",
        "topic echo --once --filter 'm.position[0] > 1' --timeout 0.5 /left/joint_states",
    )
    assert yaml.safe_load(states.out.replace("---", ""))["position"] == [0.5, -0.25]
    assert mode.out == "data: ready\n---\n"
    assert csv.out.rstrip().endswith(",,a,b,0.5,-0.25,,")
    assert names.out == "['a', 'b']\n---\n"
    assert (refused.code, refused.out) == (1, "")
    assert "no message on '/left/joint_states' within 0.5 s" in refused.err


def test_topic_hz_ends_quietly(start):
    process = start("-m", "ros2cli", "topic", "hz", "/left/joint_states")
    process.wait_for("average rate: ")
    assert process.end() == signal.SIGINT
    assert "Traceback" not in process.output
    line = next(line for line in process.lines if "average rate" in line)
    assert float(line.split()[-1]) > 0.0
    assert "window: " in process.output


def test_sigterm_ends_whatever_is_under_way_quietly(start):
    measuring = start("-m", "ros2cli", "topic", "hz", "/left/joint_states")
    measuring.wait_for("average rate: ")
    waiting = start("-m", "ros2cli", "topic", "pub", "--once", "/nobody", "std_msgs/msg/String")
    waiting.wait_for("Waiting for at least 1 matching subscription(s)...")
    for process in (measuring, waiting):
        assert process.end(signal.SIGTERM) == signal.SIGTERM
        assert "Traceback" not in process.output


def test_topic_pub(ros2, nodes):
    done = ros2("topic", "pub", "--once", "/say", "std_msgs/msg/String", "data: hello")
    assert done.code == 0
    assert "publishing #1: std_msgs.msg.String(data='hello')" in done.out
    nodes.wait_for("heard hello")
    done = ros2("topic", "pub", "-t", "3", "-r", "50", "/say", "std_msgs/String", "{data: again}")
    nodes.wait_for("heard again", count=3)
    words = ("-1", "--max-wait-time-secs", "0.3", "/nobody", "std_msgs/msg/String")
    alone = ros2("topic", "pub", *words)
    assert alone.code == 1
    assert "expected 1 subscriptions, got 0 within 0.3 s" in alone.err


def test_node_list_and_info(ros2_at_once):
    listed, counted, info = ros2_at_once("node list", "node list -c", "node info /left/arm")
    assert listed.out == "/left/arm\n"
    assert counted.out == "1\n"
    sections = yaml.safe_load(info.out.replace("/left/arm\n", "", 1))
    assert sections["Publishers"]["/left/joint_states"] == "sensor_msgs/msg/JointState"
    assert sections["Subscribers"] == {"/say": "std_msgs/msg/String"}
    assert sections["Service Servers"]["/estop"] == "std_srvs/srv/SetBool"
    assert sections["Action Servers"] is None


def test_service(ros2, ros2_at_once):
    listed, kind, info = ros2_at_once(
        "service list -t", "service type /estop", "service info /estop"
    )
    assert "/estop [std_srvs/srv/SetBool]" in listed.out
    assert kind.out == "std_srvs/srv/SetBool\n"
    assert info.out == "Type: std_srvs/srv/SetBool\nClients count: 0\nServices count: 1\n"
    called = ros2("service", "call", "/estop", "std_srvs/srv/SetBool", "{data: true}")
    assert "requester: making request: std_srvs.srv.SetBool_Request(data=True)" in called.out
    assert "SetBool_Response(success=True, message='stopped')" in called.out


def test_param_reading(ros2_at_once):
    listed, everyone, value, bare, dumped = ros2_at_once(
        "param list /left/arm --param-type", "param list", "param get left/arm rate_hz",
        "param get --hide-type /left/arm joints", "param dump /left/arm",
    )  # fmt: skip
    assert listed.out.splitlines()[:3] == [
        "  gains.kp (type: integer)", "  joints (type: string array)", "  rate_hz (type: double)",
    ]  # fmt: skip
    assert "/left/arm:" in everyone.out
    assert value.out == "Double value is: 50.0\n"
    assert bare.out == "['a', 'b']\n"
    tree = yaml.safe_load(dumped.out)["/left/arm"]["ros__parameters"]
    assert (tree["rate_hz"], tree["gains"], tree["joints"]) == (50.0, {"kp": 2}, ["a", "b"])


def test_param_writing(ros2, ros2_at_once):
    done, refused = ros2_at_once(
        "param set /left/arm joints '[c]'", "param set /left/arm rate_hz 500.0"
    )
    assert done.out == "Set parameter successful\n"
    assert (refused.code, refused.out) == (1, "")
    assert "Setting parameter failed: Parameter rate_hz" in refused.err
    assert ros2("param", "get", "/left/arm", "joints").out == "String values are: ['c']\n"


MISTAKES = {  # the slow ones side by side: they wait for what may still appear
    "topic echo --spin-time 6 /left/joint_stats": "unknown topic '/left/joint_stats'; did you mean",
    "node info --spin-time 6 /left/arn": "unknown node '/left/arn'; did you mean '/left/arm'?",
    "service call --spin-time 6 /estp std_srvs/srv/SetBool": "unknown service '/estp' (--spin-time",
    "service call --spin-time 6 /estop std_srvs/srv/Trigger": "'/estop' is of type std_srvs/srv/S",
    "param get /left/arm rate": "unknown parameter 'rate' of node '/left/arm'; did you mean",
    "topic echo /mode --field dta": "unknown field 'dta'; did you mean 'data'? known: data",
    "topic echo bad//name": "'bad//name' is not a valid name: ",
}


def test_what_is_not_there_is_named_with_what_is(ros2_at_once):
    for words, done in zip(MISTAKES, ros2_at_once(*MISTAKES), strict=True):
        assert done.code == 1, words
        assert done.err.startswith("ros2: "), words
        assert MISTAKES[words] in done.err, words


STUCK = """
import sys, time
from rclpy.node import Node
from ros2cli import graph
from ros2cli.main import main

Node.destroy_node = lambda node: time.sleep(1000)
graph.GOODBYE_S = 0.2
sys.exit(main(["node", "info", "--spin-time", "0.5", "/nobody"]))
"""


def test_a_command_ends_although_the_middleware_does_not(start):
    process = start("-c", STUCK)
    assert process.wait() == 1
    assert "ros2: " in process.output
