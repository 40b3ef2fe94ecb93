"""The tasks as Gymnasium environments: images and joint positions in, joint targets out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from act_core.errors import ConfigurationError, suggest
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from act_sim.simulation import MAX_SPEED, Simulation
from act_sim.task import EpisodeReport, Task

Observation = dict[str, Any]

_SHOWN_SIZE = (480, 640)  # of `render`
_ANGLE_LIMIT_RAD = 2.0 * np.pi  # a joint's stop is soft: measured positions may pass it a little


class So101Env(gymnasium.Env[Observation, NDArray[np.float32]]):
    """One task as an environment that runs at 30 Hz.

    task, level, arms, mjcf: as for `Simulation`.
    cameras: names of the cameras to draw; with none, nothing is rendered and there is no "images".
    image_size: (height, width) of every camera.

    Observation: ``joint_position`` (J,) float32 [rad], ``joint_velocity`` (J,) float32 [rad/s], and
    ``images``, a dict of (height, width, 3) uint8 rgb by camera name.
    Action: (J,) joint targets [rad], held for one period. One outside the joint limits is moved
    onto them, as the command limiter of the real arm does; a non-finite one raises ValueError.
    Reward: 1 in the step that ends with success, else 0. Info: ``is_success`` and ``report`` (the
    fields of `EpisodeReport`); that of `reset` also holds ``record``: all that was drawn.

    In gymnasium.vector.AsyncVectorEnv pass ``context="spawn"``: a forked process cannot use the
    graphics library of its parent.

    ``reset(seed=n)`` starts the episode of seed n; without a seed, one drawn from the last seed's
    generator.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 30}  # noqa: RUF012 (gymnasium's form)

    def __init__(
        self,
        task: str | Task = "pick_place",
        *,
        cameras: Sequence[str] = ("front", "wrist"),
        image_size: tuple[int, int] = (240, 320),
        level: int = 0,
        arms: int = 1,
        mjcf: str | Path | None = None,
        render_mode: str | None = None,
    ) -> None:
        modes = self.metadata["render_modes"]
        if render_mode is not None and render_mode not in modes:
            raise ConfigurationError(suggest("render mode", render_mode, modes))
        self.render_mode = render_mode
        self.sim = Simulation(
            task, arms=arms, level=level, control_hz=self.metadata["render_fps"], mjcf=mjcf
        )
        for camera in cameras:
            if camera not in self.sim.cameras:
                raise ConfigurationError(suggest("camera", camera, self.sim.cameras))
        self.cameras, self.image_size = tuple(cameras), tuple(image_size)
        self._lower, self._upper = self.sim.limits.lower_rad, self.sim.limits.upper_rad
        self.action_space = spaces.Box(
            self._lower.astype(np.float32), self._upper.astype(np.float32)
        )
        joints = (len(self.sim.joint_names),)
        parts: dict[str, spaces.Space[Any]] = {
            "joint_position": spaces.Box(-_ANGLE_LIMIT_RAD, _ANGLE_LIMIT_RAD, joints),
            "joint_velocity": spaces.Box(-MAX_SPEED, MAX_SPEED, joints),
        }
        if self.cameras:
            picture = spaces.Box(0, 255, (*self.image_size, 3), np.uint8)
            parts["images"] = spaces.Dict(dict.fromkeys(self.cameras, picture))
        self.observation_space = spaces.Dict(parts)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self.sim.reset(int(self.np_random.integers(2**31)) if seed is None else seed)
        info = self._info(self.sim.report)
        info["record"] = copy.deepcopy(self.sim.record)
        return self._observation(), info

    def step(self, action: ArrayLike) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        report = self.sim.step(np.clip(action, self._lower, self._upper))
        terminated = report.outcome in ("success", "failure")
        truncated = report.outcome in ("time_limit", "fault")
        reward = float(report.success)
        return self._observation(), reward, terminated, truncated, self._info(report)

    def render(self) -> NDArray[np.uint8] | None:
        """What the front camera sees, 640 x 480, when ``render_mode`` is "rgb_array"."""
        if self.render_mode is None:
            return None
        return self.sim.render("front", *_SHOWN_SIZE)

    def close(self) -> None:
        self.sim.close()

    def _observation(self) -> Observation:
        observation: Observation = {
            "joint_position": self.sim.joint_position.astype(np.float32),
            "joint_velocity": self.sim.joint_velocity.astype(np.float32),
        }
        if self.cameras:
            observation["images"] = {
                camera: self.sim.render(camera, *self.image_size) for camera in self.cameras
            }
        return observation

    def _info(self, report: EpisodeReport) -> dict[str, Any]:
        return {
            "is_success": report.success,
            "report": asdict(report),
        }
