"""A simulated task of one's own: the fingers point at a ball. One file, and nothing else is edited.

ros2 launch act_bringup sim.launch.py task:=examples/own_task.py:PointAtBall policy:=expert
"""

from __future__ import annotations

import mujoco
import numpy as np
from act_sim.experts.cartesian_control import CartesianController, Goal
from act_sim.task import Progress, Task, draw_position
from act_sim.task_registry import register_task

RADIUS_M = 0.02


@register_task("point_at_ball")
class PointAtBall(Task):
    """Success: the fingers stay right above the blue ball."""

    time_limit_s = 6.0
    hold_s = 0.3

    def add_objects(self, spec):
        body = spec.worldbody.add_body(name="ball", pos=(0.25, 0.0, RADIUS_M))
        body.add_freejoint(name="ball")
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_SPHERE, size=(RADIUS_M, 0, 0), mass=0.02,
            rgba=(0.1, 0.2, 0.9, 1.0), condim=6, friction=(0.8, 0.01, 0.002),
        )  # fmt: skip

    def draw_start(self, rng):
        return {"ball": draw_position(rng)}

    def apply_start(self, sim, start):
        sim.put("ball", (*start["ball"], RADIUS_M))

    def progress(self, sim):
        off = float(np.linalg.norm((sim.grasp_position() - sim.position("ball"))[:2]))
        return Progress(off < 0.015, off)

    def draw_looks(self, rng, ranges):
        return {"ball_green": float(rng.uniform(0.0, ranges.colour))}

    def randomize(self, model, drawn):
        model.geom_rgba[model.body("ball").geomadr[0], 1] += drawn["ball_green"]

    def make_expert(self, sim):
        return Pointer(sim)


class Pointer:
    def __init__(self, sim):
        self._sim, self._controller = sim, CartesianController(sim)

    @property
    def done(self):
        return self._sim.report.finished

    def act(self):
        above = self._sim.position("ball") + np.array([0.0, 0.0, 0.1])
        return self._controller.command(Goal(above, -0.5 * np.pi, 0.0, 0.25))
