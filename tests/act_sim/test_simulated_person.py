"""A simulated person helps a policy that is stuck, through the helm and the clutch of every arm."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from act_core.arbiter import PERSON, POLICY
from act_core.helm import Helm
from act_sim.sim_bridge import SimBridge
from act_sim.simulated_person import AT_MOST_S, PATIENCE_S, REACTION_S, SimulatedPerson
from act_sim.simulation import Simulation

HZ = 50


def helped(task: str, seed: int, seconds: float = 60.0):
    """An episode whose policy stands still; who had the arm, and what was applied."""
    sim = Simulation(task, control_hz=HZ)
    bridge = SimBridge(sim, first_seed=seed)
    helm = Helm(bridge, sim.limits, sim.robot.grippers, 1 / HZ, 0.2)
    person = SimulatedPerson(sim, seed)
    names, still = sim.joint_names, sim.joint_position.tolist()
    owners, way, now_ns = [], [], 10**9
    for _ in range(round(seconds * HZ)):
        now_ns += 10**9 // HZ
        helm.command(names, still, now_ns, now_ns)
        sample = bridge.tick(now_ns)
        helm.applied(True, now_ns)
        owners.append(helm.ownership.owner)
        way.append(sample.applied.position_rad)
        hand = person.next(sample.applied.position_rad, owners[-1], now_ns)
        if hand.device_rad is not None:
            helm.person(b"person", "/person", names, hand.device_rad, now_ns, now_ns)
        if hand.hands_back:
            still = sample.applied.position_rad.tolist()  # the policy does nothing from there on
            helm.give_back("the person", now_ns)
        if sim.report.finished:
            break
    return sim, person, owners, np.array(way)


def test_what_a_policy_cannot_do_at_all_is_done_with_help():
    sim, person, owners, way = helped("lift_cube", 0)
    assert sim.report.success, sim.report.reason
    assert person.takeovers >= 1
    first = owners.index(PERSON) / HZ
    assert REACTION_S < first < PATIENCE_S + REACTION_S + 0.1
    assert np.abs(np.diff(way, axis=0)).max() < 0.09, "no jump, whatever the device's pose"


def test_it_hands_back_when_it_has_helped():
    _, person, owners, _ = helped("pick_place", 3, 20.0)
    changes = [(a, b) for a, b in pairwise(owners) if a != b]
    assert changes[:2] == [(POLICY, PERSON), (PERSON, POLICY)]
    taken = owners.index(PERSON)
    assert owners.index(POLICY, taken) - taken < AT_MOST_S * HZ + 2
    assert person.takeovers >= 1


def test_the_same_seed_is_the_same_help():
    first, again = helped("lift_cube", 4, 4.5), helped("lift_cube", 4, 4.5)
    assert first[2] == again[2]
    assert np.array_equal(first[3], again[3])
