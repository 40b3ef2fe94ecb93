"""The SO-101 tasks of `act_sim` as an `Environment`.

Images are rendered larger than the policy's and shrunk by the code that the policy node shrinks
them with; commands pass the limiter that the simulation node applies. So a policy sees and does
here what it will see and do there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from act_core.limits import CommandLimiter
from act_core.policy_spec import ImageInput
from act_policy.image_fit import resize
from act_policy.observation import Observation
from act_sim.experts import Expert, make_expert
from act_sim.looks import ROOM
from act_sim.simulation import Simulation
from numpy.typing import NDArray

from act_training.environments.environment import Outcome
from act_training.features import Camera, Features


class So101:
    """One SO-101 arm at one task of `act_sim`.

    Args:
        task: as `act_sim.task_registry.find_task` takes it: pick_place, package.module:Class.
        cameras: of the simulation: front, top, wrist.
        height, width: of the images, pixels.
        level: of domain randomization, from 0 (only the start varies).
        rate_hz: steps per second; demonstrations are made at the rate of the policy.
        render_height: of the images before shrinking, pixels; the width goes with it. `sim_node`
            publishes 480 rows, and so it is here in the look "plain". In the look "room", where
            that takes four times as long, it is twice `height`: the shrunk images differ by less
            than what noise and lens do (docs/simulation.md).
        look: "plain" or "room" (see `act_sim.scene`); None: that of the level.
        arm_parameters: a file of `act-identify` (see `act_sim.identified_arm`); None: nominal.
    """

    def __init__(
        self,
        task: str,
        cameras: tuple[str, ...] = ("front", "wrist"),
        height: int = 96,
        width: int = 128,
        level: int = 0,
        rate_hz: int = 30,
        render_height: int | None = None,
        look: str | None = None,
        arm_parameters: str | Path | None = None,
    ) -> None:
        self.name = f"so101/{task}"
        self._sim = Simulation(
            task, level=level, control_hz=rate_hz, look=look, arm_parameters=arm_parameters
        )
        self.look = self._sim.look
