"""The camera node on real topics."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import rclpy
import yaml
from act_camera.calibration import read_calibration
from act_camera.camera_node import CameraNode
from act_camera.camera_parameters import parameters_of
from act_camera.rectification import Rectification
from act_camera.sources import SOURCES
from act_camera.sources.synthetic import SyntheticSource, frame_index
from act_core import ros, topics
from act_core.errors import ConfigurationError
from act_core.parameters import parameter
from act_core.timing import MonotonicClock, to_ns
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CameraInfo, Image
from sensor_msgs.srv import SetCameraInfo

from tests.act_camera.scripted_source import Script, ScriptedSource
from tests.act_camera.test_calibration import CONTENT
from tests.act_core.test_camera_alignment import write_alignment
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

    def wait_for(self, condition, *args):
        try:
            super().wait_for(condition, *args)
        except AssertionError as error:
            said = self.client.statuses[-1].message if self.client.statuses else "nothing"
            raise AssertionError(f"{error}; the camera says: {said}") from None

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
        upright = SyntheticSource(parameters_of("synthetic")(**SMALL))._draw(
            frame_index(cv2.rotate(image, back))
        )
        assert np.array_equal(image, cv2.rotate(upright, clockwise))


def test_rectified_images_and_their_calibration(tmp_path):
    """Of an alignment made with images ten times as large."""
    file = write_alignment(tmp_path / "cameras.yaml")
    with running(calibration_file=str(file), rectify=True) as rig:
        rig.wait_for(lambda: len(rig.client.images) >= 2 and len(rig.client.infos) >= 1)
        info = rig.client.infos[-1]
        assert list(info.d) == [0.0] * 5
        assert info.k[0] == pytest.approx(57.94)
        straight = ros.image_to_array(rig.client.images[-1])
        number = frame_index(straight)
        drawn = SyntheticSource(parameters_of("synthetic")(**SMALL))._draw(number)
        calibration = read_calibration(file, "front", (64, 48))
        assert np.array_equal(straight, Rectification(calibration).apply(drawn))


def test_what_is_rectified_is_not_calibrated(tmp_path):
    file = write_alignment(tmp_path / "cameras.yaml")
    before = file.read_bytes()
    for rectify, text in ((True, "the images are rectified"), (False, "tells more than this")):
        with running(calibration_file=str(file), rectify=rectify) as rig:
            client = rig.client.create_client(SetCameraInfo, "camera/front/set_camera_info")
            rig.wait_for(client.service_is_ready)
            request = SetCameraInfo.Request()
            request.camera_info.width, request.camera_info.height = 64, 48
            request.camera_info.distortion_model = "plumb_bob"
            request.camera_info.d = [0.0] * 5
            request.camera_info.k = [60.0, 0.0, 31.5, 0.0, 60.0, 23.5, 0.0, 0.0, 1.0]
            future = client.call_async(request)
            rig.wait_for(future.done)
            assert not future.result().success
            assert text in future.result().status_message
    assert file.read_bytes() == before


def test_nothing_to_rectify_with(tmp_path, monkeypatch):
    monkeypatch.setenv("ROS_HOME", str(tmp_path))
    with pytest.raises(ConfigurationError, match="no calibration to rectify with"):
        with running(rectify=True):
            pass


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


def calibration_message(**changes) -> CameraInfo:
    info = CameraInfo(width=64, height=48, distortion_model="plumb_bob")
    info.d = CONTENT["distortion_coefficients"]["data"]
    info.k = [float(number) for number in CONTENT["camera_matrix"]["data"]]
    info.r = [float(number) for number in CONTENT["rectification_matrix"]["data"]]
    info.p = [float(number) for number in CONTENT["projection_matrix"]["data"]]
    for name, value in changes.items():
        setattr(info, name, value)
    return info


def set_camera_info(rig: CameraRig, info: CameraInfo) -> SetCameraInfo.Response:
    service = topics.set_camera_info(rig.node.params.camera)
    caller = rig.client.create_client(SetCameraInfo, service.name)
    rig.wait_for(caller.service_is_ready)
    future = caller.call_async(SetCameraInfo.Request(camera_info=info))
    rig.wait_for(future.done)
    return future.result()


def test_a_calibration_that_is_set_is_used_stored_and_found_again(ros_home):
    with running() as rig:
        answer = set_camera_info(rig, calibration_message())
        assert answer.success, answer.status_message
        rig.wait_for(lambda: bool(rig.client.infos) and rig.client.infos[-1].k[0] == 50.0)
    assert (ros_home / "camera_info" / "front.yaml").is_file()
    with running() as rig:
        rig.wait_for(lambda: bool(rig.client.infos))
        assert rig.client.infos[0].k[0] == 50.0


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"width": 640}, "the calibration is for 640x48, the images are 64x48"),
        ({"k": [0.0] * 9}, "expected above 0"),
        ({"k": [float("nan")] * 9}, "not finite"),
        ({"distortion_model": "\x1b[2Jbarrel"}, "unknown distortion_model '?[2Jbarrel'"),
        ({"d": [0.0] * 99}, "plumb_bob has 4 or 5 distortion coefficients, got 99"),
    ],
)
def test_a_calibration_that_cannot_be_is_not_stored(ros_home, changes, text):
    with running() as rig:
        answer = set_camera_info(rig, calibration_message(**changes))
        assert not answer.success
        assert text in answer.status_message
    assert not (ros_home / "camera_info").exists()


def test_the_usual_calibration_is_left_out_where_it_is_for_another_size(ros_home):
    file = ros_home / "camera_info" / "front.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(CONTENT))
    with running(width=128, height=96) as rig:
        rig.wait_for(lambda: bool(rig.client.infos))
        assert rig.client.infos[0].k[0] == 0.0


def test_a_calibration_by_its_url(tmp_path):
    (tmp_path / "front.yaml").write_text(yaml.safe_dump(CONTENT))
    with running(camera_info_url=f"file://{tmp_path}/${{NAME}}.yaml") as rig:
        rig.wait_for(lambda: bool(rig.client.infos))
        assert rig.client.infos[0].k[0] == 50.0


def test_another_frame_id():
    with running(frame_id="tripod") as rig:
        rig.wait_for(lambda: bool(rig.client.images) and bool(rig.client.infos))
        assert rig.client.images[0].header.frame_id == "tripod"
        assert rig.client.infos[0].header.frame_id == "tripod"


def test_subscribers_of_either_kind_get_images():
    with running() as rig:
        reliable: list = []
        rig.client.create_subscription(Image, "camera/front/image_raw", reliable.append, 10)
        rig.wait_for(lambda: bool(reliable) and bool(rig.client.images))


def test_parameters_that_are_set_while_it_runs(script):
    with running(source="scripted", stale_after_s=60.0) as rig:
        feeding = threading.Event()

        def feed() -> None:
            while not feeding.wait(0.01):
                script.deliver(MonotonicClock().now_ns())

        feeder = threading.Thread(target=feed)
        feeder.start()
        try:
            rig.wait_for(lambda: len(rig.client.images) >= 2)
            (result,) = rig.node.set_parameters([rclpy.Parameter("exposure_ms", value=12.5)])
            assert result.successful, result.reason
            assert script.adjusted[-1].exposure_ms == 12.5
            script.refusals = ["the camera does not let its gain be set to 3"]
            (result,) = rig.node.set_parameters([rclpy.Parameter("gain", value=3.0)])
            assert not result.successful
            assert "does not let its gain be set" in result.reason
            assert rig.node.get_parameter("gain").value == -1.0
            assert script.adjusted[-1].gain == -1.0, "the camera is back at what it had"
            (result,) = rig.node.set_parameters([rclpy.Parameter("width", value=320)])
            assert not result.successful
        finally:
            feeding.set()
            feeder.join()
            script.deliver(OSError("the test is over"))


def warned(rig: CameraRig, text: str) -> bool:
    return any(
        text in status.message and status.level != ros.DIAGNOSTIC_LEVELS["ok"]
        for status in rig.client.statuses
    )


def test_without_a_simulated_clock_it_says_so():
    with running(use_sim_time=True, rate_hz=5.0) as rig:
        rig.wait_for(lambda: warned(rig, "simulated time has not begun: nothing on /clock yet"))
        clock = rig.client.create_publisher(ClockMessage, "/clock", 10)
        now_ns = [0]

        def tick() -> None:
            now_ns[0] += to_ns(0.02)
            clock.publish(ClockMessage(clock=ros.to_stamp(now_ns[0])))

        # A timer: a clock as fast as the test can publish takes the interpreter from the camera.
        timer = ros.steady_timer(rig.client, 0.02, tick)
        ok = ros.DIAGNOSTIC_LEVELS["ok"]
        rig.wait_for(lambda: rig.newest_status()[0].level == ok)
        timer.cancel()
        rig.wait_for(lambda: warned(rig, "simulated time has stood still"))


def test_a_second_publisher_of_the_images_is_named():
    with running() as rig:
        other = Node("intruder", use_global_arguments=False)
        other.create_publisher(Image, "camera/front/image_raw", 10)
        rig.wait_for(lambda: warned(rig, "2 publishers on camera/front/image_raw: "))
        assert warned(rig, "/intruder")
        other.destroy_node()
        ok = ros.DIAGNOSTIC_LEVELS["ok"]
        rig.wait_for(lambda: rig.newest_status()[0].level == ok)


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


@pytest.mark.parametrize("rotate_deg", [0, 180])
def test_a_cameras_own_jpeg_is_what_the_image_was_decoded_of(rotate_deg):
    """So what is recorded of it becomes, bit for bit, what a policy sees: but for one that is
    rotated, whose JPEG has to be made anew."""
    with running(motion_jpeg=True, rotate_deg=rotate_deg) as rig:
        rig.wait_for(lambda: len(rig.client.jpegs) >= 3 and len(rig.client.images) >= 3)
        by_stamp = {stamp_of(m): m for m in rig.client.images}
        pairs = [(j, by_stamp[stamp_of(j)]) for j in rig.client.jpegs if stamp_of(j) in by_stamp]
        assert pairs
        for jpeg, image in pairs:
            same = np.array_equal(ros.image_to_array(jpeg), ros.image_to_array(image))
            assert same == (rotate_deg == 0)


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


@pytest.fixture
def script(monkeypatch) -> Script:
    """What the camera source ``scripted`` delivers."""
    script = Script()

    @dataclass(frozen=True)
    class Options:
        exposure_ms: float = parameter(0.0, "fixed exposure time", low=0.0, settable=True)
        gain: float = parameter(-1.0, "as a camera has it", settable=True)

    class Scripted(ScriptedSource):
        def __new__(cls, _parameters):
            return script.open()

    Scripted.Options = Options
    monkeypatch.setitem(SOURCES._registered, "scripted", Scripted)
    parameters_of.cache_clear()
    return script


def test_a_camera_that_is_unplugged_comes_back(script):
    """The whole node over an interruption: images, error, images again."""
    with running(source="scripted", stale_after_s=60.0) as rig:

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
        ({"source": "usb"}, "unknown camera source 'usb'; known: synthetic, v4l2, video; one of"),
        ({"exposure_ms": 5.0}, "unknown parameter 'exposure_ms'"),  # a pattern has none
        ({"source": "video"}, "parameter file is '', expected a video file"),
        ({"camera": "my-cam"}, "expected letters, digits and '_'"),
        ({"rotate_deg": 45}, "rotate_deg is 45, expected 0, 90, 180 or 270"),
        ({"source": "v4l2", "fourcc": "JPEG2"}, "expected four letters"),
        ({"calibration_file": "/no/file.yaml"}, "/no/file.yaml"),
        ({"jpeg_quality": 0}, "got 0, expected 1 to 100"),
        (
            {"calibration_file": "/no/file.yaml", "camera_info_url": "file:///x.yaml"},
            "leave one out",
        ),
        ({"source": "v4l2", "exposure_ms": "inf"}, "got inf, expected a finite number"),
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
