"""How far a person's cameras stand off a policy's, in words that tell which way to move them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import mujoco
import numpy as np
from act_core.camera_alignment import AlignedCamera
from act_sim.aligned_cameras import camera_quat
from act_sim.looks import PLAIN
from act_sim.scene import build_scene
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

CLOSE_M, CLOSE_DEG, CLOSE_FOVY_DEG = 0.005, 1.0, 2.0


@dataclass(frozen=True)
class StandOff:
    """Of one camera, in the frame of the policy's as one looks through it.

    right_m, up_m, forwards_m: from where the policy's stood to mine. turned_right_deg,
    turned_up_deg, rolled_deg (clockwise): how mine looks against it. wider_deg: vertical field of
    view.
    """

    camera: str
    right_m: float
    up_m: float
    forwards_m: float
    turned_right_deg: float
    turned_up_deg: float
    rolled_deg: float
    wider_deg: float

    def words(self) -> str:
        """What to do, in one line."""
        moves = [
            _move(self.right_m, "left", "right"),
            _move(self.up_m, "down", "up"),
            _move(self.forwards_m, "backwards", "forwards"),
        ]
        turns = [
            _turn(self.turned_right_deg, "to the left", "to the right"),
            _turn(self.turned_up_deg, "down", "up"),
            _turn(self.rolled_deg, "anticlockwise", "clockwise"),
        ]
        steps = [step for step in moves if step]
        line = f"move it {', '.join(steps)}" if steps else ""
        angles = [turn for turn in turns if turn]
        if angles:
            line += f"{'; ' if line else ''}turn it {', '.join(angles)}"
        if abs(self.wider_deg) > CLOSE_FOVY_DEG:
            line += (
                f"{'; ' if line else ''}its field of view is {abs(self.wider_deg):.1f} degrees "
                f"{'wider' if self.wider_deg > 0 else 'narrower'}, which no move makes up"
            )
        return f"camera {self.camera}: {line or 'stands where the policy had it'}"


def stand_off(
    cameras: Mapping[str, AlignedCamera], look: str | None, names: tuple[str, ...]
) -> list[StandOff]:
    """Of those of ``names`` that are in both, as one looks through the policy's.

    look: of the simulation that the policy's demonstrations come from.
    """
    model = build_scene(look=look or PLAIN).compile()
    known = [model.camera(i).name for i in range(model.ncam)]
    return [_of(model, name, cameras[name]) for name in names if name in cameras and name in known]


def _of(model: mujoco.MjModel, name: str, mine: AlignedCamera) -> StandOff:
    number = model.camera(name).id
    theirs = _rotation(model.cam_quat[number])
    base = np.zeros(3) if mine.mounted_on == "gripper" else model.body("base").pos
    away = theirs.inv().apply(np.array(mine.position_m) + base - model.cam_pos[number])
    turn = theirs.inv() * _rotation(camera_quat(mine))
    forwards, right = turn.apply((0.0, 0.0, -1.0)), turn.apply((1.0, 0.0, 0.0))
    return StandOff(
        name,
        float(away[0]),
        float(away[1]),
        float(-away[2]),
        float(np.degrees(np.arctan2(forwards[0], -forwards[2]))),
        float(np.degrees(np.arcsin(np.clip(forwards[1], -1.0, 1.0)))),
        float(np.degrees(-np.arctan2(right[1], right[0]))),
        mine.fovy_deg - float(model.cam_fovy[number]),
    )


def _rotation(quat_wxyz: NDArray[np.float64]) -> Rotation:
    return Rotation.from_quat(np.roll(quat_wxyz, -1))


def _move(by_m: float, back: str, forth: str) -> str:
    """The way back: ``forth`` is where it went."""
    if abs(by_m) <= CLOSE_M:
        return ""
    return f"{1000.0 * abs(by_m):.0f} mm {back if by_m > 0 else forth}"


def _turn(by_deg: float, back: str, forth: str) -> str:
    if abs(by_deg) <= CLOSE_DEG:
        return ""
    return f"{abs(by_deg):.1f} degrees {back if by_deg > 0 else forth}"
