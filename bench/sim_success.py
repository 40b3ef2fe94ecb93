"""Success rate of a policy through the ROS graph, in real time. One JSON line.

python -m bench.sim_success --episodes 50 --first-seed 200000 --out out/evaluation_ros
python -m bench.sim_success --episodes 50 --emulated     # the same starts through the servo bus

Starts `ros2 launch act_bringup sim.launch.py` as a user would (with --emulated, the whole real path
in front of the same simulation: bytes, driver, limits) and listens to the episodes. Takes about six
seconds an episode. ``--out`` keeps a record that `act-report` puts beside those of
`act-evaluate`.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import rclpy
from act_core import ros, topics
from act_core.timing import MonotonicClock, to_ns
from act_policy.bundle import read_bundle
from act_training.evaluation_record import condition_record, write_record
from act_training.run_config import current_commit
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from bench._machine import cpu_name

SHIPPED = Path(__file__).resolve().parent.parent / "policies/so101_pick_place"
SILENCE_S = 120.0  # without an episode's end for so long, give up


class Listener(Node):
    """Collects how episodes end and what the policy node says of itself."""

    def __init__(self) -> None:
        super().__init__("sim_success")
        self.results: dict[int, dict[str, Any]] = {}  # by seed
        self.diagnostics: dict[str, dict[str, str]] = {}  # newest values, by name of the status
        ros.subscription(self, topics.EPISODE_STATUS, self._on_episode)
        ros.subscription(self, topics.DIAGNOSTICS, self._on_diagnostics)

    def _on_episode(self, status: DiagnosticStatus) -> None:
        values = ros.diagnostic_values(status)
        if values["finished"] != "true":
            return
        self.results[int(values["seed"])] = {
            "seed": int(values["seed"]),
            "success": values["success"] == "true",
            "steps": int(values["step"]),
            "distance_m": float(values["distance_m"]),
            "grasped": int(values["grasps_won"]) > 0,
            "reason": status.message,
        }

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.diagnostics[status.name] = ros.diagnostic_values(status)


def run(arguments: argparse.Namespace) -> Listener:
    """Launches the simulation and listens until it ends."""
    path = ["real_so101.launch.py", "hardware:=emulated"]
    command = [
        "ros2", "launch", "act_bringup", *(path if arguments.emulated else ["sim.launch.py"]),
        f"policy:={arguments.policy.resolve()}", f"task:={arguments.task}",
        f"level:={arguments.level}", f"episodes:={arguments.episodes}",
        f"seed:={arguments.first_seed}", f"mode:={arguments.mode}", f"variant:={arguments.variant}",
        *arguments.launch_arguments,
    ]  # fmt: skip
    rclpy.init()
    listener = Listener()
    executor = SingleThreadedExecutor()
    executor.add_node(listener)
    launch = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    clock = MonotonicClock()
    heard, heard_ns = 0, clock.now_ns()
    try:
        while launch.poll() is None and clock.now_ns() - heard_ns < to_ns(SILENCE_S):
            executor.spin_once(timeout_sec=0.5)
            if len(listener.results) > heard:
                heard, heard_ns = len(listener.results), clock.now_ns()
                won = sum(result["success"] for result in listener.results.values())
                print(f"{heard}/{arguments.episodes}: {won} succeeded", file=sys.stderr, flush=True)
    finally:
        launch.send_signal(signal.SIGINT)
        launch.wait(30)
        listener.destroy_node()
        rclpy.shutdown()
    return listener


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policy", type=Path, default=SHIPPED)
    parser.add_argument("--task", default="pick_place")
    parser.add_argument("--level", type=int, default=0)
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument("--first-seed", type=int, default=200_000)
    parser.add_argument("--mode", default="bundle", help="ensemble, newest, open_loop")
    parser.add_argument("--variant", default="fp32", help="graph of the bundle: fp32, bf16, fast")
    parser.add_argument("--emulated", action="store_true", help="through the emulated servo bus")
    parser.add_argument("--out", type=Path, help="folder for evaluation.json")
    parser.add_argument("launch_arguments", nargs="*", help="more of them, e.g. role:=control")
    arguments = parser.parse_args()
    spec = read_bundle(arguments.policy).spec
    listener = run(arguments)
    results = [listener.results[seed] for seed in sorted(listener.results)]
    if len(results) != arguments.episodes:
        sys.exit(f"{len(results)} of {arguments.episodes} episodes came to an end")
    path = "through the emulated servo bus" if arguments.emulated else "through ROS"
    mode = arguments.mode if arguments.mode != "bundle" else spec.execution.mode
    condition = condition_record(f"{path} in real time, {mode}", results)
    record = {
        "policy": os.path.relpath(arguments.policy),
        "name": spec.name,
        "variant": arguments.variant,
        "env": f"so101/{arguments.task}",
        "seeds": [results[0]["seed"], results[-1]["seed"]],
        "level": arguments.level,
        "provenance": dict(spec.provenance),
        "commit": current_commit(),
        "machine": cpu_name(),
        "command": shlex.join(["python", "-m", "bench.sim_success", *sys.argv[1:]]),
        "conditions": [condition],
        "diagnostics": listener.diagnostics,
    }
    if arguments.out is not None:
        write_record(arguments.out, record)
    control = listener.diagnostics.get("/act_policy: control", {})
    print(
        json.dumps(
            {
                "bench": "sim_success",
                "machine": cpu_name(),
                "policy": spec.name,
                "level": arguments.level,
                "path": path,
                "successes": condition["successes"],
                "episodes": condition["episodes"],
                "interval_95": [round(bound, 4) for bound in condition["interval_95"]],
                "control": control,
                "inference": listener.diagnostics.get("/act_policy: inference", {}),
                "inference_side": listener.diagnostics.get("/act_inference: inference", {}),
            }
        )
    )


if __name__ == "__main__":
    main()
