"""The camera node on real topics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
import rclpy
import yaml
from act_camera.camera_node import CameraNode
from act_camera.synthetic_source import SyntheticSource, frame_index
from act_core import ros, topics
from act_core.errors import ConfigurationError
from act_core.timing import MonotonicClock, to_ns
from rclpy.node import Node

from tests.act_camera.scripted_source import Script
from tests.act_camera.test_calibration import CONTENT
from tests.ros_rig import Rig, ros_arguments

SMALL = {"source": "synthetic", "width": 64, "height": 48, "rate_hz": 50.0}


class Client(Node):
    """Remembers everything that a camera says."""

    def __init__(self, camera: str, compressed: bool) -> None:
        super().__init__("client", use_global_arguments=False)
        self.images: list = []
        self.infos: list = []
        self.jpegs: list = []
        self.statuses: list = []
        ros.subscription(self, topics.camera_image(camera), self.images.append)
        ros.subscription(self, topics.camera_info(camera), self.infos.append)
        ros.subscription(self, topics.DIAGNOSTICS, lambda m: self.statuses.extend(m.status))
        if compressed:
            ros.subscription(self, topics.camera_compressed(camera), self.jpegs.append)


class CameraRig(Rig):
    """A camera node and its listener."""

    def __init__(self, node: CameraNode, client: Client) -> None:
        super().__init__(node, client)
        self.node, self.client = node, client

    def newest_status(self):
        status = self.client.statuses[-1]
        return status, ros.diagnostic_values(status)


@contextmanager
def running(**parameters) -> Iterator[CameraRig]:
    rclpy.init(args=ros_arguments(**{**SMALL, **parameters}))
    node = client = None
    try:
        node = CameraNode()
        client = Client(node.params.camera, node.params.compressed)
        yield CameraRig(node, client)
    finally:
        if node is not None:
            node.close()
            node.destroy_node()
        if client is not None:
            client.destroy_node()
        rclpy.try_shutdown()


def stamp_of(message) -> int:
    return ros.stamp_ns(message.header.stamp)


def test_images_with_number_stamp_and_frame_id():
    with running(camera="wrist") as rig:
        before_ns = rig.node.get_clock().now().nanoseconds
        rig.wait_for(lambda: len(rig.client.images) >= 10 and len(rig.client.infos) >= 10)
        images = rig.client.images
        assert all(ros.image_to_array(m).shape == (48, 64, 3) for m in images)
        assert images[0].encoding == "rgb8"
        assert images[0].header.frame_id == "wrist_optical_frame"
        numbers = [frame_index(ros.image_to_array(m)) for m in images]
        assert numbers == sorted(set(numbers)), "each frame once, none older than the last"
        stamps = [stamp_of(m) for m in images]
        assert stamps == sorted(stamps)
        now_ns = rig.node.get_clock().now().nanoseconds
        assert before_ns - to_ns(1.0) < stamps[0] < stamps[-1] < now_ns
        # The stamps lie on the grid on which the frames were taken.
        periods = np.diff(stamps) / np.diff(numbers) / 1e9
        assert np.median(periods) == pytest.approx(1 / 50, rel=0.2)


def test_the_known_delay_is_subtracted_from_the_stamp():
    """Two frames of one node would not do: so the delay is larger than the test may last."""
    with running(delay_s=1.0) as rig:
        rig.wait_for(lambda: len(rig.client.images) >= 1)
        received_ns = rig.node.get_clock().now().nanoseconds
        assert received_ns - stamp_of(rig.client.images[0]) >= to_ns(1.0)


@pytest.mark.parametrize(
    ("degrees", "clockwise", "back"),
    [
        (90, cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE),
        (180, cv2.ROTATE_180, cv2.ROTATE_180),
        (270, cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_90_CLOCKWISE),
    ],
)
def test_images_are_turned_clockwise(degrees, clockwise, back):
    with running(rotate_deg=degrees) as rig:
        rig.wait_for(lambda: len(rig.client.images) >= 3 and len(rig.client.infos) >= 1)
        image = ros.image_to_array(rig.client.images[-1])
        assert (rig.client.infos[0].height, rig.client.infos[0].width) == image.shape[:2]
        upright = SyntheticSource(48, 64, 50.0)._draw(frame_index(cv2.rotate(image, back)))
        assert np.array_equal(image, cv2.rotate(upright, clockwise))


def test_without_a_calibration_the_camera_info_says_so():
    with running() as rig:
        rig.wait_for(lambda: len(rig.client.infos) >= 1)
        info = rig.client.infos[0]
        assert (info.height, info.width) == (48, 64)
        assert list(info.k) == [0.0] * 9


def test_camera_info_with_a_calibration_goes_with_each_image(tmp_path):
    file = tmp_path / "front.yaml"
    file.write_text(yaml.safe_dump(CONTENT))
    with running(calibration_file=file) as rig:
        rig.wait_for(lambda: len(rig.client.infos) >= 3 and len(rig.client.images) >= 3)
        info = rig.client.infos[-1]
        assert info.k[0] == 50.0
        assert info.distortion_model == "plumb_bob"
        assert list(info.d) == CONTENT["distortion_coefficients"]["data"]
        assert len(info.p) == 12
        assert {stamp_of(m) for m in rig.client.infos} & {stamp_of(m) for m in rig.client.images}
        assert info.header.frame_id == "front_optical_frame"


def test_the_compressed_topic():
    with running(compressed=True, jpeg_quality=95) as rig:
        rig.wait_for(lambda: len(rig.client.jpegs) >= 3 and len(rig.client.images) >= 3)
        jpeg = rig.client.jpegs[-1]
        assert jpeg.format == "rgb8; jpeg compressed bgr8"
        by_stamp = {stamp_of(m): m for m in rig.client.images}
        pairs = [(j, by_stamp[stamp_of(j)]) for j in rig.client.jpegs if stamp_of(j) in by_stamp]
        assert pairs
        image, decoded = ros.image_to_array(pairs[-1][1]), ros.image_to_array(pairs[-1][0])
        assert frame_index(image) == frame_index(decoded)


def test_diagnostics_tell_rate_and_age():
    with running() as rig:

        def rate_is_known() -> bool:
            return bool(rig.client.statuses) and "interval_p99_ms" in rig.newest_status()[1]

        rig.wait_for(rate_is_known)
        status, values = rig.newest_status()
        assert status.name == "/act_camera: front"
        assert float(values["rate_hz"]) > 0
        assert float(values["age_s"]) >= 0
        assert values["expected_rate_hz"] == "50"
        assert values["source"] == "synthetic pattern, 64x48 at 50 Hz"


def test_a_camera_that_is_not_there_does_not_end_the_node():
    with running(source="v4l2", device="/dev/video99") as rig:
        rig.wait_for(lambda: bool(rig.client.statuses))
        status, _ = rig.newest_status()
        assert status.level == ros.DIAGNOSTIC_LEVELS["error"]
        assert "there is no /dev/video99" in status.message
        assert rig.node.finished is False


def test_a_camera_that_is_unplugged_comes_back(monkeypatch):
    """The whole node over an interruption: images, error, images again."""
    script = Script()
    monkeypatch.setattr(
        "act_camera.camera_node.CameraParameters.open_source", lambda _: script.open
    )
    with running(stale_after_s=60.0) as rig:

        def now_ns() -> int:
            return MonotonicClock().now_ns()

        rig.wait_for(lambda: rig.node._images.get_subscription_count() > 0)
        script.deliver(now_ns())
        rig.wait_for(lambda: len(rig.client.images) == 1)
        script.deliver(OSError(19, "No such device"))

        def said(text: str) -> bool:
            return any(text in status.message for status in rig.client.statuses)

        rig.wait_for(lambda: said("No such device"))
        script.deliver(now_ns())
        rig.wait_for(lambda: len(rig.client.images) == 2)
        rig.wait_for(lambda: rig.newest_status()[1]["reconnects"] == "1")
        script.deliver(OSError("the test is over"))


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"source": "usb"}, "unknown source 'usb'; known: synthetic, v4l2, video"),
        ({"source": "video"}, "parameter file is '', expected a video file"),
        ({"camera": "my-cam"}, "expected letters, digits and '_'"),
        ({"rotate_deg": 45}, "rotate_deg is 45, expected 0, 90, 180 or 270"),
        ({"fourcc": "JPEG2"}, "expected four letters"),
        ({"calibration_file": "/no/file.yaml"}, "/no/file.yaml"),
        ({"jpeg_quality": 0}, "got 0, expected 1 to 100"),
        ({"ratehz": 30}, "did you mean 'rate_hz'"),
    ],
)
def test_what_cannot_be_is_named_at_the_start(parameters, text):
    with pytest.raises(ConfigurationError, match=text), running(**parameters):
        pass


def test_a_calibration_for_another_size_is_refused(tmp_path):
    file = tmp_path / "front.yaml"
    file.write_text(yaml.safe_dump(CONTENT))
    with pytest.raises(ConfigurationError, match="is for 64x48, the images are 640x480"):
        with running(calibration_file=file, width=640, height=480):
            pass
