"""The shared rclpy code against real nodes and real messages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import rclpy
from act_core import ros as act_ros
from act_core import topics
from act_core.errors import ConfigurationError
from act_core.parameters import parameter
from rclpy.node import Node
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image, JointState

from tests.ros_rig import PATIENCE_S


@dataclass(frozen=True)
class Parameters:
    rate_hz: float = parameter(30.0, "frames a second", low=1.0, high=120.0)
    cameras: tuple[str, ...] = parameter((), "all cameras")
    mode: str = parameter("newest", "which frame", choices=("newest", "every"))


def node_with(*overrides: str) -> Node:
    arguments = [part for override in overrides for part in ("-p", override)]
    return Node("parameterized", cli_args=["--ros-args", *arguments])


def test_parameters_of_a_node(ros):
    node = node_with("rate_hz:=60", "cameras:=[front, top]", "use_sim_time:=false")
    parameters = act_ros.declare_parameters(node, Parameters)
    assert parameters == Parameters(rate_hz=60.0, cameras=("front", "top"))
    assert node.get_parameter("rate_hz").value == 60.0
    assert node.get_parameter("mode").value == "newest"
    descriptor = node.describe_parameter("rate_hz")
    assert descriptor.description == "frames a second"
    assert descriptor.floating_point_range[0].to_value == 120.0
    (result,) = node.set_parameters([rclpy.Parameter("rate_hz", value=20.0)])
    assert not result.successful
    node.destroy_node()


def test_an_empty_list_is_a_list(ros):
    node = node_with("cameras:=[]")
    assert act_ros.declare_parameters(node, Parameters) == Parameters(cameras=())
    node.destroy_node()


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("rate:=5.0", "unknown parameter 'rate'; did you mean 'rate_hz'"),
        ("rate_hz:=500.0", "got 500.0, expected 1.0 to 120.0"),
        ("mode:=nwest", "unknown mode 'nwest'; did you mean 'newest'"),
    ],
)
def test_wrong_parameters_end_the_start(ros, override, text):
    node = node_with(override)
    with pytest.raises(ConfigurationError, match=text):
        act_ros.declare_parameters(node, Parameters)
    node.destroy_node()


@dataclass(frozen=True)
class Settable:
    exposure_ms: float = parameter(0.0, "0: automatic", low=0.0, high=100.0, settable=True)
    width: int = parameter(640, "pixels", low=16)


def test_a_settable_parameter_is_set_or_refused_in_words(ros):
    node = Node("settable")
    taken: list[Settable] = []

    def on_set(parameters: Settable) -> None:
        if parameters.exposure_ms == 13.0:
            raise ConfigurationError("the camera does not let its exposure be set to 13")
        taken.append(parameters)

    def outcome(name: str, value: object) -> tuple[bool, str]:
        (result,) = node.set_parameters([rclpy.Parameter(name, value=value)])
        return result.successful, result.reason

    act_ros.declare_parameters(node, Settable, on_set)
    assert outcome("exposure_ms", 20.0) == (True, "")
    assert taken == [Settable(exposure_ms=20.0)]
    refused, reason = outcome("exposure_ms", 13.0)
    assert not refused
    assert "does not let its exposure be set" in reason
    assert not outcome("exposure_ms", 500.0)[0]
    assert not outcome("exposure_ms", float("nan"))[0]
    assert not outcome("width", 320)[0]
    assert node.get_parameter("exposure_ms").value == 20.0
    assert taken == [Settable(exposure_ms=20.0)]
    node.destroy_node()


def test_sensor_data_is_offered_reliably_and_asked_for_best_effort(ros):
    """REP 2003: a subscriber of either kind gets the images."""
    node = Node("camera")
    images = act_ros.publisher(node, topics.camera_image("front"))
    asked = act_ros.subscription(node, topics.camera_image("front"), print)
    assert images.qos_profile.reliability is ReliabilityPolicy.RELIABLE
    assert asked.qos_profile.reliability is ReliabilityPolicy.BEST_EFFORT
    node.destroy_node()


TOPIC = "qos_overrides./camera/front/image_raw"


def test_overrides_of_the_quality_of_service_are_honoured(ros):
    node = node_with(
        f"{TOPIC}.publisher.reliability:=best_effort",
        f"{TOPIC}.publisher.depth:=2",
        f"{TOPIC}.subscription.reliability:=reliable",
    )
    act_ros.declare_parameters(node, Parameters)
    images = act_ros.publisher(node, topics.camera_image("front"))
    asked = act_ros.subscription(node, topics.camera_image("front"), print)
    act_ros.check_qos_overrides(node)
    assert images.qos_profile.reliability is ReliabilityPolicy.BEST_EFFORT
    assert images.qos_profile.depth == 2
    assert asked.qos_profile.reliability is ReliabilityPolicy.RELIABLE
    another = Node("another")
    asked = act_ros.subscription(another, topics.camera_image("front"), print)
    assert asked.qos_profile.reliability is ReliabilityPolicy.BEST_EFFORT
    another.destroy_node()
    node.destroy_node()


@pytest.mark.parametrize(
    ("override", "text"),
    [
        (f"{TOPIC}.publisher.reliability:=sometimes", "sometimes"),
        (f"{TOPIC}.publisher.depth:=many", "depth"),
        (f"{TOPIC}.publisher.lifespan:=3", "has no effect: .* policies: history, depth"),
        (f"{TOPIC}.depth:=3", "has no effect"),
        ("qos_overrides./camera/top/image_raw.publisher.depth:=3",
         "has no effect: .* topics of this node: /camera/front/image_raw"),
    ],
)  # fmt: skip
def test_an_override_that_cannot_be_honoured_is_refused(ros, override, text):
    node = node_with(override)
    act_ros.declare_parameters(node, Parameters)

    def begin() -> None:
        act_ros.publisher(node, topics.camera_image("front"))
        act_ros.check_qos_overrides(node)

    with pytest.raises(ConfigurationError, match=text):
        begin()
    node.destroy_node()


def test_the_principal_point_is_at_the_centre_of_pixels():
    """An image of 4 x 2 pixels, of which (0, 0) is the centre of the first: the middle lies
    between columns 1 and 2 and between rows 0 and 1."""
    info = act_ros.camera_info(Image(width=4, height=2), 10.0)
    assert (info.k[2], info.k[5]) == (1.5, 0.5)
    assert (info.p[2], info.p[6]) == (1.5, 0.5)


def test_stamps_round_trip():
    for ns in (0, 1, 999_999_999, 1_000_000_000, 1_764_000_000_123_456_789):
        assert act_ros.stamp_ns(act_ros.to_stamp(ns)) == ns


def test_joints_are_read_by_name():
    message = act_ros.joint_state(["a", "b", "c"], [1.0, 2.0, 3.0], 5, velocity=[0.1, 0.2, 0.3])
    reading = act_ros.read_joints(message, ["c", "a"])
    assert reading.position.tolist() == [3.0, 1.0]
    assert reading.velocity.tolist() == [0.3, 0.1]
    assert act_ros.read_joints(JointState(name=["a"], position=[1.0]), ["a"]).velocity is None


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (JointState(name=["a"], position=[1.0]), "joints missing in the message: b; it has a"),
        (JointState(name=["a", "b"], position=[1.0]), "2 joint names but 1 positions"),
        (JointState(name=["a", "a"], position=[1.0, 2.0]), "a joint is named twice"),
        (JointState(name=["a", "b"], position=[1.0, np.nan]), "position of b is nan"),
        (JointState(name=["a", "b"], position=[-np.inf, 0.0]), "position of a is -inf"),
        (JointState(name=["\x1b[31m"], position=[0.0]), r"missing in the message: a, b; it has \?"),
    ],
)
def test_messages_that_do_not_fit_are_refused(message, text):
    with pytest.raises(ValueError, match=text):
        act_ros.read_joints(message, ["a", "b"])


def test_velocities_that_nobody_knows_are_none():
    message = JointState(name=["a"], position=[1.0], velocity=[np.nan])
    assert act_ros.read_joints(message, ["a"]).velocity is None


@pytest.mark.parametrize(
    ("encoding", "shape", "dtype"),
    [
        ("rgb8", (4, 6, 3), np.uint8),
        ("bgr8", (4, 6, 3), np.uint8),
        ("rgba8", (4, 6, 4), np.uint8),
        ("mono8", (4, 6), np.uint8),
        ("16UC1", (4, 6), np.uint16),
    ],
)
def test_images_round_trip(encoding, shape, dtype):
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
    message = act_ros.array_to_image(pixels, 7_000_000_001, "front_optical_frame", encoding)
    assert (message.height, message.width, message.encoding) == (4, 6, encoding)
    assert message.step * message.height == len(message.data)
    assert act_ros.stamp_ns(message.header.stamp) == 7_000_000_001
    assert np.array_equal(act_ros.image_to_array(message, encoding), pixels)


def test_images_of_a_slice_and_a_mirror_are_packed():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype(np.uint8)
    message = act_ros.array_to_image(pixels[::-1, 1:4], 0, "")
    assert np.array_equal(act_ros.image_to_array(message), pixels[::-1, 1:4])


def test_compressed_images():
    y, x = np.mgrid[0:48, 0:64]
    smooth = np.stack([x * 4, y * 5, 255 - x * 4], axis=2).astype(np.uint8)
    message = act_ros.array_to_compressed(smooth, 9, "front")
    assert isinstance(message, CompressedImage)
    assert message.format == "rgb8; jpeg compressed bgr8"
    assert np.abs(act_ros.image_to_array(message).astype(int) - smooth).mean() < 3


def test_an_image_crosses_topics_unchanged(ros, spin_until):
    sender, receiver = Node("sender"), Node("receiver")
    topic = topics.camera_image("front")
    received: list[Image] = []
    act_ros.subscription(receiver, topic, received.append)
    publisher = act_ros.publisher(sender, topic)
    spin_until(lambda: publisher.get_subscription_count() == 1, sender, receiver)
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3)).astype(np.uint8)
    publisher.publish(act_ros.array_to_image(pixels, 1, "front"))
    spin_until(lambda: bool(received), sender, receiver)
    assert np.array_equal(act_ros.image_to_array(received[0]), pixels)
    sender.destroy_node()
    receiver.destroy_node()


def test_a_late_joiner_gets_what_is_latched(ros, spin_until):
    sender, receiver = Node("sender"), Node("receiver")
    publisher = act_ros.publisher(sender, topics.EPISODE_STATUS)
    publisher.publish(act_ros.diagnostic("episode", "warn", "cube lost", {"seed": "7"}))
    received = []
    act_ros.subscription(receiver, topics.EPISODE_STATUS, received.append)
    spin_until(lambda: bool(received), sender, receiver)
    assert received[0].message == "cube lost"
    assert [(pair.key, pair.value) for pair in received[0].values] == [("seed", "7")]
    sender.destroy_node()
    receiver.destroy_node()


def test_every_type_of_the_table_exists():
    for entry in (*topics.TOPICS, *topics.SERVICES, topics.camera_image("a")):
        assert act_ros.interface_type(entry.type_name).__name__ == entry.type_name.split("/")[2]


NODE_PROGRAM = """
import sys
import threading
import act_core.ros
from rclpy.node import Node
from act_core.errors import ConfigurationError
from act_core.ros import run_node

class Program(Node):
    def __init__(self):
        super().__init__("program")
        if "refuse" in sys.argv:
            raise ConfigurationError("camera 'top' is not there: front, wrist")
        self.create_timer(0.01, self.on_tick)
        print("up", flush=True)

    def on_tick(self):
        if "crash" in sys.argv:
            raise RuntimeError("broken")

    def destroy_node(self):
        if "hang" in sys.argv:
            threading.Event().wait()
        super().destroy_node()

    def close(self):
        print("closed, topics work:", self.context.ok(), flush=True)

act_core.ros.GOODBYE_S = 0.5
sys.exit(run_node(Program))
"""


def start_program(*arguments: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", NODE_PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_node_in_order(number):
    program = start_program()
    assert program.stdout.readline() == "up\n"
    program.send_signal(number)
    out, err = program.communicate(timeout=PATIENCE_S)
    assert out == "closed, topics work: True\n"
    assert err == ""
    assert program.returncode == 0


def test_a_crash_closes_the_node_and_keeps_the_traceback():
    out, err = start_program("crash").communicate(timeout=PATIENCE_S)
    assert "closed, topics work: True" in out
    assert "RuntimeError: broken" in err


def test_a_middleware_that_hangs_does_not_keep_the_process():
    program = start_program("hang")
    assert program.stdout.readline() == "up\n"
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=PATIENCE_S)
    assert "closed" in out
    assert "the middleware does not answer" in err
    assert program.returncode == 1


def test_a_configuration_error_is_one_line_and_code_2():
    program = start_program("refuse")
    _, err = program.communicate(timeout=PATIENCE_S)
    assert "camera 'top' is not there: front, wrist" in err
    assert "Traceback" not in err
    assert program.returncode == 2


@pytest.mark.parametrize(
    ("environment", "cause"),
    [({"ROS_LOG_DIR": "/proc/none"}, "'/proc/none'"), ({"HOME": "/proc/none"}, "/proc/none/.ros"),
     ({"HOME": None}, "Failed to get logging directory")],
    ids=["folder", "home", "no home"],
)  # fmt: skip
def test_log_files_that_have_no_place_end_a_node_with_one_line(environment, cause):
    variables = {**os.environ, **environment}
    variables = {name: value for name, value in variables.items() if value is not None}
    if "ROS_LOG_DIR" not in environment:
        variables.pop("ROS_LOG_DIR", None)
    code = "import sys; from act_core.ros import run_node; sys.exit(run_node(None))"
    program = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert program.returncode == 2
    (line,) = (program.stdout + program.stderr).splitlines()
    assert cause in line
    assert line.endswith("set ROS_LOG_DIR to a folder for the log files")
