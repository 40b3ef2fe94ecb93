"""The part ``simulation`` of `bench.takeover`: virtual time, the same for every run of a seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from act_core.helm import Helm
from act_core.policy_spec import ActionOutput, ExecutionSpec, JointInput, PolicySpec
from act_core.robots.so101 import JOINT_NAMES, SO101
from act_policy.chunk import Chunk
from act_policy.inference_worker import VirtualWorker
from act_policy.observation import Observation
from act_policy.policy import Inference
from act_policy.policy_runner import Action, PolicyRunner
from act_sim.sim_bridge import SimBridge
from act_sim.simulation import Simulation
from tqdm import tqdm

from bench._takeover import APART_RAD, PERIOD_S, WATCHED_S, Result, inside, wave

MODES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ensemble", {}),
    ("newest", {}),
    ("open_loop", {"open_loop_rows": 15}),
)


class Homing:
    """A policy whose plan leads from where the arm was seen to the wave, within half a second."""

    def __init__(self, spec: PolicySpec) -> None:
        self.spec = spec

    def infer(self, observation: Observation) -> Inference:
        t_s = observation.stamp_ns * 1e-9
        rows = np.arange(self.spec.chunk_size) / self.spec.rate_hz
        plan = np.array([wave(t_s + row) for row in rows])
        apart = observation.joint_position.astype(np.float64) - plan[0]
        plan = plan + apart * np.exp(-rows / 0.5)[:, None]
        return Inference(Chunk(observation.stamp_ns, self.spec.rate_hz, plan), 0.0)


def policy_spec() -> PolicySpec:
    """Without cameras: 30 rows of 6 joints at 30 Hz."""
    output = ActionOutput("action", JOINT_NAMES)
    return PolicySpec("homing", 30.0, 30, JointInput("joints", JOINT_NAMES), (), output)


def simulated(switches: int, seed: int) -> Result:
    """The part ``simulation``."""
    result, rng = Result(), np.random.default_rng(seed)
    progress = tqdm(total=switches, desc="simulation", unit="switch")
    for number, (mode, options) in enumerate(MODES):
        share = switches * (number + 1) // len(MODES) - switches * number // len(MODES)
        _simulate(result, rng, ExecutionSpec(mode=mode, **options), share, progress)
    progress.close()
    return result


def _simulate(
    result: Result, rng: np.random.Generator, execution: ExecutionSpec, switches: int, progress: Any
) -> None:
    bridge = SimBridge(Simulation("reach"))
    bridge.sim.reset(0)
    helm = Helm(bridge, bridge.sim.limits, SO101.grippers, PERIOD_S, 0.2)
    spec = policy_spec()
    runner = PolicyRunner(spec, VirtualWorker(Homing(spec), 0.05), execution)
    period_ns, now_ns = round(1e9 * PERIOD_S), 10**9
    runner.start(now_ns)
    device = hand = np.zeros(6)
    before = last = bridge.gate.next().position_rad
    plan = last_plan = last
    by_person, stands_by = False, False
    next_switch, since, wanted_at = 100, 10**6, 0.0
    waiting = False
    k = 0
    while switches:
        k += 1
        now_ns += period_ns
        if bridge.sim.report.finished:  # the task's clock; the arm goes on from there
            bridge.sim.reset(0)
            helm.begin_anew(now_ns)
            bridge.gate.reset(last, 0)
            runner.reset(now_ns)
            by_person, next_switch, since = False, k + 100, 10**6
        if k == next_switch:
            by_person = not by_person
            switches, next_switch, since = switches - 1, k + int(rng.integers(30, 90)), 0
            result.switches += 1
            progress.update()
            wanted_at, waiting = rng.uniform(0, PERIOD_S), True
            if by_person:
                device, hand = inside(last + rng.uniform(-APART_RAD, APART_RAD, 6)), np.zeros(6)
            else:
                helm.give_back("control/return", now_ns)
        if k % 3 == 0:
            where = bridge.sim.joint_position.astype(np.float32)
            runner.observe(Observation(now_ns, where, {}), now_ns)
        if stands_by == helm.ownership.owner.startswith("policy"):
            stands_by = not stands_by
            runner.stand_by(stands_by)
        action = runner.act(now_ns)
        source_step = np.zeros(6)
        if isinstance(action, Action):
            last_plan, plan = plan, action.position
            refusal = helm.command(JOINT_NAMES, plan.tolist(), now_ns, now_ns)
            if refusal is None:
                source_step = plan - last_plan
                if waiting:  # control is free of the arm's periods: any phase is as likely
                    result.first_s.append(PERIOD_S - wanted_at)
                    waiting = False
        if by_person:
            hand = np.clip(hand + rng.normal(0, 0.001, 6), -0.01, 0.01)
            device, before_it = inside(device + hand), device
            if (
                helm.person(b"leader", "/leader", JOINT_NAMES, device.tolist(), now_ns, now_ns)
                is None
            ):
                source_step = device - before_it
                if waiting:
                    result.first_s.append(0.0)
                    waiting = False
        sample = bridge.tick(now_ns)
        applied = sample.applied.position_rad
        helm.applied(True, now_ns)
        step, own = applied - last, last - before
        if since < WATCHED_S / PERIOD_S:
            low, high = np.minimum(own, source_step), np.maximum(own, source_step)
            result.beyond_rad.append(float(np.maximum(low - step, step - high).max()))
            result.without_command += sample.applied.hold is not None
        since += 1
        before, last = last, applied
