"""An environment seen in a mirror, so that a policy of one arm drives its mirror image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from act_core.errors import ConfigurationError
from act_policy.observation import Observation
from act_sim.arm_model import ARM
from act_sim.mirror import MIRROR_SIGNS
from numpy.typing import NDArray

from act_training.environments.environment import Outcome
from act_training.environments.so101 import So101


class Flipped:
    """`env` as its mirror image: pictures left for right, joints and actions as the mirrored arm
    has them (`act_sim.mirror`). What stands on the table is seen where the mirror shows it.

    Raises ConfigurationError, with both lists, where a camera of `env` does not stand in the mirror
    plane, or joints are others than those that a mirror image is known of.
    """

    def __init__(self, env: So101) -> None:
        cameras, symmetric = env.features.camera_names, env.symmetric_cameras
        if not set(cameras) <= set(symmetric):
            raise ConfigurationError(
                f"what is seen in {env.name} (look {env.look}) has no mirror image: the cameras "
                f"are {', '.join(cameras)}; symmetric are {', '.join(symmetric) or 'none'}"
            )
        for names in (env.features.joints, env.features.actions):
            if names != ARM.joint_names:
                raise ConfigurationError(
                    f"no mirror image is known of the joints {', '.join(names)}; one is of "
                    f"{', '.join(ARM.joint_names)}"
                )
        self._env = env
        self.name, self.features, self.max_steps = env.name, env.features, env.max_steps
        self.noise_scale, self.placement_names = env.noise_scale, env.placement_names

    def reset(self, seed: int) -> None:
        self._env.reset(seed)

    def placement(self) -> NDArray[np.float64]:
        """Where things really are: a report is about the table, not about its mirror image."""
        return self._env.placement()

    def joints(self) -> NDArray[np.float32]:
        return (self._env.joints() * MIRROR_SIGNS).astype(np.float32)

    def joint_velocities(self) -> NDArray[np.float32]:
        return (self._env.joint_velocities() * MIRROR_SIGNS).astype(np.float32)

    def observe(self) -> Observation:
        seen = self._env.observe()
        images = {name: np.ascontiguousarray(i[:, ::-1]) for name, i in seen.images.items()}
        return replace(seen, joint_position=self.joints(), images=images)

    def expert_action(self) -> NDArray[np.float64]:
        return self._env.expert_action() * MIRROR_SIGNS

    def hold_action(self) -> NDArray[np.float64]:
        return self._env.hold_action() * MIRROR_SIGNS

    def step(self, action: NDArray[np.floating]) -> Outcome:
        return self._env.step(action * MIRROR_SIGNS)

    def close(self) -> None:
        self._env.close()
