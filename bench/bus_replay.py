"""Does a motion that does the task in simulation still do it through the servo bus? One JSON line.

The scripted expert's commands are recorded in the bare simulation, without ROS, and played at
100 Hz, open loop, into `ros2 launch act_bringup real_so101.launch.py hardware:=emulated`: bytes,
driver, limits, the same starts. Whatever the bus path adds (delay, rounding to counts, lost
replies) nobody corrects. About seven seconds an episode.

    python -m bench.bus_replay --episodes 20
    python -m bench.bus_replay --episodes 20 --rate lost=0.02     # faults: so101-emulator --help
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import rclpy
import yaml
from act_core import ros, topics
from act_core.intervals import wilson_interval
from act_core.timing import MonotonicClock, PeriodicSchedule, to_ns
from act_sim.experts import make_expert
from act_sim.simulation import Simulation
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node

from bench._machine import cpu_name

RATE_HZ = 100
PATIENCE_S = 60.0  # for an episode to begin or end


def recorded(task: str, seed: int) -> tuple[list[np.ndarray], bool]:
    """The expert's commands of an episode, (J,) [rad] each, and whether they did the task."""
    sim = Simulation(task, control_hz=RATE_HZ)
    sim.reset(seed)
    expert = make_expert(sim)
    targets = []
    while not sim.report.finished:
        targets.append(expert.act())
        sim.step(targets[-1])
    return targets, sim.report.success


class Player(Node):
    """Plays commands and hears how episodes end."""

    def __init__(self, joints: tuple[str, ...]) -> None:
        super().__init__("bus_replay")
        self._joints = joints
        self._episode: dict[str, str] = {}
        self._driver = ""  # what its diagnostics say
        self.bus: dict[str, str] = {}  # counters of the driver's bus
        self._commands = ros.publisher(self, topics.JOINT_COMMANDS)
        ros.subscription(self, topics.EPISODE_STATUS, self._on_episode)
        ros.subscription(self, topics.DIAGNOSTICS, self._on_diagnostics)

    def wait_for(self, seed: int, finished: bool) -> None:
        """Until the episode of ``seed`` runs, or has finished."""
        clock = MonotonicClock()
        deadline_ns = clock.now_ns() + to_ns(PATIENCE_S)
        while (self._episode.get("seed"), self._episode.get("finished")) != (
            str(seed),
            str(finished).lower(),
        ):
            if clock.now_ns() > deadline_ns:
                raise TimeoutError(f"seed {seed}: nothing happened for {PATIENCE_S:g} s")
            rclpy.spin_once(self, timeout_sec=0.1)

    def wait_until_the_driver_is_ready(self) -> None:
        """Until it has torque and waits for commands."""
        clock = MonotonicClock()
        deadline_ns = clock.now_ns() + to_ns(PATIENCE_S)
        while self._driver != "no command yet":
            if clock.now_ns() > deadline_ns:
                raise TimeoutError(f"the driver says: {self._driver}")
            rclpy.spin_once(self, timeout_sec=0.1)
        self._driver = ""

    def play(self, targets: list[np.ndarray]) -> None:
        """At 100 Hz, the last one for half a second."""
        schedule = PeriodicSchedule(1.0 / RATE_HZ)
        for target in targets + [targets[-1]] * (RATE_HZ // 2):
            schedule.wait()
            stamp_ns = self.get_clock().now().nanoseconds
            self._commands.publish(ros.joint_state(self._joints, target, stamp_ns))

    @property
    def succeeded(self) -> bool:
        return self._episode.get("success") == "true"

    def _on_episode(self, status: DiagnosticStatus) -> None:
        self._episode = ros.diagnostic_values(status)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == "/so101_driver: control":
                self._driver = status.message
            if status.name == "/so101_driver: bus":
                self.bus = ros.diagnostic_values(status)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--task", default="pick_place")
    parser.add_argument("--rate", action="append", default=[], metavar="KIND=SHARE")
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.episodes)
    record = {seed: recorded(arguments.task, seed) for seed in seeds}
    rates = {kind: float(share) for kind, _, share in (r.partition("=") for r in arguments.rate)}
    rclpy.init()
    player = Player(Simulation(arguments.task).joint_names)
    won = []
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "faults.yaml"
        script.write_text(yaml.safe_dump({"seed": 1, "rates": rates}))
        launch = subprocess.Popen(
            ["ros2", "launch", "act_bringup", "real_so101.launch.py", "hardware:=emulated",
             "policy:=none", f"task:={arguments.task}", f"seed:={arguments.first_seed}",
             f"episodes:={arguments.episodes}", f"faults:={script}", "width:=64", "height:=48"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            for seed in seeds:
                player.wait_for(seed, finished=False)
                player.wait_until_the_driver_is_ready()
                player.play(record[seed][0])
                player.wait_for(seed, finished=True)
                won.append(player.succeeded)
        finally:
            launch.send_signal(signal.SIGINT)
            launch.wait(30)
            player.destroy_node()
            rclpy.shutdown()
    print(
        json.dumps(
            {
                "bench": "bus_replay",
                "machine": cpu_name(),
                "task": arguments.task,
                "seeds": [seeds[0], seeds[-1]],
                "rates": rates,
                "in_simulation": sum(success for _, success in record.values()),
                "through_the_bus": sum(won),
                "episodes": len(won),
                "interval_95": [round(bound, 4) for bound in wilson_interval(sum(won), len(won))],
                "bus": player.bus,
            }
        )
    )


if __name__ == "__main__":
    main()
