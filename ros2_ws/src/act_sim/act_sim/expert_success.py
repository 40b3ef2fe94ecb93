"""How often an expert succeeds, with its 95 % interval; the episodes that failed; one JSON line.

python -m act_sim.expert_success --task pick_place --episodes 200 --level 2 --noise 0.02
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

import numpy as np
from scipy.stats import binomtest

from act_sim.experts import make_expert
from act_sim.simulation import Simulation
from act_sim.task import EpisodeReport
from act_sim.task_registry import task_names

_NOISE_MEMORY = 0.8  # of one control period's noise, what is left in the next
_CHUNK = 10  # episodes per piece of work


def run_episode(sim: Simulation, seed: int, noise_rad: float = 0.0) -> EpisodeReport:
    """One episode of the expert. The noise (standard deviation) is added to what it asks for."""
    sim.reset(seed)
    expert = make_expert(sim)
    rng = np.random.default_rng(seed)
    offset = np.zeros(len(sim.joint_names))
    while not expert.done:
        fresh = rng.standard_normal(len(offset))
        offset = _NOISE_MEMORY * offset + np.sqrt(1.0 - _NOISE_MEMORY**2) * noise_rad * fresh
        wanted = expert.act() + offset
        sim.step(np.clip(wanted, sim.limits.lower_rad, sim.limits.upper_rad))
    return sim.report


def _run_chunk(task: str, level: int, noise_rad: float, seeds: range) -> list[EpisodeReport]:
    sim = Simulation(task, level=level)
    return [run_episode(sim, seed, noise_rad) for seed in seeds]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--task", default="pick_place", help=f"{', '.join(task_names())} or a place"
    )
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--level", type=int, default=0)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--noise", type=float, default=0.0, help="on the commands [rad]")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    end = options.first_seed + options.episodes
    chunks = [
        range(start, min(start + _CHUNK, end)) for start in range(options.first_seed, end, _CHUNK)
    ]
    reports: list[EpisodeReport] = []
    with ProcessPoolExecutor(options.workers) as pool:
        fixed = (repeat(options.task), repeat(options.level), repeat(options.noise))
        for done in pool.map(_run_chunk, *fixed, chunks):
            reports += done
            print(f"{len(reports)} of {options.episodes} episodes", file=sys.stderr)
    print(json.dumps(_summary(options, reports)))


def _summary(options: argparse.Namespace, reports: list[EpisodeReport]) -> dict[str, object]:
    successes = sum(report.success for report in reports)
    interval = binomtest(successes, len(reports)).proportion_ci(0.95, method="wilson")
    steps = [report.steps for report in reports if report.success]
    return {
        "task": options.task,
        "level": options.level,
        "noise_rad": options.noise,
        "first_seed": options.first_seed,
        "episodes": len(reports),
        "successes": successes,
        "rate_95": [round(float(bound), 4) for bound in (interval.low, interval.high)],
        "steps_p50_p95": [int(p) for p in np.percentile(steps, [50, 95])] if steps else None,
        "grasps_tried": sum(report.grasps_tried for report in reports),
        "grasps_won": sum(report.grasps_won for report in reports),
        "failed": [{"seed": r.seed, "reason": r.reason} for r in reports if not r.success],
    }


if __name__ == "__main__":
    main()
