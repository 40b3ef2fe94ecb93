"""MetaWorld 3 as an `Environment`: a fresh placement for each seed, images and proprioception.

Traps of MetaWorld that are taken care of here:

- After `set_task` (and in its benchmarks) every reset repeats one of 50 frozen placements, and
  `reset(seed=...)` is ignored. The placement is drawn here from the environment's own generator,
  seeded with each reset.
- The 39 numbers of its observation hold object and goal poses. Policies get the first four alone:
  the hand's position and the gripper's opening.
- Experts answer far outside [-1, 1]; what the environment would clip anyway is clipped first, so
  that demonstrations hold what was carried out.
- Episodes do not end on success, and step 501 raises.
- The corner cameras are mounted upside-down; their images are turned.

Actions are absolute here. MetaWorld takes the hand's change of target per step; a policy here
predicts the target itself, which adds up the same changes. So a row of a chunk means "be there at
that time", as for every other policy: a hold stands still, a late chunk does not shift the path,
and rows can be averaged and interpolated. Steps keep MetaWorld's limit of 1 cm along each axis.

The goal is rendered where MetaWorld renders it (several tasks show it in no other way).
"""

from __future__ import annotations

import warnings
from typing import Any

import mujoco
import numpy as np
from act_core.errors import ConfigurationError, suggest
from act_policy.observation import Observation
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.policies import ENV_POLICY_MAP
from numpy.typing import NDArray

from act_training.environments.environment import Outcome
from act_training.features import Camera, Features

RATE_HZ = 80.0  # 5 physics steps of 2.5 ms
MAX_STEP_M = 0.01  # largest change of the hand's target per step and axis
DEFAULT_CAMERAS = ("corner4", "gripperPOV")
UPSIDE_DOWN = {"corner", "corner2", "corner3", "corner4"}

# The experts warn at nearly every step that they answer outside [-1, 1].
warnings.filterwarnings("ignore", message=r"Constant\(s\) may be too high")


class MetaWorld:
    """One MetaWorld task.

    Args:
        task: MetaWorld's name, e.g. "shelf-place-v3".
        cameras: names of the model's cameras.
        height, width: of the images, pixels.
    """

    max_steps = 500
    noise_scale = np.array([MAX_STEP_M] * 3 + [0.0])

    def __init__(
        self, task: str, cameras: tuple[str, ...] = DEFAULT_CAMERAS, height: int = 96,
        width: int = 128,
    ) -> None:  # fmt: skip
        if task not in ALL_V3_ENVIRONMENTS:
            raise ConfigurationError(suggest("MetaWorld task", task, ALL_V3_ENVIRONMENTS))
        self.name = f"metaworld/{task}"
        self._env = _make_env(task)
        self._expert = ENV_POLICY_MAP[task]()  # type: ignore[abstract]
        known = [self._env.model.camera(i).name for i in range(self._env.model.ncam)]
        for camera in cameras:
            if camera not in known:
                raise ConfigurationError(suggest("MetaWorld camera", camera, known))
        hand = ("hand_x", "hand_y", "hand_z")
        self.features = Features(
            joints=(*hand, "gripper_opening"),
            joint_units=("m", "m", "m", "1"),
            actions=(*hand, "gripper_effort"),
            action_units=("m", "m", "m", "1"),
            cameras=tuple(Camera(camera, height, width) for camera in cameras),
            rate_hz=RATE_HZ,
        )
        self._height, self._width = height, width
        self._renderer: mujoco.Renderer | None = None
        self.reset(0)
        self.placement_names = tuple(f"placement_{i}" for i in range(len(self.placement())))

    def reset(self, seed: int) -> None:
        self._env.seed(seed)
        self._observation, _ = self._env.reset()
        self._step = 0
        self._effort = -1.0  # open, as the reset leaves it
        # Contacts keep a warm start from the last episode; the same seed must be the same episode.
        self._env.data.qacc_warmstart[:] = 0.0

    def placement(self) -> NDArray[np.float64]:
        return np.asarray(self._env._last_rand_vec, dtype=np.float64).copy()

    def joints(self) -> NDArray[np.float32]:
        return self._observation[:4].astype(np.float32)

    def joint_velocities(self) -> None:
        """MetaWorld's observation has none."""

    def observe(self) -> Observation:
        if self._renderer is None:  # here, so that each process has its own GL context
            self._renderer = mujoco.Renderer(self._env.model, self._height, self._width)
        images = {}
        for camera in self.features.camera_names:
            self._renderer.update_scene(self._env.data, camera)
            for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
                self._renderer.scene.flags[flag] = False  # 50 ms a frame in software otherwise
            image = self._renderer.render()
            images[camera] = image[::-1, ::-1] if camera in UPSIDE_DOWN else image
        stamp_ns = round(self._step * 1e9 / RATE_HZ)
        return Observation(stamp_ns, self.joints(), images)

    def expert_action(self) -> NDArray[np.float64]:
        wanted = np.clip(self._expert.get_action(self._observation), -1.0, 1.0)
        target = self._target() + MAX_STEP_M * wanted[:3]
        target = np.clip(target, self._env.mocap_low, self._env.mocap_high)
        return np.append(target, wanted[3])

    def hold_action(self) -> NDArray[np.float64]:
        return np.append(self._target(), self._effort)

    def step(self, action: NDArray[np.floating]) -> Outcome:
        if self._step >= self.max_steps:
            raise RuntimeError(f"the episode is over after {self.max_steps} steps: reset first")
        change = (np.asarray(action[:3], dtype=np.float64) - self._target()) / MAX_STEP_M
        self._effort = float(np.clip(action[3], -1.0, 1.0))
        command = np.append(np.clip(change, -1.0, 1.0), self._effort)
        self._observation, _, _, _, info = self._env.step(command)
        self._step += 1
        success = bool(info["success"])
        return Outcome(
            success=success,
            finished=success or self._step >= self.max_steps,
            distance_m=float(info["obj_to_target"]),
            grasped=bool(info["grasp_success"]),
        )

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()

    def _target(self) -> NDArray[np.float64]:
        """(3,) where the hand is being pulled to."""
        return self._env.data.mocap_pos[0].copy()


def _make_env(task: str) -> Any:
    env = ALL_V3_ENVIRONMENTS[task]()
    env._set_task_called = True  # there is no task to set: placements come from the seed
    env._freeze_rand_vec = False
    env.seeded_rand_vec = True
    env._partially_observable = False  # for the expert
    del env.sawyer_observation_space  # cached for the other observability
    env.model.vis.quality.offsamples = 0
    return env
