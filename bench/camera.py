"""How late and how completely camera frames arrive in another process. One JSON line.

`act_camera` nodes as a launch starts them, each with the synthetic pattern, which tells its number;
this process subscribes to all of them as a policy does.

    python -m bench.camera --seconds 60
    python -m bench.camera --cameras 3 --width 1280 --height 720
"""

from __future__ import annotations

import argparse
import itertools
import json
import signal
import subprocess
import sys
from functools import partial

import rclpy
from act_camera.sources.synthetic import INDEX_BITS, frame_index
from act_core import ros, topics
from act_core.timing import NS_PER_S, MonotonicClock, to_ns
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image

from bench._machine import cpu_name, cpu_seconds, percentiles_ms

RUN = "from act_camera.camera_node import main; raise SystemExit(main())"


class Listener(Node):
    """Counts frames and takes their age on arrival."""

    def __init__(self, cameras: list[str]) -> None:
        super().__init__("bench_camera")
        self.counting = False
        self.indices: dict[str, list[int]] = {camera: [] for camera in cameras}
        self.age_s: list[float] = []
        self._heard: set[str] = set()
        for camera in cameras:
            ros.subscription(self, topics.camera_image(camera), partial(self._on_image, camera))

    @property
    def hears_all(self) -> bool:
        return len(self._heard) == len(self.indices)

    def _on_image(self, camera: str, message: Image) -> None:
        now_ns = self.get_clock().now().nanoseconds
        self._heard.add(camera)
        if self.counting:
            self.age_s.append((now_ns - ros.stamp_ns(message.header.stamp)) / NS_PER_S)
            self.indices[camera].append(frame_index(ros.image_to_array(message)))

    def lost(self) -> int:
        """Frames that are missing between the first and the last of each camera."""
        gaps = 0
        for indices in self.indices.values():
            for before, after in itertools.pairwise(indices):
                gaps += (after - before) % (1 << INDEX_BITS) - 1
        return gaps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--cameras", type=int, default=2)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--rate", type=float, default=30.0, help="frames a second")
    arguments = parser.parse_args()
    cameras = [f"bench_{k}" for k in range(arguments.cameras)]
    values = {"source": "synthetic", "width": arguments.width, "height": arguments.height,
              "rate_hz": arguments.rate}  # fmt: skip
    processes = []
    for camera in cameras:
        pairs = [f"{name}:={value}" for name, value in {**values, "camera": camera}.items()]
        parameters = [part for pair in pairs for part in ("-p", pair)]
        command = [sys.executable, "-c", RUN, "--ros-args", *parameters]
        processes.append(subprocess.Popen(command))
    rclpy.init()
    listener = Listener(cameras)
    executor = SingleThreadedExecutor()
    executor.add_node(listener)
    clock = MonotonicClock()
    try:
        while not listener.hears_all:
            executor.spin_once(timeout_sec=0.1)
        cpu_before_s = sum(cpu_seconds(process.pid) for process in processes)
        listener.counting = True
        end_ns = clock.now_ns() + to_ns(arguments.seconds)
        while clock.now_ns() < end_ns:
            executor.spin_once(timeout_sec=0.1)
        cpu_s = sum(cpu_seconds(process.pid) for process in processes) - cpu_before_s
    finally:
        for process in processes:
            process.send_signal(signal.SIGINT)
        for process in processes:
            process.wait(10)
        listener.destroy_node()
        rclpy.shutdown()
    received = len(listener.age_s)
    print(
        json.dumps(
            {
                "bench": "camera",
                "machine": cpu_name(),
                "cameras": arguments.cameras,
                "size": f"{arguments.width}x{arguments.height}",
                "rate_hz": arguments.rate,
                "seconds": arguments.seconds,
                "received": received,
                "lost": listener.lost(),
                "capture_to_receiver": percentiles_ms(listener.age_s),
                "cores_per_camera": round(cpu_s / arguments.seconds / arguments.cameras, 3),
            }
        )
    )


if __name__ == "__main__":
    main()
