"""The sim node in real time: does it keep up, what does it cost, what is lost on the way.

    python -m bench.sim --seconds 60

One process runs the sim node with two 640x480 cameras at 30 Hz and joint states at 100 Hz; this one
commands the arm at 100 Hz and subscribes to everything. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from functools import partial
from typing import Any

import numpy as np
import rclpy
from act_core import ros, topics
from act_core.timing import NS_PER_S, MonotonicClock, to_ns
from rclpy.node import Node

from bench._machine import cpu_seconds

CAMERAS = ("front", "wrist")
CONTROL_HZ, CAMERA_HZ = 100, 30.0
SIM_NODE = "import sys; from act_sim.sim_node import main; sys.exit(main())"
# Simulated stamps are exact multiples of the period, so that every gap is a lost message.
PARAMETERS = ["--ros-args", "-p", "publish_clock:=true"]


class Listener(Node):
    """Commands the arm gently and remembers stamp and time of arrival of all that it receives."""

    def __init__(self) -> None:
        super().__init__("bench_listener")
        watched = [topics.JOINT_STATES, *(topics.camera_image(camera) for camera in CAMERAS)]
        self.stamps_ns: dict[str, list[int]] = {topic.name: [] for topic in watched}
        self.arrivals_ns: dict[str, list[int]] = {topic.name: [] for topic in watched}
        for topic in watched:
            ros.subscription(self, topic, partial(self._on, topic.name))
        self._commands = ros.publisher(self, topics.JOINT_COMMANDS)

    def _on(self, name: str, message: Any) -> None:
        stamp_ns = ros.stamp_ns(message.header.stamp)
        self.stamps_ns[name].append(stamp_ns)
        self.arrivals_ns[name].append(MonotonicClock().now_ns())
        if name == topics.JOINT_STATES.name:
            target = np.array(message.position)
            target[0] = 0.3 * np.sin(stamp_ns / NS_PER_S)
            self._commands.publish(ros.joint_state(message.name, target, stamp_ns))


def summary(stamps_ns: list[int], arrivals_ns: list[int], start_ns: int, rate_hz: float) -> dict:
    """Of the messages that arrived from ``start_ns`` on [monotonic ns]."""
    arrivals = np.array(arrivals_ns)
    inside = arrivals >= start_ns
    # The number of the frame or period; frames fall into the first period at or after their time.
    numbers = np.floor((np.array(stamps_ns)[inside] / NS_PER_S) * rate_hz + 1e-6).astype(int)
    gaps_ms = 1e-6 * np.diff(arrivals[inside])
    return {
        "received": len(numbers),
        "lost": int(numbers[-1] - numbers[0] + 1 - len(numbers)),
        "gap_p99_ms": round(float(np.percentile(gaps_ms, 99)), 2),
        "gap_max_ms": round(float(gaps_ms.max()), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args().seconds

    sim = subprocess.Popen([sys.executable, "-c", SIM_NODE, *PARAMETERS], stderr=subprocess.DEVNULL)
    clock = MonotonicClock()
    rclpy.init()
    listener = Listener()
    front = topics.camera_image("front").name
    try:
        while not listener.stamps_ns[front]:
            rclpy.spin_once(listener, timeout_sec=0.5)
            if sim.poll() is not None:
                raise SystemExit(f"the sim node ended with code {sim.returncode}")
        warm_ns = clock.now_ns() + to_ns(2.0)
        while clock.now_ns() < warm_ns:
            rclpy.spin_once(listener, timeout_sec=0.1)
        start_ns = clock.now_ns()
        cpu_s = cpu_seconds(sim.pid)
        while clock.now_ns() < start_ns + to_ns(seconds):
            rclpy.spin_once(listener, timeout_sec=0.1)
        elapsed_s = (clock.now_ns() - start_ns) / NS_PER_S
        cpu_s = cpu_seconds(sim.pid) - cpu_s
    finally:
        sim.send_signal(signal.SIGINT)
        sim.wait()

    streams = {
        name: summary(
            stamps_ns,
            listener.arrivals_ns[name],
            start_ns,
            CONTROL_HZ if name == topics.JOINT_STATES.name else CAMERA_HZ,
        )
        for name, stamps_ns in listener.stamps_ns.items()
    }
    states = streams[topics.JOINT_STATES.name]
    periods = states["received"] + states["lost"]
    result = {
        "bench": "sim",
        "seconds": round(elapsed_s, 1),
        "real_time_factor": round(periods / (elapsed_s * CONTROL_HZ), 4),
        "cores_used": round(cpu_s / elapsed_s, 3),
        **streams,
    }
    print(json.dumps(result))
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
