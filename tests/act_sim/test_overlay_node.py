"""The arm drawn over a camera's pictures, on real topics."""

from __future__ import annotations

import numpy as np
import pytest
import rclpy
from act_core import ros, topics
from act_core.errors import ConfigurationError
from act_core.robots.so101 import JOINT_NAMES
from act_sim.arm_overlay import COLOUR
from act_sim.overlay_node import OverlayNode
from rclpy.node import Node

from tests.act_core.test_camera_alignment import write_alignment
from tests.ros_rig import Rig, ros_arguments

GREY = np.full((48, 64, 3), 120, np.uint8)


class Camera(Node):
    """Sends pictures and joints, and looks at what is drawn."""

    def __init__(self) -> None:
        super().__init__("camera", use_global_arguments=False)
        self.images = ros.publisher(self, topics.camera_image("front"))
        self.joints = ros.publisher(self, topics.JOINT_STATES)
        self.drawn: list = []
        ros.subscription(self, topics.camera_overlay("front"), self.drawn.append)
        self.joints_late_ns = 0
        self.create_timer(0.05, self.send)

    def send(self) -> None:
        now = self.get_clock().now().nanoseconds
        pose = np.array([0.0, -1.2, 0.8, 1.3, -1.5, 0.3])
        self.joints.publish(ros.joint_state(JOINT_NAMES, pose, now - self.joints_late_ns))
        self.images.publish(ros.array_to_image(GREY, now, "front_optical_frame"))


@pytest.fixture
def rig(tmp_path):
    path = write_alignment(tmp_path / "cameras.yaml")
    rclpy.init(args=ros_arguments(alignment=str(path), rate_hz=20.0))
    node, camera = OverlayNode(), Camera()
    try:
        rig = Rig(node, camera)
        rig.camera = camera
        yield rig
    finally:
        node.close()
        rclpy.shutdown()


def test_draws_the_arm_over_the_picture(rig):
    rig.wait_for(lambda: len(rig.camera.drawn) >= 2)
    message = rig.camera.drawn[-1]
    picture = ros.image_to_array(message)
    outline = (picture == COLOUR).all(axis=2)
    assert 20 < outline.sum() < 0.5 * outline.size
    assert (picture[~outline] == 120).all()
    assert message.header.frame_id == "front_optical_frame"


def test_angles_of_another_time_are_not_drawn(rig):
    rig.wait_for(lambda: len(rig.camera.drawn) >= 1)
    rig.camera.joints_late_ns = 5_000_000_000
    rig.wait_for(lambda: not _grows(rig))


def _grows(rig) -> bool:
    """Whether ten more pictures are sent and one of them comes back."""
    before = len(rig.camera.drawn)
    sent = []
    timer = rig.camera.create_timer(0.05, lambda: sent.append(1))
    rig.wait_for(lambda: len(sent) >= 10)
    rig.camera.destroy_timer(timer)
    return len(rig.camera.drawn) > before


def test_without_a_file_it_says_what_it_needs():
    rclpy.init(args=ros_arguments())
    try:
        with pytest.raises(ConfigurationError, match="the file that act-align-camera has written"):
            OverlayNode()
    finally:
        rclpy.try_shutdown()
