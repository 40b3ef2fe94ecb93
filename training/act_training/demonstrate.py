"""One demonstration of a scripted expert, from the start or from where a policy has got to."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from act_policy.observation import Observation
from act_policy.policy import Policy
from numpy.typing import NDArray

from act_training.datasets.episode_file import Episode
from act_training.environments.environment import Environment
from act_training.rollout import Condition, PolicyDriver

NOISE_TIME_S = 0.1  # correlation time of command noise: long enough to leave the expert's path
LEAD_LATENCY_S = 0.1  # at most, of a policy that begins an episode


class Lead(NamedTuple):
    """A policy that begins the episodes."""

    policy: Policy
    latest_s: float  # that it drives


def record_episode(
    env: Environment,
    seed: int,
    *,
    noise: float = 0.0,
    tail_s: float = 0.0,
    lead: Lead | None = None,
) -> Episode | None:
    """Let the expert play the episode of `seed`; success is judged at any step.

    With `noise` the commands that are carried out are disturbed, and the expert's answer to where
    that leads is what is recorded. With `lead` the recording begins when the expert takes over;
    None is returned when the episode was over before that.
    """
    env.reset(seed)
    placement = dict(zip(env.placement_names, env.placement().tolist(), strict=True))
    disturbance = Disturbance(env, noise, seed)
    remaining = env.max_steps
    if lead is not None:
        driven = _drive(env, lead, disturbance, seed)
        if driven is None:
            return None
        remaining -= driven
    observations: list[Observation] = []
    velocities: list[NDArray[np.float32]] = []
    actions: list[NDArray[np.float64]] = []
    success = False
    while remaining > 0:
        observations.append(env.observe())
        velocity = env.joint_velocities()
        if velocity is not None:
            velocities.append(velocity)
        action = env.expert_action()
        actions.append(action)
        outcome = env.step(action + disturbance.next())
        remaining -= 1
        if outcome.success and not success:
            success = True
            remaining = min(remaining, round(tail_s * env.features.rate_hz))
        if outcome.finished and not success:
            break
    return Episode(
        features=env.features,
        task=env.name,
        seed=seed,
        success=success,
        joints=np.stack([o.joint_position for o in observations]),
        actions=np.stack(actions).astype(np.float32),
        stamps_ns=np.array([o.stamp_ns for o in observations], dtype=np.int64),
        images={
            name: np.stack([o.images[name] for o in observations])
            for name in env.features.camera_names
        },
        joint_velocities=np.stack(velocities) if velocities else None,
        placement=placement,
        simulated=True,
        begun_by=lead.policy.spec.name if lead else "",
    )


class Disturbance:
    """Ornstein-Uhlenbeck noise on commands, its standard deviation `noise * env.noise_scale`."""

    def __init__(self, env: Environment, noise: float, seed: int) -> None:
        self._rng = np.random.default_rng((seed, 1))
        self._scale = noise * env.noise_scale
        self._keep = np.exp(-1.0 / (NOISE_TIME_S * env.features.rate_hz))
        self._value = np.zeros_like(env.noise_scale)

    def next(self) -> NDArray[np.float64]:
        """(A,) to add to the command of the next step."""
        fresh = self._rng.normal(size=len(self._value))
        self._value = self._keep * self._value + np.sqrt(1 - self._keep**2) * fresh
        return self._scale * self._value


def _drive(env: Environment, lead: Lead, disturbance: Disturbance, seed: int) -> int | None:
    """Let the policy drive for a random time; the steps that it took, None if that was the end.

    The time that its inference seems to take is random too: the states it gets to on a slow
    machine are wanted as well.
    """
    rng = np.random.default_rng((seed, 2))
    steps = round(rng.uniform(0.0, lead.latest_s) * env.features.rate_hz)
    latency_s = rng.uniform(0.0, LEAD_LATENCY_S)
    driver = PolicyDriver(env, lead.policy, Condition(lead.policy.spec.execution, latency_s))
    while driver.steps < steps:
        if env.step(driver.act() + disturbance.next()).finished:
            return None
    return steps
