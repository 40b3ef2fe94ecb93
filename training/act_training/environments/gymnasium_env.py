"""Any Gymnasium environment with images and joints: ``gym/CartPole-v1``, ``gym/package:Name-v0``.

What is read, by the conventions that robot learning shares:

    observation    a dict: joints as ``joint_position``, ``agent_pos`` or ``state``; images as
                   ``images`` or ``pixels``, a dict by camera or one image, (H, W, 3) uint8 rgb
    action         a Box of one axis
    success        ``info["is_success"]`` or ``info["success"]`` of a step
    rate           ``metadata["render_fps"]`` [Hz]
    time limit     ``max_episode_steps`` of its registration, or ``max_steps`` of the environment

and, where the environment (unwrapped) has them: ``joint_names``, ``action_names``, ``joint_unit``,
``action_unit`` (texts), ``noise_scale`` (A,), ``expert_action()`` (A,), by which demonstrations are
collected, ``hold_action()`` (A,), which keeps the robot where it is (else the joints, where actions
are called like them), and ``placement()``, a dict of numbers, for reports. `act_sim`'s own
environments are opened as ``so101/``, with levels and looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from act_core.errors import ConfigurationError, suggest
from act_core.policy_spec import ImageInput
from act_policy.image_fit import other_proportions, resize
from act_policy.observation import Observation
from gymnasium import spaces
from numpy.typing import NDArray

from act_training.environments.environment import Outcome
from act_training.features import Camera, Features

JOINT_KEYS = ("joint_position", "agent_pos", "state")
IMAGE_KEYS = ("images", "pixels")
SUCCESS_KEYS = ("is_success", "success")
ONLY_CAMERA = "front"  # the name of an image that has none


class _Layout(NamedTuple):
    """Where an observation has its joints and images: keys, and (height, width) by camera."""

    joints: str
    joint_count: int
    images: str
    sizes: dict[str, tuple[int, int]]


class GymnasiumEnvironment:
    """One environment of the registry behind the protocol `Environment`.

    Args:
        identifier: as `gymnasium.make` takes it.
        cameras: of its images; none: all.
        height, width: of the images, pixels; None: as they come.

    Raises ConfigurationError for an environment that is not there or does not tell what it has to.
    """

    def __init__(
        self,
        identifier: str,
        cameras: Sequence[str] = (),
        height: int | None = None,
        width: int | None = None,
    ) -> None:
        self.name = f"gym/{identifier}"
        try:
            self._env = gymnasium.make(identifier, disable_env_checker=True)
        except (gymnasium.error.Error, ModuleNotFoundError) as error:
            raise ConfigurationError(f"environment {self.name}: {error}") from error
        inner: Any = self._env.unwrapped
        self._layout = layout = self._read_layout()
        chosen = tuple(cameras) or tuple(layout.sizes)
        for name in chosen:
            if name not in layout.sizes:
                raise ConfigurationError(
                    f"environment {self.name}: " + suggest("camera", name, layout.sizes)
                )
        self._images = []
        for name in chosen:
            rows, columns = layout.sizes[name]
            image = ImageInput(f"image_{name}", name, height or rows, width or columns)
            wrong = other_proportions(rows, columns, image)
            if wrong is not None:
                raise ConfigurationError(f"environment {self.name}: {wrong}")
            self._images.append(image)
        joint_count, action_count = layout.joint_count, self._action_count()
        joints = _names(inner, "joint_names", joint_count, "joint", self.name)
        actions = _names(
            inner, "action_names", action_count, "action", self.name,
            joints if action_count == joint_count else None,
        )  # fmt: skip
        self.features = Features(
            joints=joints,
            joint_units=(str(getattr(inner, "joint_unit", "")),) * joint_count,
            actions=actions,
            action_units=(str(getattr(inner, "action_unit", "")),) * action_count,
            cameras=tuple(Camera(i.camera, i.height, i.width) for i in self._images),
            rate_hz=self._rate_hz(),
        )
        self.max_steps = self._time_limit()
        scale = getattr(inner, "noise_scale", None)
        self.noise_scale = np.zeros(action_count) if scale is None else np.asarray(scale, float)
        self._expert = getattr(inner, "expert_action", None)
        self._hold = getattr(inner, "hold_action", None)
        self._placement = getattr(inner, "placement", None)
        self.reset(0)
        self.placement_names = tuple(self._placed())

    def reset(self, seed: int) -> None:
        self._observation, _ = self._env.reset(seed=seed)
        self._step = 0
        self._sent: NDArray[np.float64] | None = None

    def placement(self) -> NDArray[np.float64]:
        return np.array(list(self._placed().values()), dtype=np.float64)

    def joints(self) -> NDArray[np.float32]:
        return np.asarray(self._observation[self._layout.joints], dtype=np.float32)

    def joint_velocities(self) -> NDArray[np.float32] | None:
        velocity = self._observation.get("joint_velocity")
        return None if velocity is None else np.asarray(velocity, dtype=np.float32)

    def observe(self) -> Observation:
        there = self._observation[self._layout.images]
        seen = there if isinstance(there, Mapping) else {ONLY_CAMERA: there}
        images = {i.camera: resize(np.asarray(seen[i.camera]), i) for i in self._images}
        stamp_ns = round(self._step * 1e9 / self.features.rate_hz)
        return Observation(stamp_ns, self.joints(), images)

    def expert_action(self) -> NDArray[np.float64]:
        if self._expert is None:
            raise ConfigurationError(
                f"environment {self.name} has no scripted expert: its class defines no "
                "expert_action()"
            )
        return np.asarray(self._expert(), dtype=np.float64)

    def hold_action(self) -> NDArray[np.float64]:
        if self._sent is not None:
            return self._sent
        if self._hold is not None:
            return np.asarray(self._hold(), dtype=np.float64)
        if self.features.actions != self.features.joints:
            raise ConfigurationError(
                f"environment {self.name}: its actions are no joints, so that what keeps its robot "
                "where it is is not known: its class defines no hold_action()"
            )
        return self.joints().astype(np.float64)

    def step(self, action: NDArray[np.floating]) -> Outcome:
        self._sent = np.asarray(action, dtype=np.float64)
        space = self._env.action_space
        self._observation, _, terminated, truncated, info = self._env.step(
            np.asarray(action, dtype=space.dtype)
        )
        self._step += 1
        told = next((key for key in SUCCESS_KEYS if key in info), None)
        if told is None:
            raise ConfigurationError(
                f"environment {self.name}: a step's info has no {' or '.join(SUCCESS_KEYS)}; it "
                f"has: {', '.join(map(str, info)) or 'nothing'}"
            )
        success = bool(info[told])
        return Outcome(success, success or terminated or truncated, None, None)

    def close(self) -> None:
        self._env.close()

    # -- what it has to tell -------------------------------------------------------------------

    def _read_layout(self) -> _Layout:
        space = self._env.observation_space
        if not isinstance(space, spaces.Dict):
            raise ConfigurationError(
                f"environment {self.name}: an observation is {space!s:.80}, expected a Dict with "
                f"joints ({', '.join(JOINT_KEYS)}) and images ({', '.join(IMAGE_KEYS)})"
            )
        keys = []
        for what, known in (("joints", JOINT_KEYS), ("images", IMAGE_KEYS)):
            key = next((key for key in known if key in space.spaces), None)
            if key is None:
                raise ConfigurationError(
                    f"environment {self.name}: its observations have no {what} "
                    f"({', '.join(known)}), but {', '.join(space.spaces) or 'nothing'}"
                )
            keys.append(key)
        joints, images = space[keys[0]], space[keys[1]]
        if not isinstance(joints, spaces.Box) or len(joints.shape) != 1:
            raise ConfigurationError(
                f"environment {self.name}: {keys[0]} is {joints!s:.80}, expected a Box of one axis"
            )
        by_camera = images.spaces if isinstance(images, spaces.Dict) else {ONLY_CAMERA: images}
        sizes: dict[str, tuple[int, int]] = {}
        for name, each in by_camera.items():
            shaped = isinstance(each, spaces.Box) and len(each.shape) == 3 and each.shape[2] == 3
            if each.shape is None or not shaped or each.dtype != np.uint8:
                raise ConfigurationError(
                    f"environment {self.name}: the image {name} is {each!s:.80}, expected a Box of "
                    "(height, width, 3) uint8"
                )
            sizes[name] = each.shape[0], each.shape[1]
        return _Layout(keys[0], int(joints.shape[0]), keys[1], sizes)

    def _action_count(self) -> int:
        space = self._env.action_space
        if not isinstance(space, spaces.Box) or len(space.shape) != 1:
            raise ConfigurationError(
                f"environment {self.name}: an action is {space!s:.80}, expected a Box of one axis"
            )
        return int(space.shape[0])

    def _rate_hz(self) -> float:
        rate = self._env.metadata.get("render_fps")
        if not isinstance(rate, (int, float)) or not 0 < rate < 10_000:
            raise ConfigurationError(
                f"environment {self.name}: metadata['render_fps'] is {rate!r}, expected its steps "
                "a second"
            )
        return float(rate)

    def _time_limit(self) -> int:
        steps = self._env.spec.max_episode_steps if self._env.spec else None
        steps = steps or getattr(self._env.unwrapped, "max_steps", None)
        if not steps:
            raise ConfigurationError(
                f"environment {self.name} was registered without max_episode_steps, and has no "
                "max_steps: when an episode without success has failed is not known"
            )
        return int(steps)

    def _placed(self) -> dict[str, float]:
        if self._placement is None:
            return {}
        return {str(name): float(value) for name, value in self._placement().items()}


def _names(
    inner: Any,
    attribute: str,
    count: int,
    word: str,
    env: str,
    default: tuple[str, ...] | None = None,
) -> tuple[str, ...]:
    """What the environment calls its values, else numbers."""
    names = getattr(inner, attribute, None)
    if names is None:
        return default or tuple(f"{word}_{i}" for i in range(count))
    names = tuple(map(str, names))
    if len(names) != count or len(set(names)) != count:
        raise ConfigurationError(
            f"environment {env}: {attribute} are {', '.join(names)}, expected {count}, each once"
        )
    return names
