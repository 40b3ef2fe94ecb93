"""The last observations of a policy that sees several steps at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from act_core.policy_spec import PolicySpec
from act_core.timing import NS_PER_S
from numpy.typing import NDArray

from act_policy.observation import Observation


class History:
    """Chooses observations that are 1 / rate apart, whatever rate they come at.

    Of each step the observation that is nearest in time is taken; before there was one, the oldest,
    as at the beginning of an episode in training. At 10 Hz with three steps, observations every
    40 ms::

        came at        0   40   80  120  160  200       [ms]
        at 0           0    0    0
        at 120         0    0  120                      (nearest to -80, 20, 120)
        at 200         0   80  200                      (nearest to 0, 100, 200)

    Of two that are as near the older one is taken.
    """

    def __init__(self, spec: PolicySpec) -> None:
        self._steps = spec.n_obs_steps
        self._period_ns = NS_PER_S / spec.rate_hz
        self._seen: deque[Observation] = deque()

    def clear(self) -> None:
        """Forgets all that was seen: a new episode."""
        self._seen.clear()

    def add(self, observation: Observation) -> list[Observation]:
        """Takes in the newest observation; returns the steps up to it, the oldest first."""
        if self._steps == 1:
            return [observation]
        self._seen.append(observation)
        wanted = [
            observation.stamp_ns - round(step * self._period_ns)
            for step in range(self._steps - 1, -1, -1)
        ]
        while len(self._seen) > 1 and self._seen[1].stamp_ns <= wanted[0]:
            self._seen.popleft()  # the next one is nearer to all that is wanted
        return [min(self._seen, key=lambda seen: abs(seen.stamp_ns - at)) for at in wanted]


def stacked(steps: Sequence[Observation]) -> Observation:
    """T steps as one observation: joints (T, J), images (T, H, W, 3); one step as it is."""
    newest = steps[-1]
    if len(steps) == 1:
        return newest
    return Observation(
        newest.stamp_ns,
        np.stack([each.joint_position for each in steps]),
        {camera: np.stack([each.images[camera] for each in steps]) for camera in newest.images},
        newest.noise,
        None if newest.joint_velocity is None else np.stack([_velocity(each) for each in steps]),
    )


def _velocity(seen: Observation) -> NDArray[np.float32]:
    assert seen.joint_velocity is not None, "observations of one policy are alike"
    return seen.joint_velocity
