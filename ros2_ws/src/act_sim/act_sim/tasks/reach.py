"""Bring the point between the fingers to the green ball and stay there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from act_sim.objects import MARKER, add_marker
from act_sim.task import Progress, draw_position

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

HEIGHT_M = (0.05, 0.12)
TOLERANCE_M = 0.015


@dataclass(frozen=True)
class Reach:
    """Success: the grasp point stays within `TOLERANCE_M` of the ball's centre."""

    name: str = "reach"
    time_limit_s: float = 5.0
    hold_s: float = 0.5

    def add_objects(self, spec: mujoco.MjSpec) -> None:
        add_marker(spec)

    def draw_start(self, rng: np.random.Generator) -> dict[str, Any]:
        return {"marker": [*draw_position(rng), float(rng.uniform(*HEIGHT_M))]}

    def apply_start(self, sim: Simulation, start: dict[str, Any]) -> None:
        sim.put(MARKER, start["marker"])

    def progress(self, sim: Simulation) -> Progress:
        distance = float(np.linalg.norm(sim.grasp_position() - sim.position(MARKER)))
        return Progress(distance < TOLERANCE_M, distance)
