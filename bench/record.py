"""What recording costs, what it loses, and how fast its bags become a dataset. One JSON line.

`act_camera` nodes with the synthetic pattern, which tells its number, a process that publishes
joints and commands, and the record node as a launch starts it. Raw pictures of two cameras need
55 MB of disk a second.

    python -m bench.record --seconds 300
    python -m bench.record --images compressed
"""

from __future__ import annotations

import argparse
import itertools
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from act_camera.sources.synthetic import INDEX_BITS, frame_index
from act_core import ros, topics
from act_core.robots.so101 import JOINT_NAMES
from act_core.timing import NS_PER_S, MonotonicClock, to_ns
from act_record import cdr
from act_record.bag_reader import Bag, open_bag
from act_record.timeline import Timeline, camera_of
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_srvs.srv import Trigger

from bench._machine import cpu_name, cpu_seconds

CAMERA = "from act_camera.camera_node import main; raise SystemExit(main())"
RECORDER = "from act_record.record_node import main; raise SystemExit(main())"
JOINT_HZ = 100.0
PATIENCE_S = 30.0
NUMBER_RAD = 1e-5  # so that half an hour of messages stays within a joint's travel


class Arm(Node):
    """Joints and commands whose first value tells the number of the message."""

    def __init__(self) -> None:
        super().__init__("bench_record")
        self.sent = 0
        self._outputs = [
            ros.publisher(self, topic) for topic in (topics.JOINT_STATES, topics.JOINT_COMMANDS)
        ]
        self.create_timer(1.0 / JOINT_HZ, self._tick)

    def _tick(self) -> None:
        position = np.full(len(JOINT_NAMES), 0.1 * np.sin(self.sent / JOINT_HZ))
        position[0] = NUMBER_RAD * self.sent
        now_ns = self.get_clock().now().nanoseconds
        for output in self._outputs:
            output.publish(ros.joint_state(JOINT_NAMES, position, now_ns))
        self.sent += 1


def call(
    node: Node, executor: SingleThreadedExecutor, service: topics.Service
) -> tuple[Any, float]:
    """The response and how long it took [s]."""
    client: Client = node.create_client(Trigger, service.name)
    clock = MonotonicClock()
    end_ns = clock.now_ns() + to_ns(PATIENCE_S)
    while not client.service_is_ready() and clock.now_ns() < end_ns:
        executor.spin_once(timeout_sec=0.1)
    begin_ns = clock.now_ns()
    future = client.call_async(Trigger.Request())
    while not future.done() and clock.now_ns() < end_ns + to_ns(PATIENCE_S):
        executor.spin_once(timeout_sec=0.1)
    return future.result(), (clock.now_ns() - begin_ns) / NS_PER_S


def start(code: str, **parameters: Any) -> subprocess.Popen:
    pairs = [f"{name}:={value}" for name, value in parameters.items()]
    arguments = [part for pair in pairs for part in ("-p", pair)]
    return subprocess.Popen([sys.executable, "-c", code, "--ros-args", *arguments])


def missing(bag: Bag) -> tuple[dict[str, int], dict[str, int]]:
    """What is not in the bag between the first and the last message of each stream: what was sent
    and lost, and the frames that a camera node itself left out, because the machine was late.

    A camera's camera_info tells which of its frames were sent.
    """
    numbers: dict[str, list[int]] = {}
    images: dict[str, set[int]] = {}
    infos: dict[str, set[int]] = {}
    for message in bag.messages():
        topic = message.topic.lstrip("/")
        camera = camera_of(topic, message.type_name)
        if camera is not None:
            pixels = cdr.read_image(message.data, message.type_name)
            numbers.setdefault(topic, []).append(frame_index(pixels))
            images.setdefault(topic, set()).add(cdr.stamp_ns(message.data))
        elif topic.endswith("/camera_info"):
            infos.setdefault(topic.split("/")[1], set()).add(cdr.stamp_ns(message.data))
        elif message.type_name == cdr.JOINT_STATE:
            number = round(cdr.read_joints(message.data).position[0] / NUMBER_RAD)
            numbers.setdefault(topic, []).append(number)
    lost, not_sent = {}, {}
    for topic, values in numbers.items():
        wrap = 1 << INDEX_BITS if topic in images else 1 << 62
        gaps = sum((b - a) % wrap - 1 for a, b in itertools.pairwise(values))
        if topic in images:
            first, last = min(images[topic]), max(images[topic])
            unseen = infos[topic.split("/")[1]] - images[topic]
            lost[topic] = sum(first < stamp < last for stamp in unseen)
            not_sent[topic] = gaps - lost[topic]
        else:
            lost[topic] = gaps
    return lost, not_sent


def import_speed(recording: Path, height: int, width: int) -> dict[str, Any]:
    """Recorded seconds that become a dataset in one second."""
    from act_training.datasets.importing import import_episodes
    from act_training.import_dataset import ImportOptions, open_source

    clock = MonotonicClock()
    with tempfile.TemporaryDirectory() as folder:
        options = ImportOptions(
            "bag", str(recording), Path(folder), height=height, width=width, keep_redo=True
        )  # a short bench on a busy machine
        begin_ns = clock.now_ns()
        record = import_episodes(open_source(recording, "bag", options), Path(folder), {})
        took_s = (clock.now_ns() - begin_ns) / NS_PER_S
    length_s = Timeline.of(open_bag(recording)).length_s
    return {"size": f"{width}x{height}", "times_real_time": round(length_s / took_s, 1),
            "pieces": record.imported, "refused": [str(r) for r in record.refused]}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--images", choices=("raw", "compressed"), default="raw")
    parser.add_argument("--out", type=Path, help="where to record (a temporary folder)")
    parser.add_argument("--width", type=int, default=128, help="of the images of the dataset")
    parser.add_argument("--height", type=int, default=96)
    arguments = parser.parse_args()
    cameras = ("front", "wrist")
    with tempfile.TemporaryDirectory(dir=arguments.out) as folder:
        compressed = str(arguments.images == "compressed").lower()
        processes = [
            start(CAMERA, camera=camera, source="synthetic", width=640, height=480, rate_hz=30.0,
                  compressed=compressed)
            for camera in cameras
        ]  # fmt: skip
        recorder = start(RECORDER, out=folder, cameras="[front, wrist]", images=arguments.images)
        processes.append(recorder)
        rclpy.init()
        arm = Arm()
        executor = SingleThreadedExecutor()
        executor.add_node(arm)
        clock = MonotonicClock()
        try:
            deadline_ns = clock.now_ns() + to_ns(PATIENCE_S)
            while True:
                answer, _ = call(arm, executor, topics.RECORD_START)
                if answer is not None and answer.success:
                    break
                if clock.now_ns() > deadline_ns:
                    sys.exit(f"the recorder does not start: {answer and answer.message}")
            cpu_before_s = cpu_seconds(recorder.pid)
            end_ns = clock.now_ns() + to_ns(arguments.seconds)
            while clock.now_ns() < end_ns:
                executor.spin_once(timeout_sec=0.1)
            cpu_s = cpu_seconds(recorder.pid) - cpu_before_s
            answer, stop_s = call(arm, executor, topics.RECORD_STOP)
        finally:
            for process in processes:
                process.send_signal(signal.SIGINT)
            for process in processes:
                process.wait(10)
            arm.destroy_node()
            rclpy.shutdown()
        recording = Path(folder) / "episode_000000"
        bag = open_bag(recording)
        lost, not_sent = missing(bag)
        result = {
            "bench": "record",
            "machine": cpu_name(),
            "images": arguments.images,
            "seconds": arguments.seconds,
            "lost": lost,
            "not_sent": not_sent,
            "dropped": bag.outcome()["dropped"],
            "cores": round(cpu_s / arguments.seconds, 3),
            "stop_and_verdict_s": round(stop_s, 2),
            "verdict": answer.message,
            "megabytes": round(sum(path.stat().st_size for path in bag.files) / 1e6),
            "import": import_speed(recording, arguments.height, arguments.width),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
