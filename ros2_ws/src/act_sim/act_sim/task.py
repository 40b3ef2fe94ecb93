"""What a task is to the simulation, and what is reported about an episode of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import mujoco
import numpy as np

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

# Where objects are put, in the frame of the first arm's base [m]: a rectangle of 20 x 24 cm that
# the fingers reach at table height and, carrying a cube, above a bowl.
REGION_X_M = (0.16, 0.36)
REGION_Y_M = (-0.12, 0.12)


class Progress(NamedTuple):
    """How far the task is, as seen in the present state alone."""

    achieved: bool  # has to stay true for the task's ``hold_s`` to count as success
    distance_m: float  # what is left to the goal
    failure: str | None = None  # why it can no longer succeed


class Task(Protocol):
    """One job on the table. A task holds constants only: all that changes is in the simulation."""

    @property
    def name(self) -> str: ...
    @property
    def time_limit_s(self) -> float: ...
    @property
    def hold_s(self) -> float:
        """For how long the goal has to stay achieved."""
        ...

    def add_objects(self, spec: mujoco.MjSpec) -> None:
        """Adds the task's objects to the scene before it is compiled."""

    def draw_start(self, rng: np.random.Generator) -> dict[str, Any]:
        """Draws where everything starts, as JSON-serialisable numbers in the arm's base frame."""

    def apply_start(self, sim: Simulation, start: dict[str, Any]) -> None:
        """Puts the objects where ``start`` says."""

    def progress(self, sim: Simulation) -> Progress:
        """Measures the present state."""


Outcome = Literal["running", "success", "failure", "time_limit", "fault"]


@dataclass(frozen=True)
class EpisodeReport:
    """What happened in an episode so far."""

    task: str
    seed: int
    level: int
    steps: int  # control periods
    outcome: Outcome
    reason: str  # the outcome in words
    grasps_tried: int
    grasps_won: int
    distance_m: float  # what is left to the goal

    @property
    def success(self) -> bool:
        return self.outcome == "success"

    @property
    def finished(self) -> bool:
        return self.outcome != "running"


def draw_position(rng: np.random.Generator) -> list[float]:
    """A point (x, y) of the region [m], in the frame of the first arm's base."""
    return [float(rng.uniform(*REGION_X_M)), float(rng.uniform(*REGION_Y_M))]


def outside_reach(x: float, y: float, margin_m: float = 0.06) -> bool:
    """Whether a point in the arm's base frame is further than ``margin_m`` outside the region."""
    return not (
        REGION_X_M[0] - margin_m <= x <= REGION_X_M[1] + margin_m
        and REGION_Y_M[0] - margin_m <= y <= REGION_Y_M[1] + margin_m
    )
