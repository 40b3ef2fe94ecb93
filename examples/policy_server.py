"""A plain Python function as the policy, on this computer or on another one.

python examples/policy_server.py policies/so101_pick_place          # here, beside the GPU
ros2 launch act_bringup sim.launch.py role:=control policy:=policies/so101_pick_place    # the robot

Of the bundle only policy.json is needed: it says what comes in, and in which shape the answer goes
out. The function below keeps the arm where it is and waves with the first joint.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np
from act_policy.inference_node import serve


def wave(joints: np.ndarray, images: Mapping[str, np.ndarray]) -> np.ndarray:
    """Joints (J,) [rad] and an image (H, W, 3) for each camera in; 50 rows of targets out."""
    chunk = np.repeat(joints[None].astype(np.float64), 50, axis=0)
    chunk[:, 0] += 0.2 * np.sin(np.linspace(0.0, 2.0 * np.pi, 50))
    return chunk


if __name__ == "__main__":
    raise SystemExit(serve(wave, sys.argv[1], sys.argv[2:]))
