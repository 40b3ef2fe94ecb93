"""Draws the simulated arm over the pictures of aligned cameras: ``camera/<name>/overlay``.

ros2 run act_sim overlay_node --ros-args -p alignment:=my_cameras.yaml

Where the outlines do not lie on the arm, a camera was moved, or the arm's calibration is off.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from act_core import ros, topics
from act_core.camera_alignment import read_alignment
from act_core.errors import ConfigurationError
from act_core.parameters import parameter
from act_core.timing import to_ns
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState

from act_sim.arm_model import ARM
from act_sim.arm_overlay import ArmOverlay

STALE_S = 0.5  # joint angles older than this against a picture say nothing of where the arm was


@dataclass(frozen=True)
class OverlayParameters:
    """Parameters of the overlay node."""

    alignment: str = parameter("", "the file of act-align-camera")
    rate_hz: float = parameter(5.0, "pictures a second of each camera", low=0.1, high=30.0)


class OverlayNode(Node):
    """Publishes for every camera of the file, while somebody looks."""

    def __init__(self) -> None:
        super().__init__("act_overlay")
        p = self.params = ros.declare_parameters(self, OverlayParameters)
        if not p.alignment:
            raise ConfigurationError(
                "parameter alignment is empty, expected the file that act-align-camera has written"
            )
        cameras = read_alignment(p.alignment)
        self._overlay = ArmOverlay(cameras)
        self._joints: tuple[int, list[float]] | None = None
        ros.subscription(self, topics.JOINT_STATES, self._on_joints)
        self._newest: dict[str, Image] = {}
        for name in cameras:
            ros.subscription(self, topics.camera_image(name), partial(self._on_image, name))
        self._drawn = {name: ros.publisher(self, topics.camera_overlay(name)) for name in cameras}
        ros.steady_timer(self, 1.0 / p.rate_hz, self._draw)

    def close(self) -> None:
        """Frees the graphics context."""
        self._overlay.close()

    def _on_joints(self, message: JointState) -> None:
        try:
            position = ros.read_joints(message, ARM.joint_names).position
        except ValueError as error:
            self.get_logger().warning(f"joint_states refused: {error}", throttle_duration_sec=5.0)
            return
        self._joints = ros.stamp_ns(message.header.stamp), position.tolist()

    def _on_image(self, camera: str, message: Image) -> None:
        try:
            ros.image_to_array(message, "rgb8")
        except ValueError as error:
            self.get_logger().warning(
                f"camera {camera} refused: {error}", throttle_duration_sec=5.0
            )
            return
        self._newest[camera] = message

    def _draw(self) -> None:
        for name, drawn in self._drawn.items():
            message = self._newest.pop(name, None)
            if message is None or not drawn.get_subscription_count():
                continue
            stamp_ns = ros.stamp_ns(message.header.stamp)
            if self._joints is None or abs(stamp_ns - self._joints[0]) > to_ns(STALE_S):
                self.get_logger().warning(
                    f"camera {name}: no joint states of the time of its pictures",
                    throttle_duration_sec=5.0,
                )
                continue
            try:
                picture = ros.image_to_array(message, "rgb8")
                outlined = self._overlay.draw(name, picture, self._joints[1])
            except ConfigurationError as error:  # larger than the simulation draws
                self.get_logger().warning(f"camera {name}: {error}", throttle_duration_sec=5.0)
                continue
            frame_id = message.header.frame_id
            drawn.publish(ros.array_to_image(outlined, stamp_ns, frame_id))


def main() -> int:
    """Console command ``overlay_node``."""
    return ros.run_node(OverlayNode)
