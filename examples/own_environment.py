"""A Gymnasium environment of one's own: two motors bring a dot to a ring. One file.

PYTHONPATH=examples act-collect --env gym/own_environment:Dot-v0 --episodes 50 --out data/dot
act-train --data data/dot --out runs/dot
PYTHONPATH=examples act-evaluate --policy runs/dot
"""

from __future__ import annotations

import gymnasium
import numpy as np
from gymnasium import spaces

SIZE = 48  # of the image, pixels
REACH, CLOSE = 0.9, 0.08


class Dot(gymnasium.Env):
    """The dot is at its joints' values; an action says where they are to go."""

    metadata = {"render_modes": [], "render_fps": 10}  # noqa: RUF012 (gymnasium's form)
    joint_names, joint_unit, action_unit = ("x", "y"), "m", "m"
    noise_scale = np.array([0.05, 0.05])

    def __init__(self):
        box = spaces.Box(-1.0, 1.0, (2,), np.float64)
        picture = spaces.Box(0, 255, (SIZE, SIZE, 3), np.uint8)
        self.action_space = box
        self.observation_space = spaces.Dict({"agent_pos": box, "pixels": picture})

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.ring = self.np_random.uniform(-REACH, REACH, 2)
        self.dot = self.np_random.uniform(-REACH, REACH, 2)
        return self._observation(), {}

    def step(self, action):
        self.dot = self.dot + np.clip(np.asarray(action) - self.dot, -0.2, 0.2)
        close = bool(np.linalg.norm(self.dot - self.ring) < CLOSE)
        return self._observation(), float(close), close, False, {"is_success": close}

    def expert_action(self):
        return self.ring

    def placement(self):
        return {"ring_x": self.ring[0], "ring_y": self.ring[1]}

    def _observation(self):
        image = np.full((SIZE, SIZE, 3), 255, np.uint8)
        for where, colour in ((self.ring, (200, 30, 30)), (self.dot, (30, 30, 200))):
            row, column = ((where[::-1] + 1.0) / 2.0 * (SIZE - 1)).astype(int)
            image[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3] = colour
        return {"agent_pos": self.dot.copy(), "pixels": image}


gymnasium.register("Dot-v0", entry_point=Dot, max_episode_steps=40)
