"""The policy node at work on a synthetic robot, with a record of every command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

# Before rclpy is imported: a graph of our own, and a transport that does not lose images.
os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
os.environ.setdefault(
    "FASTDDS_DEFAULT_PROFILES_FILE", str(Path(__file__).parents[1] / "pip_ros2/ros2cli/fastdds.xml")
)

import rclpy
from act_core.timing import NS_PER_S, LoopStats, MonotonicClock, Tick, to_ns
from act_policy.command_stats import CommandStats
from act_policy.policy_node import PolicyNode
from act_policy.policy_runner import Action, Hold
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

from bench._machine import cpu_name


class LoopRecord(LoopStats):
    """Also keeps the lateness of every tick; the node's own reports stay as cheap as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = LoopStats(window=1_000_000)

    def record(self, tick: Tick) -> None:
        super().record(tick)
        self.whole.record(tick)


class CommandRecord(CommandStats):
    """Also keeps how far each command moved, and what the policy's own motion allows for."""

    def __init__(self) -> None:
        super().__init__()
        self.moved: list[float] = []  # largest of the joints, each command
        self.beyond: list[float] = []  # of that, more than the fastest row-to-row change
        self.frame_to_command: list[float] = []  # [s]
        self._last: Action | None = None
        self._speeds: deque[tuple[int, np.ndarray]] = deque()  # end and top speed of chunks

    def restart(self) -> None:
        """Empties counts and windows; what is known of live chunks stays."""
        self.commands = 0
        for window in (self.holds, self.moved, self.beyond, self.frame_to_command):
            window.clear()

    def record(self, result: Action | Hold) -> None:
        super().record(result)
        if isinstance(result, Hold):
            self._last = None
            return
        if result.new_chunk is not None:
            chunk = result.new_chunk
            self.frame_to_command.append((result.stamp_ns - chunk.stamp_ns) / NS_PER_S)
            end_ns = chunk.stamp_ns + to_ns(len(chunk.rows) / chunk.rate_hz)
            self._speeds.append((end_ns, chunk.top_speed))
        last, self._last = self._last, result
        if last is None:
            return
        while self._speeds[0][0] < last.stamp_ns:  # none of it has a part in this step
            self._speeds.popleft()
        moved = np.abs(result.position - last.position)
        top_speed = np.max([speed for _, speed in self._speeds], axis=0)
        own = top_speed * (result.stamp_ns - last.stamp_ns) / NS_PER_S
        self.moved.append(float(moved.max()))
        self.beyond.append(float((moved - own).max()))


class Rig:
    """A running node and what it has done; see `running_rig`."""

    def __init__(self, node: PolicyNode, executor: SingleThreadedExecutor) -> None:
        self.node = node
        self._executor = executor
        self.record = node.stats = CommandRecord()
        self.loop = LoopRecord()

    def run(self, seconds: float) -> None:
        """Lets the node work."""
        clock = MonotonicClock()
        end_ns = clock.now_ns() + to_ns(seconds)
        while clock.now_ns() < end_ns:
            self._executor.spin_once(timeout_sec=0.1)

    def warm_up(self, timeout_s: float = 60.0) -> None:
        """Until commands flow; then counts and windows start from zero."""
        clock = MonotonicClock()
        end_ns = clock.now_ns() + to_ns(timeout_s)
        while self.record.commands < 200:
            if clock.now_ns() > end_ns:
                raise RuntimeError(f"no commands within {timeout_s} s: {self.record.holds}")
            self._executor.spin_once(timeout_sec=0.1)
        self.record.restart()
        self.loop = self.node._loop.stats = LoopRecord()

    def machine(self) -> dict[str, Any]:
        return {
            "cores": len(os.sched_getaffinity(0)),
            "cpu": cpu_name(),
            "realtime": self.node._grants(),
            "policy": self.node._policy_text,
        }


@contextmanager
def running_rig(bundle: Path, switch_s: float = 0.0, **parameters: Any) -> Iterator[Rig]:
    """Starts robot and node; ends both whatever happens. ``switch_s``: see `SyntheticRobot`."""
    robot = subprocess.Popen(
        [sys.executable, "-m", "bench._synthetic_robot_node", str(bundle), str(switch_s)]
    )
    rclpy.init(args=[])
    node = None
    try:
        values = {"bundle": str(bundle), "enabled": True, **parameters}
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        node = PolicyNode(parameter_overrides=overrides)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        yield Rig(node, executor)
    finally:
        if node is not None:
            node.close()
            node.destroy_node()
        rclpy.try_shutdown()
        robot.send_signal(signal.SIGINT)
        robot.wait(timeout=10)
