"""One camera on its topics.

A camera that is not there, is unplugged or falls silent is an error in the diagnostics and a line
in the log; the node goes on and opens it again when it is back.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from act_core import images, ros, topics
from act_core.clock_watch import ClockWatch
from act_core.errors import ConfigurationError
from act_core.foreign_text import clean
from act_core.report import Report
from act_core.ros_diagnostics import Diagnostics
from act_core.ros_publishers import several
from act_core.timing import MonotonicClock, to_ns
from act_core.traffic import Traffic
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from act_camera.calibration import (
    Calibration,
    is_alignment_file,
    read_calibration,
    write_calibration,
)
from act_camera.camera_parameters import CameraParameters, parameters_of
from act_camera.camera_report import camera_report
from act_camera.capture import Capture
from act_camera.frame_source import Frame
from act_camera.rectification import Rectification

WAIT_S = 0.1  # at most so much later it is noticed that the node ends


class CameraNode(Node):
    """Publishes the newest frame of a `Capture`, stamped with the time that it was taken.

    Threads: the executor's (diagnostics, parameters, services), ``capture``, which reads the
    camera, and ``publish``: a slow subscriber or a JPEG costs frames, never freshness.
    """

    def __init__(self) -> None:
        super().__init__("act_camera")
        source = ros.override_of(self, "source", CameraParameters.source)
        p = self.params = ros.declare_parameters(self, parameters_of(source), self._on_set)
        p.check()
        self._calibration_file, is_named = p.calibration_path(_share_of)
        self._calibration = self._stored_calibration(is_named)
        self._rectification: Rectification | None = None
        if p.rectify:
            if self._calibration is None:
                raise ConfigurationError(
                    "parameter rectify: there is no calibration to rectify with; name one "
                    f"(calibration_file), or put it at {self._calibration_file}"
                )
            self._rectification = Rectification(self._calibration)
            self._calibration = self._rectification.calibration
        self._frame_id = p.frame_id or f"{p.camera}_optical_frame"
        self._monotonic = MonotonicClock()
        self._clock_watch = ClockWatch()
        self._images_topic = topics.camera_image(p.camera)
        self._images = ros.publisher(self, self._images_topic)
        self._infos = ros.publisher(self, topics.camera_info(p.camera))
        if p.compressed:
            self._jpegs = ros.publisher(self, topics.camera_compressed(p.camera))
        ros.service(self, topics.set_camera_info(p.camera), self._on_set_camera_info)
        self._published = Traffic()
        self._ending = threading.Event()
        self._failure: Exception | None = None
        # A camera that is opened again gets what was set meanwhile.
        self.capture = Capture(lambda: self.params.open_source(), self._on_change)
        Diagnostics(self, self._reports, getattr(p, "device", p.source))
        self._publishing = threading.Thread(target=self._run, name="publish")
        self.capture.start()
        self._publishing.start()

    @property
    def finished(self) -> bool:
        """Never true; raises what the publishing thread died of."""
        if self._failure is not None:
            raise self._failure
        return False

    def close(self) -> None:
        """Ends the threads and lets go of the camera."""
        self._ending.set()
        self.capture.close()
        self._publishing.join()

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                frame = self.capture.take(WAIT_S)
                if frame is not None:
                    self._publish(frame)
        except Exception as error:
            self._failure = error

    def _publish(self, frame: Frame) -> None:
        age_ns = self._monotonic.now_ns() - frame.captured_ns + to_ns(self.params.delay_s)
        stamp_ns = max(self.get_clock().now().nanoseconds - age_ns, 0)
        pixels = np.rot90(frame.image, -self.params.rotate_deg // 90)  # rot90 turns to the left
        if self._rectification is not None:
            pixels = self._rectification.apply(pixels)
        if self.params.compressed and self._jpegs.get_subscription_count():
            jpeg = frame.jpeg
            if jpeg is None or self.params.rotate_deg or self._rectification is not None:
                jpeg = images.compress(pixels, "rgb8", self.params.jpeg_quality)
            self._jpegs.publish(ros.jpeg_to_compressed(jpeg, stamp_ns, self._frame_id))
        image = ros.array_to_image(pixels, stamp_ns, self._frame_id)
        self._images.publish(image)
        self._infos.publish(self._info(image))
        self._published.count()

    def _info(self, image: Image) -> CameraInfo:
        info = CameraInfo(header=image.header, height=image.height, width=image.width)
        calibration = self._calibration
        if calibration is None or (calibration.height, calibration.width) != (
            image.height,
            image.width,
        ):
            return info  # a K of zeros means: not calibrated
        info.distortion_model = calibration.distortion_model
        info.d, info.k = list(calibration.d), list(calibration.k)
        info.r, info.p = list(calibration.r), list(calibration.p)
        return info

    def _on_change(self, level: str, text: str) -> None:
        line = f"camera {self.params.camera}: {text}"
        if level == "warning":
            self.get_logger().warning(line)  # rclpy wants one severity for each line of code
        else:
            self.get_logger().info(line)

    def _reports(self) -> list[Report]:
        p = self.params
        outside = [
            self._clock_watch.look(self.get_clock().now().nanoseconds),
            several(self, self._images_topic),
        ]
        report = camera_report(
            p.camera,
            self.capture.status(),
            self._published,
            p.stale_after_s,
            tuple(problem for problem in outside if problem is not None),
        )
        return [report]

    def _on_set(self, wanted: CameraParameters) -> None:
        if wanted.source_options() != self.params.source_options():
            refused = self.capture.adjust(wanted)
            if refused:
                self.capture.adjust(self.params)
                raise ConfigurationError("; ".join(refused))
        self.params = wanted

    # -- calibration ---------------------------------------------------------------------------

    def _stored_calibration(self, is_named: bool) -> Calibration | None:
        """What the file holds. ConfigurationError for one that was named and does not fit; one that
        lies at the usual place is left out with a warning then."""
        p = self.params
        if not (is_named or self._calibration_file.is_file()):
            return None
        try:
            size = p.image_size()
            calibration = read_calibration(self._calibration_file, p.camera, size)
            if size:
                calibration.check_size(*size)
        except ConfigurationError as error:
            if is_named:
                raise
            self.get_logger().warning(f"'{self._calibration_file}' is not used: {error}")
            return None
        return calibration

    def _on_set_camera_info(self, request: Any, response: Any) -> Any:
        info = request.camera_info
        try:
            calibration = Calibration(
                info.width,
                info.height,
                clean(info.distortion_model),
                *(tuple(map(float, numbers)) for numbers in (info.d, info.k, info.r, info.p)),
            )
            if size := self.params.image_size():
                calibration.check_size(*size)
            if self._rectification is not None:
                raise ConfigurationError("the images are rectified; calibrate with rectify:=false")
            if is_alignment_file(self._calibration_file):
                raise ConfigurationError(
                    f"'{self._calibration_file}' tells more than this camera's calibration: start "
                    "the node with another calibration_file"
                )
            write_calibration(self._calibration_file, self.params.camera, calibration)
        except (ConfigurationError, OSError) as error:
            response.success, response.status_message = False, f"not stored: {error}"
        else:
            self._calibration = calibration
            response.success = True
            response.status_message = f"stored in {self._calibration_file}, and in use"
        self.get_logger().info(f"set_camera_info: {response.status_message}")
        return response


def _share_of(package: str) -> str:
    from ament_index_python.packages import get_package_share_directory

    return get_package_share_directory(package)


def main() -> int:
    """Console command ``camera_node``."""
    return ros.run_node(CameraNode)
