"""What collection and evaluation need from a simulated task."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from act_policy.observation import Observation
from numpy.typing import NDArray

from act_training.features import Features


class Outcome(NamedTuple):
    """How the episode stands after a step."""

    success: bool
    finished: bool  # by success, or because it can no longer succeed
    distance_m: float | None  # object to goal; None if the task has no such thing
    grasped: bool | None  # None if the task does not tell


class Environment(Protocol):
    """One robot, one task. Time is counted in steps: step k happens at k / features.rate_hz.

    Observations hold images and the robot's own joints, never the pose of an object.
    """

    name: str
    """As `open_environment` takes it."""
    features: Features
    max_steps: int
    """Steps after which an episode without success has failed."""
    noise_scale: NDArray[np.float64]
    """(A,) one unit of command noise for each action value; 0 where noise makes no sense."""
    placement_names: tuple[str, ...]
    """What `placement` returns."""

    def reset(self, seed: int) -> None:
        """Start the episode of `seed`; the same seed is the same episode, whatever came before."""
        ...

    def placement(self) -> NDArray[np.float64]:
        """Where `reset` put what the task moves around (objects, goals): for reports only."""
        ...

    def joints(self) -> NDArray[np.float32]:
        """(J,) joint values now, in the order of `features.joints`."""
        ...

    def joint_velocities(self) -> NDArray[np.float32] | None:
        """(J,) velocities now, for the record; None where the simulation does not tell."""
        ...

    def observe(self) -> Observation:
        """Joints and a rendered image of every camera, now."""
        ...

    def expert_action(self) -> NDArray[np.float64]:
        """(A,) what the scripted expert, which sees everything, does now.

        The first call of an episode may come at any time; once asked, the expert is asked at every
        step.
        """
        ...

    def hold_action(self) -> NDArray[np.float64]:
        """(A,) the action that keeps the robot where it was last sent."""
        ...

    def step(self, action: NDArray[np.floating]) -> Outcome:
        """Carry out `action` (A,) for one step."""
        ...

    def close(self) -> None: ...
