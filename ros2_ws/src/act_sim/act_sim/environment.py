"""The tasks as Gymnasium environments: images and joint positions in, joint targets out."""

from __future__ import annotations

import copy
import operator
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from act_core.errors import ConfigurationError, suggest
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from act_sim.command_check import nearest_target
from act_sim.looks import CAMERAS
from act_sim.renderer import check_size
from act_sim.simulation import MAX_SPEED, Simulation
from act_sim.task import EpisodeReport, Task

Observation = dict[str, Any]

OPTIONS = ("arm_start_rad", "level", "objects", "record")  # of `reset`
_SHOWN_SIZE = (480, 640)  # of `render`
_ANGLE_LIMIT_RAD = 2.0 * np.pi  # a joint's stop is soft: measured positions may pass it a little


class So101Env(gymnasium.Env[Observation, NDArray[np.float32]]):
    """One task as an environment that runs at 30 Hz.

    task, level, arms, mjcf, look: as for `Simulation`.
    cameras: names of the cameras to draw; with (), nothing is rendered and there is no "images".
        None: the front one and those on the arms.
    image_size: (height, width) of every camera.

    Observation: ``joint_position`` (J,) float32 [rad], ``joint_velocity`` (J,) float32 [rad/s], and
    ``images``, a dict of (height, width, 3) uint8 rgb by camera name.
    Action: (J,) joint targets [rad], held for one period. One that is a little outside the joint
    limits is moved onto them, as the command limiter of the real arm does; ValueError for one of
    another shape, with what is no finite number, or so far outside that it is in degrees.
    Reward: 1 in the step that ends with success, else 0. Info: ``is_success`` and ``report`` (the
    fields of `EpisodeReport`); that of `reset` also holds ``record``: all that was drawn.

    ``reset(seed=n)`` starts the episode of seed n; without a seed, one drawn from the last seed's
    generator. Its ``options`` choose some of the episode in place of the seed: "level", "objects"
    (by the names in the record, e.g. ``{"cube": (0.25, 0.0)}``) and "arm_start_rad" as for
    `Simulation.reset`; or all of it: "record", the one of an earlier episode.

    Copies and pickles go on where the original stands. After a fork, pictures need Mesa's graphics
    driver (see `graphics`); with others, pass ``context="spawn"`` to AsyncVectorEnv.
    """

    joint_unit = action_unit = "rad"
    metadata = {"render_modes": ["rgb_array"], "render_fps": 30}  # noqa: RUF012 (gymnasium's form)

    def __init__(
        self,
        task: str | Task = "pick_place",
        *,
        cameras: Sequence[str] | None = None,
        image_size: tuple[int, int] = (240, 320),
        level: int = 0,
        arms: int | None = None,
        mjcf: str | Path | None = None,
        look: str | None = None,
        render_mode: str | None = None,
    ) -> None:
        modes = self.metadata["render_modes"]
        if render_mode is not None and render_mode not in modes:
            raise ConfigurationError(suggest("render mode", render_mode, modes))
        self.render_mode = render_mode
        self.sim = Simulation(
            task,
            arms=arms,
            level=level,
            control_hz=self.metadata["render_fps"],
            mjcf=mjcf,
            look=look,
        )
        self.joint_names = self.sim.joint_names
        self.max_steps = round(self.sim.task.time_limit_s * self.metadata["render_fps"])
        chosen = CAMERAS[self.sim.arms] if cameras is None else cameras
        self.cameras = _checked_cameras(chosen, self.sim.cameras)
        self.image_size = _checked_size(image_size)
        if self.cameras:
            check_size(self.sim.model, *self.image_size)
        self._ended: str | None = "the episode has not begun"
        self._closed = False
        limits = self.sim.limits
        self.action_space = spaces.Box(
            limits.lower_rad.astype(np.float32), limits.upper_rad.astype(np.float32)
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
        self._refuse_if_closed("reset")
        chosen = _checked_options(options)
        if seed is not None:
            seed = _checked_seed(seed)
        super().reset(seed=seed)
        if "record" in chosen:
            self.sim.replay(copy.deepcopy(chosen["record"]))
        else:
            drawn = int(self.np_random.integers(2**31)) if seed is None else seed
            self.sim.reset(drawn, **chosen)
        self._ended = None
        info = self._info(self.sim.report)
        info["record"] = copy.deepcopy(self.sim.record)
        return self._observation(), info

    def step(self, action: ArrayLike) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        self._refuse_if_closed("step")
        if self._ended is not None:
            raise gymnasium.error.ResetNeeded(f"cannot step: {self._ended}; call reset() first")
        report = self.sim.step(nearest_target(action, self.sim.limits))
        terminated = report.outcome in ("success", "failure")
        truncated = report.outcome in ("time_limit", "fault")
        if terminated or truncated:
            self._ended = f"the episode has ended ({report.reason})"
        reward = float(report.success)
        return self._observation(), reward, terminated, truncated, self._info(report)

    def render(self) -> NDArray[np.uint8] | None:
        """What the front camera sees, 640 x 480, when ``render_mode`` is "rgb_array"."""
        self._refuse_if_closed("render")
        if self.render_mode is None:
            return None
        return self.sim.render("front", *_SHOWN_SIZE)

    def close(self) -> None:
        """Frees the graphics. Closing twice does nothing."""
        self._closed = True
        self.sim.close()

    def _refuse_if_closed(self, what: str) -> None:
        if self._closed:
            raise gymnasium.error.ClosedEnvironmentError(
                f"cannot {what}: the environment is closed"
            )

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


def _checked_cameras(cameras: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    if isinstance(cameras, str):
        raise ConfigurationError(f"cameras are '{cameras}', expected a list of names: {[cameras]}")
    for camera in cameras:
        if camera not in known:
            raise ConfigurationError(suggest("camera", str(camera), known))
    if len(set(cameras)) != len(cameras):
        raise ConfigurationError(f"cameras are {list(cameras)}, expected each once")
    return tuple(cameras)


def _checked_size(size: Sequence[int]) -> tuple[int, int]:
    try:
        height, width = (operator.index(pixels) for pixels in size)
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"image_size is {size!r}, expected two whole numbers: (height, width)"
        ) from None
    return height, width


def _checked_seed(seed: object) -> int:
    """Numpy's integers, too, which Gymnasium refuses."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ConfigurationError(f"seed is {seed!r}, expected an integer of at least 0, or None")
    return int(seed)


def _checked_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise ConfigurationError(f"options are {options!r}, expected a dict")
    for name in options:
        if name not in OPTIONS:
            raise ConfigurationError(suggest("reset option", str(name), OPTIONS))
    if "record" in options and len(options) > 1:
        raise ConfigurationError("the option 'record' is a whole episode: no others beside it")
    return dict(options)
