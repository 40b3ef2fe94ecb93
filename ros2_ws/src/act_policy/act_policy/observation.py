"""What a policy sees at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Observation:
    """Joints and images of one instant; the same value for robot, simulation and evaluation.

    Attributes:
        stamp_ns: ROS time of capture, of the newest image where there are several.
        joint_position: (J,) float32 at that time, in the order of the bundle's joint input [rad].
        images: for each camera of the bundle its image, (H, W, 3) uint8, red first, or depth,
            (H, W, 1) uint16 [mm].
        noise: by input what a sampler starts from; drawn for the inference where it is not given.
        joint_velocity: (J,) float32 [rad/s]; None where nobody asked for it.

    What a policy of several steps infers has them stacked, the oldest first: (T, J) and
    (T, H, W, 3), see `history`.
    """

    stamp_ns: int
    joint_position: NDArray[np.float32]
    images: Mapping[str, NDArray[Any]]
    noise: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    joint_velocity: NDArray[np.float32] | None = None
