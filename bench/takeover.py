"""Who drives changes at random instants: does the arm jump, is a period lost, how long is it?

    python -m bench.takeover                        # 1,000 switches in simulation, 200 on the bus
    python -m bench.takeover --parts simulation     # or topics, bus, recorded

Four parts, one JSON line. A person's device is up to 1 rad from the arm in each joint whenever it
takes over, and moves on at random; control/return hands the arm back.

- ``simulation``: MuJoCo, the arm's gate and helm and the policy's own runner, whose plans begin
  where the arm was seen, 50 ms late, in all of its modes; in virtual time at 100 Hz. The same for
  every run with the same --seed.
- ``topics``: the mock arm's node, a policy and a person's device on real topics.
- ``bus``: the driver's node on the emulated servo bus, and the leader's node with an emulated
  leader arm, which a hand moves; taken over by ``leader/enable``.
- ``recorded``: the simulation's node in lockstep, with a camera and the recorder; the bags become
  datasets, and around every switch their frames must be consecutive.

``beyond_mrad`` is the largest step of `joint_commands/applied` in the half second after a switch,
beyond the arm's own motion: beyond what lies between its step before and the step of whoever
commands now.
``without_command`` counts control periods in that time in which the arm held. ``first_ms`` is the
time from the request (the device's first message, or the call of control/return) to the first
command of the new owner that the arm took.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))

import rclpy
from act_core import topics
from act_core.arbiter import PERSON
from act_core.realtime import fifo_is_granted, prepare_process, request_fifo
from so101_driver.driver_node import DriverNode
from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.pty_port import PtyPort
from so101_driver.leader_node import LeaderNode
from std_srvs.srv import SetBool, Trigger
from tqdm import tqdm

from bench._machine import cpu_name
from bench._servo_emulator import running_emulator
from bench._takeover import (
    APART_RAD,
    HOME,
    PRIORITY,
    SPEED_RAD_S,
    WATCHED_S,
    Result,
    Sender,
    Vector,
    Watch,
    call,
    inside,
    look,
    mock_arm,
    spinning,
    watched,
    wave,
)
from bench._takeover_recorded import Recorded, recorded
from bench._takeover_simulation import simulated

EMULATOR_PRIORITY = 60  # a servo waits for no processor


def on_topics(switches: int, seed: int) -> Result:
    """The part ``topics``."""
    result = Result()
    with rclpy.init(), mock_arm(seed) as bench:
        for _ in tqdm(range(switches), desc="topics", unit="switch"):
            bench.switch(result)
    return result


def on_bus(switches: int, seed: int) -> Result:
    """The part ``bus``."""
    rng, watch, result = np.random.default_rng(seed), Watch(), Result()
    with (
        running_emulator("--priority", str(EMULATOR_PRIORITY)) as emulator,
        tempfile.TemporaryDirectory() as folder,
    ):
        leader_file, leader_port = Path(folder) / "leader.json", Path(folder) / "leader"
        emulated_calibration().save(leader_file)
        servos: list[Any] = emulated_servos(HOME)
        for servo in servos:
            servo.motor.joint.blocked = True  # it stays where a hand puts it
        given = {
            "so101_driver:port": emulator.port, "so101_driver:calibration": emulator.calibration,
            "so101_driver:guard": False, "so101_driver:exit_policy": "hold",
            "leader:port": leader_port, "leader:calibration": leader_file, "leader:enabled": False,
        }  # fmt: skip
        arguments = [part for name, value in given.items() for part in ("-p", f"{name}:={value}")]
        rclpy.init(args=["--ros-args", *arguments])
        start_s = time.monotonic()
        with PtyPort(EmulatedBus(servos), leader_port, EMULATOR_PRIORITY):
            arm, leader = watched(DriverNode, watch), LeaderNode()
            begin: list[Vector] = []
            policy = Sender(
                "policy",
                topics.JOINT_COMMANDS,
                lambda: begin[0] + wave(time.monotonic() - start_s) - HOME,
            )
            try:
                with spinning(arm, leader, policy):
                    while not watch.periods:
                        time.sleep(0.1)
                    begin.append(inside(watch.periods[-1][1]))
                    policy.on = True
                    time.sleep(2.0)
                    for number in tqdm(range(switches), desc="bus", unit="switch"):
                        where = inside(watch.periods[-1][1] + rng.uniform(-APART_RAD, APART_RAD, 6))
                        if number % 2 == 0:
                            put(servos, where)
                            policy.wait_for_leader(where)
                            since_s, owner = time.monotonic(), PERSON
                            call(policy.enable, SetBool.Request(data=True))
                        else:
                            since_s, owner = time.monotonic(), "policy"
                            call(policy.hand_back, Trigger.Request())
                        speed = rng.uniform(-SPEED_RAD_S, SPEED_RAD_S, 6)
                        while (now_s := time.monotonic()) < since_s + WATCHED_S + 0.05:
                            if number % 2 == 0:
                                put(servos, inside(where + speed * (now_s - since_s)))
                            time.sleep(0.005)
                        look(result, watch, since_s, owner)
            finally:
                arm.close()
                leader.close()
                for node in (arm, leader, policy):
                    node.destroy_node()
                rclpy.shutdown()
    return result


def put(servos: Any, position_rad: Vector) -> None:
    """A hand moves the leader."""
    for servo, position in zip(servos, position_rad, strict=True):
        servo.motor.joint.position_rad = float(position)


PARTS: dict[str, tuple[Callable[[int, int], Result | Recorded], int]] = {
    "simulation": (simulated, 1000),
    "topics": (on_topics, 200),
    "bus": (on_bus, 200),
    "recorded": (recorded, 500),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--switches", type=int, help="of each part, in place of its own number")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    granted = fifo_is_granted(PRIORITY)
    report: dict[str, Any] = {"cpu": cpu_name(), "fifo": granted}
    prepare_process()
    request_fifo(PRIORITY // 2)  # all Python threads of a process; see act_core.realtime
    for part in options.parts:
        run, switches = PARTS[part]
        values = run(options.switches or switches, options.seed).as_values()
        report[part] = {**values, "load": round(os.getloadavg()[0], 1)}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
