"""One camera on its topics.

A camera that is not there, is unplugged or falls silent is an error in the diagnostics and a line
in the log; the node goes on and opens it again when it is back.
"""

from __future__ import annotations

import threading

import numpy as np
from act_core import ros, topics
from act_core.report import Report
from act_core.ros_diagnostics import Diagnostics
from act_core.timing import MonotonicClock, to_ns
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from act_camera.calibration import read_calibration
from act_camera.camera_parameters import V4L2, VIDEO, CameraParameters
from act_camera.camera_report import camera_report
from act_camera.capture import Capture
from act_camera.frame_source import Frame

WAIT_S = 0.1  # at most so much later it is noticed that the node ends


class CameraNode(Node):
    """Publishes the newest frame of a `Capture`, stamped with the time that it was taken.

    Threads: the executor's (diagnostics), ``capture``, which reads the camera, and ``publish``: a
    slow subscriber or a JPEG costs frames, never freshness.
    """

    def __init__(self) -> None:
        super().__init__("act_camera")
        p = self.params = ros.declare_parameters(self, CameraParameters)
        p.check()
        self._calibration = read_calibration(p.calibration_file) if p.calibration_file else None
        if self._calibration is not None and p.source != VIDEO:
            self._calibration.check_size(*p.image_size())
        self._frame_id = f"{p.camera}_optical_frame"
        self._delay_ns = to_ns(p.delay_s)
        self._monotonic = MonotonicClock()
        self._images = ros.publisher(self, topics.camera_image(p.camera))
        self._infos = ros.publisher(self, topics.camera_info(p.camera))
        if p.compressed:
            self._jpegs = ros.publisher(self, topics.camera_compressed(p.camera))
        self._ending = threading.Event()
        self._failure: Exception | None = None
        self.capture = Capture(p.open_source(), self._on_change)
        Diagnostics(self, self._reports, p.device if p.source == V4L2 else p.source)
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
        age_ns = self._monotonic.now_ns() - frame.captured_ns + self._delay_ns
        stamp_ns = max(self.get_clock().now().nanoseconds - age_ns, 0)
        pixels = np.rot90(frame.image, -self.params.rotate_deg // 90)  # rot90 turns to the left
        if self.params.compressed and self._jpegs.get_subscription_count():
            quality = self.params.jpeg_quality
            self._jpegs.publish(
                ros.array_to_compressed(pixels, stamp_ns, self._frame_id, quality=quality)
            )
        image = ros.array_to_image(pixels, stamp_ns, self._frame_id)
        self._images.publish(image)
        self._infos.publish(self._info(image))

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
        return [camera_report(p.camera, self.capture.status(), p.stale_after_s)]


def main() -> int:
    """Console command ``camera_node``."""
    return ros.run_node(CameraNode)
