"""The noise that a sampler starts from."""

from __future__ import annotations

import numpy as np
from act_core.policy_spec import PolicySpec
from numpy.typing import NDArray

from act_policy.observation import Observation

SEED = 0


def noise_of(spec: PolicySpec, observation: Observation) -> dict[str, NDArray[np.float32]]:
    """For each noise input of a policy its numbers: those that the observation has, else new ones.

    They depend on the observation's stamp alone: a recording that is played again, or an episode in
    virtual time, gives the same chunks, in whatever order and process.
    """
    noise: dict[str, NDArray[np.float32]] = {}
    for number, wanted in enumerate(spec.noise_inputs):
        given = observation.noise.get(wanted.name)
        if given is None:
            stamp = observation.stamp_ns % 2**64
            random = np.random.default_rng((SEED, number, stamp))
            given = random.standard_normal(wanted.shape, dtype=np.float32)
        noise[wanted.name] = given
    return noise
