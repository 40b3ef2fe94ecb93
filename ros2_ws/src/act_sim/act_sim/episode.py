"""Keeps count during one episode: steps, grasps, success and why it ended."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from act_sim.task import EpisodeReport, Outcome, Task

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

# A grasp counts as tried when the gripper closes through this opening with the task's object within
# reach of the fingers, and as won when both fingers then carry it this high.
CLOSING_RAD = 0.35
NEAR_M = 0.045
WON_HEIGHT_M = 0.015


class Episode:
    """The book-keeping of one episode. `Simulation` calls `update` after every control period."""

    def __init__(self, task: Task, record: dict[str, Any], control_hz: int) -> None:
        self._task, self._record = task, record
        self._hold_steps = max(1, math.ceil(task.hold_s * control_hz))
        self._max_steps = round(task.time_limit_s * control_hz)
        self._steps = self._held = 0
        self._gripper_open = False
        self._tried = self._won = 0
        self._holding = False
        self._outcome: Outcome = "running"
        self._reason = "running"
        self.distance_m = math.nan
        self.touching: tuple[tuple[bool, bool], ...] = ()  # of every arm

    def update(self, sim: Simulation) -> None:
        """Takes the state after one more control period into account."""
        self._steps += 1
        self.touching = sim.touching_of_arms
        self._count_grasps(sim)
        progress = self._task.progress(sim)
        self.distance_m = progress.distance_m
        self._held = self._held + 1 if progress.achieved else 0
        if self._outcome != "running":
            return
        if self._held >= self._hold_steps:
            self._end("success", "success")
        elif progress.failure is not None:
            self._end("failure", progress.failure)
        elif self._steps >= self._max_steps:
            self._end("time_limit", f"time limit of {self._task.time_limit_s:g} s")

    def fault(self, reason: str) -> None:
        """Ends the episode because the simulation, not the task, went wrong."""
        self._end("fault", reason)

    def _end(self, outcome: Outcome, reason: str) -> None:
        self._outcome, self._reason = outcome, reason

    def report(self) -> EpisodeReport:
        return EpisodeReport(
            task=self._task.name,
            seed=self._record["seed"],
            level=self._record["level"],
            steps=self._steps,
            outcome=self._outcome,
            reason=self._reason,
            grasps_tried=self._tried,
            grasps_won=self._won,
            distance_m=self.distance_m,
        )

    def copy(self) -> Episode:
        return copy.copy(self)  # every field is a number, a tuple or never changed

    def _count_grasps(self, sim: Simulation) -> None:
        body = self._task.grasped
        if body is None:
            return
        opening = sim.joint_position[sim.gripper]
        position = sim.position(body)
        if opening > CLOSING_RAD:
            self._gripper_open, self._holding = True, False
        elif self._gripper_open:
            self._gripper_open = False
            self._tried += bool(np.linalg.norm(sim.grasp_position() - position) < NEAR_M)
        if all(sim.touching) and not self._holding:
            lifted = position[2] - sim.half_size(body) > WON_HEIGHT_M
            self._won += bool(lifted)
            self._holding = bool(lifted)
