"""The humanoid and its ball as pictures and places: kinematics only, nothing falls over."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
from act_core.robots import find_robot
from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parent
ROBOT_FILE = FOLDER / "humanoid.yaml"
ROBOT = find_robot(str(ROBOT_FILE))
CAMERAS = ("front", "head")
HEIGHT, WIDTH = 48, 64
RATE_HZ = 10.0
TOUCHED_M = 0.1  # between hand and ball

Vector = NDArray[np.float64]
SIDES = {"left": 1.0, "right": -1.0}


class World:
    """Where the hands are and what the cameras see, for joints (29,) [rad] in the robot's order."""

    def __init__(self) -> None:
        self._model = mujoco.MjModel.from_xml_path(str(FOLDER / "humanoid.xml"))
        self._data = mujoco.MjData(self._model)
        names = [self._model.joint(i).name for i in range(self._model.njnt)]
        self._place = [names.index(name) for name in ROBOT.joint_names]
        self._renderer: mujoco.Renderer | None = None

    def pose(self, joints: Vector) -> None:
        """Puts the robot into a pose."""
        self._data.qpos[self._place] = joints
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)

    def put_ball(self, place: Vector) -> None:
        """Puts the ball at (3,) [m]; seen after the next `pose`."""
        self._data.mocap_pos[0] = place

    def hand(self, side: str) -> Vector:
        """(3,) [m]"""
        return self._data.site(f"{side}_hand").xpos.copy()

    def distance(self) -> float:
        """Between the ball and the nearer hand [m]."""
        ball = self._data.mocap_pos[0]
        return min(float(np.linalg.norm(self.hand(side) - ball)) for side in SIDES)

    def image(self, camera: str) -> NDArray[np.uint8]:
        """(48, 64, 3). Always by the same thread."""
        if self._renderer is None:
            self._renderer = mujoco.Renderer(self._model, HEIGHT, WIDTH)
        self._renderer.update_scene(self._data, camera)
        return self._renderer.render().copy()

    def close(self) -> None:
        """Frees the graphics context."""
        if self._renderer is not None:
            self._renderer.close()


def reach(world: World, seed: int) -> tuple[Vector, Vector]:
    """A ball that one hand can touch (3,) [m], and the pose (29,) [rad] that touches it.

    The same seed gives the same. The whole body takes part: the waist turns, the knees give way.
    """
    random = np.random.default_rng(seed)
    side = "left" if random.random() < 0.5 else "right"
    sign = SIDES[side]
    pose = ROBOT.pose("home").copy()

    def add(joint: str, angle: float) -> None:
        pose[ROBOT.index(joint)] += angle

    lift = random.uniform(0.0, 1.0)  # how high
    out = random.uniform(0.0, 1.0)  # how far to the side
    add(f"{side}_shoulder_pitch", -0.9 - 0.9 * lift)
    add(f"{side}_shoulder_roll", sign * 0.5 * out)
    add(f"{side}_elbow", -0.2)
    add(f"{side}_wrist_pitch", -0.2)
    add("waist_yaw", -sign * 0.2 + sign * 0.3 * out)
    add("waist_pitch", 0.2 * (1 - lift))
    for leg in SIDES:
        add(f"{leg}_hip_pitch", -0.4 * (1 - lift))
        add(f"{leg}_knee", 0.8 * (1 - lift))
        add(f"{leg}_ankle_pitch", -0.4 * (1 - lift))
    world.pose(pose)
    return world.hand(side), pose
