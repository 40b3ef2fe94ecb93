"""What a task is to the simulation, and what is reported about an episode of it.

A task of one's own is a subclass of `Task` in any file, named by a decorator:

    @register_task("push_button")
    class PushButton(Task):
        time_limit_s, hold_s = 8.0, 0.2
        def add_objects(self, spec): ...            # bodies on the table
        def draw_start(self, rng): ...              # {"button": [x, y]}
        def apply_start(self, sim, start): ...      # sim.put("button", ...)
        def progress(self, sim): ...                # Progress(achieved, distance_m)

`act_sim.task_registry` tells how it is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from act_core.errors import ConfigurationError
from numpy.typing import NDArray

from act_sim.looks import MAX_LEVEL

if TYPE_CHECKING:
    import mujoco

    from act_sim.randomization import Ranges
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


class Expert(Protocol):
    """A demonstrator of one episode."""

    @property
    def done(self) -> bool:
        """Whether the episode is over, with or without success."""
        ...

    def act(self) -> NDArray[np.float64]:
        """The joint targets (J,) [rad] for the next control period."""
        ...


class Task:
    """One job on the table. A task holds constants only: all that changes is in the simulation.

    A subclass has to say what follows down to `progress`; the rest may stay as it is here.
    Coordinates are in metres in the frame of the first arm's base, with z = 0 on the table. Of two
    arms the first is the left one.
    """

    name: ClassVar[str]  # given by the decorator `register_task`
    time_limit_s: float
    hold_s: float  # for how long the goal has to stay achieved

    def add_objects(self, spec: mujoco.MjSpec) -> None:
        """Adds the task's objects to the scene before it is compiled."""
        raise NotImplementedError

    def draw_start(self, rng: np.random.Generator) -> dict[str, Any]:
        """Draws where everything starts, as JSON-serialisable numbers."""
        raise NotImplementedError

    def apply_start(self, sim: Simulation, start: dict[str, Any]) -> None:
        """Puts the objects where ``start`` says."""
        raise NotImplementedError

    def progress(self, sim: Simulation) -> Progress:
        """Measures the present state."""
        raise NotImplementedError

    # -- may stay as it is ---------------------------------------------------------------------

    arms: ClassVar[int] = 1
    """How many it takes. With more than these, the others stand by."""

    expert_level: ClassVar[int] = MAX_LEVEL
    """The highest level of randomization that its expert masters; who has it act at a higher one is
    warned."""

    grasped: ClassVar[str | None] = None
    """The body whose grasps are counted, if any."""

    hues_deg: ClassVar[tuple[float, ...]] = ()
    """Hues, 0 red to 360, that nothing else on the table may have: those that tell what to do."""

    def dress(self, spec: mujoco.MjSpec) -> None:
        """Adds what the look "room" shows of the objects and "plain" does not: textures."""

    def make_expert(self, sim: Simulation) -> Expert:
        """A scripted demonstrator for the episode that ``sim`` is in."""
        raise ConfigurationError(
            f"the task '{self.name}' has no scripted expert: its class defines no make_expert(sim)"
        )

    def draw_looks(self, rng: np.random.Generator, ranges: Ranges) -> dict[str, Any]:
        """Draws how the task's objects look, as JSON-serialisable numbers; not at level 0."""
        return {}

    def draw_bodies(self, rng: np.random.Generator, ranges: Ranges) -> dict[str, Any]:
        """Draws sizes, masses and the like of the task's objects; not at level 0."""
        return {}

    def textures(self, drawn: dict[str, Any]) -> dict[str, NDArray[np.uint8]]:
        """The pictures (height, width, 3), by name, of the textures that `dress` added."""
        return {}

    def randomize(self, model: mujoco.MjModel, drawn: dict[str, Any]) -> None:
        """Puts what was drawn into the model, which is the nominal one before. It may write the
        arrays that `randomization.FIELDS` names."""


# What a task has to define, and what it is called with.
REQUIRED = {
    "time_limit_s": "a number of seconds",
    "hold_s": "a number of seconds",
    "add_objects": "a method (spec)",
    "draw_start": "a method (rng)",
    "apply_start": "a method (sim, start)",
    "progress": "a method (sim)",
}


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
