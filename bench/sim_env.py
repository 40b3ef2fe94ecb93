"""Environment steps per second of the simulated arm, without and with images. One JSON line.

python -m bench.sim_env --seconds 10 --repeat 3

The environment goes through an episode of the expert, whose commands were recorded beforehand,
again and again: contacts, grasp and resets are in the figure, the expert is not. The best of
``--repeat`` runs is reported, with the processor time of a step beside the time by the clock: with
images the two differ, because a software renderer draws with several threads.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from act_sim.environment import So101Env
from act_sim.experts import make_expert
from act_sim.simulation import Simulation

from bench._machine import cpu_name

SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="pick_place")
    parser.add_argument("--level", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10.0, help="per run")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    commands = recorded_commands(options.task, options.level)
    cases = {
        "no_image": ((), (1, 1)),
        "one_128x128": (("front",), (128, 128)),
        "two_320x240": (("front", "wrist"), (240, 320)),
        "two_640x480": (("front", "wrist"), (480, 640)),
    }
    figures = {}
    for name, (cameras, size) in cases.items():
        env = So101Env(options.task, cameras=cameras, image_size=size, level=options.level)
        runs = [measure(env, commands, options.seconds) for _ in range(options.repeat)]
        steps_per_s, cpu_ms = max(runs)
        figures[name] = {"steps_per_s": round(steps_per_s), "cpu_ms_per_step": round(cpu_ms, 3)}
        env.close()
    result = {"bench": "sim_env", "cpu": cpu_name(), **vars(options), "control_hz": 30, **figures}
    print(json.dumps(result))


def recorded_commands(task: str, level: int) -> np.ndarray:
    """(steps, J): what the expert asks for in one episode."""
    sim = Simulation(task, level=level)
    sim.reset(SEED)
    expert, commands = make_expert(sim), []
    while not expert.done:
        commands.append(expert.act())
        sim.step(commands[-1])
    return np.array(commands)


def measure(env: So101Env, commands: np.ndarray, seconds: float) -> tuple[float, float]:
    """(steps per second, processor milliseconds per step)."""
    env.reset(seed=SEED)  # draws once: the first image makes the graphics context
    steps, start, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < seconds:
        env.reset(seed=SEED)
        for command in commands:
            env.step(command)
        steps += len(commands)
    elapsed, used = time.perf_counter() - start, time.process_time() - cpu
    return steps / elapsed, 1e3 * used / steps


if __name__ == "__main__":
    main()
