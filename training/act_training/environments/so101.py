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
from act_sim.experts import Expert, make_expert, warning_of_expert
from act_sim.looks import CAMERAS, ROOM
from act_sim.simulation import Simulation
from numpy.typing import NDArray

from act_training.environments.environment import Outcome
from act_training.features import Camera, Features


class So101:
    """One SO-101 arm at one task of `act_sim`, or two where the task takes two.

    Args:
        task: as `act_sim.task_registry.find_task` takes it: pick_place, package.module:Class.
        cameras: of the simulation: front, top, wrist, of two arms left_wrist and right_wrist; None:
            front and those on the arms.
        height, width: of the images, pixels.
        level: of domain randomization, from 0 (only the start varies).
        rate_hz: steps per second; demonstrations are made at the rate of the policy.
        render_height: of the images before shrinking, pixels; the width goes with it. `sim_node`
            publishes 480 rows, and so it is here in the look "plain". In the look "room", where
            that takes four times as long, it is twice `height`: the shrunk images differ by less
            than what noise and lens do (docs/simulation.md).
        look: "plain" or "room" (see `act_sim.scene`); None: that of the level.
        arm_parameters: a file of `act-identify` (see `act_sim.identified_arm`); None: nominal.
        camera_alignment: a file of `act-align-camera`; None: where the simulation has its cameras.
        mirrored: the mirror image of the arm (see `act_sim.mirror`), at the same places.
    """

    def __init__(
        self,
        task: str,
        cameras: tuple[str, ...] | None = None,
        height: int = 96,
        width: int = 128,
        level: int = 0,
        rate_hz: int = 30,
        render_height: int | None = None,
        look: str | None = None,
        arm_parameters: str | Path | None = None,
        camera_alignment: str | Path | None = None,
        mirrored: bool = False,
    ) -> None:
        self.name = f"so101/{task}"
        self._sim = Simulation(
            task, level=level, control_hz=rate_hz, look=look, arm_parameters=arm_parameters,
            camera_alignment=camera_alignment, mirrored=mirrored,
        )  # fmt: skip
        self.look = self._sim.look
        self.symmetric_cameras = self._sim.symmetric_cameras
        self.expert_warning = warning_of_expert(self._sim)
        cameras = CAMERAS[self._sim.arms] if cameras is None else cameras
        joints = self._sim.joint_names
        units = ("rad",) * len(joints)
        self.features = Features(
            joints=joints,
            joint_units=units,
            actions=joints,
            action_units=units,
            cameras=tuple(Camera(name, height, width) for name in cameras),
            rate_hz=float(rate_hz),
        )
        if render_height is None:
            render_height = 2 * height if self.look == ROOM else 480
        self._render_size = (render_height, round(render_height * width / height))
        self._images = [ImageInput(f"image_{name}", name, height, width) for name in cameras]
        self.max_steps = round(self._sim.task.time_limit_s * rate_hz)
        # 0.02 rad moves a hand by some 5 mm. Not a gripper: its opening decides over grasps.
        self.noise_scale = np.where(np.isin(joints, self._sim.robot.grippers), 0.0, 0.02)
        self._limiter = CommandLimiter(self._sim.limits, 1.0 / rate_hz)
        self.reset(0)
        self.placement_names = tuple(name for name, _ in _flatten(self._sim.record["objects"]))

    def reset(self, seed: int) -> None:
        self._sim.reset(seed)
        self._step = 0
        self._expert: Expert | None = None
        self._command = self._limiter.reset(self._sim.joint_position).position_rad

    def placement(self) -> NDArray[np.float64]:
        return np.array([value for _, value in _flatten(self._sim.record["objects"])])

    def joints(self) -> NDArray[np.float32]:
        return self._sim.joint_position.astype(np.float32)

    def joint_velocities(self) -> NDArray[np.float32]:
        return self._sim.joint_velocity.astype(np.float32)

    def observe(self) -> Observation:
        images = {
            image.camera: resize(self._sim.render(image.camera, *self._render_size), image)
            for image in self._images
        }
        stamp_ns = round(self._step * 1e9 / self.features.rate_hz)
        return Observation(stamp_ns, self.joints(), images)

    def expert_action(self) -> NDArray[np.float64]:
        if self._expert is None:
            self._expert = make_expert(self._sim)
        return self._expert.act()

    def hold_action(self) -> NDArray[np.float64]:
        return self._command

    def step(self, action: NDArray[np.floating]) -> Outcome:
        self._command = self._limiter.limit(action).position_rad
        report = self._sim.step(self._command)
        self._step += 1
        return Outcome(
            success=report.success,
            finished=report.finished,
            distance_m=report.distance_m,
            grasped=report.grasps_won > 0,
        )

    def close(self) -> None:
        self._sim.close()


def _flatten(start: dict[str, Any]) -> list[tuple[str, float]]:
    """{"cube": [0.2, 0.1], "cube_yaw": 1.0} -> cube_0 0.2, cube_1 0.1, cube_yaw 1.0."""
    values = []
    for name, value in start.items():
        if np.ndim(value) == 0:
            values.append((name, float(value)))
        else:
            values += [(f"{name}_{i}", float(v)) for i, v in enumerate(np.ravel(value))]
    return values
