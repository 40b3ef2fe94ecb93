"""Films a run and draws the policy's plans, from the topics that everybody sees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from act_core import ros, topics
from act_core.errors import ConfigurationError
from act_core.foreign_text import clean
from act_core.parameters import parameter
from act_core.robots import ROBOT, find_robot
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState
from trajectory_msgs.msg import JointTrajectory

from act_record.film import Film, check_size, compose
from act_record.plan_figure import draw_plans
from act_record.plan_log import PlanLog


@dataclass(frozen=True)
class FilmParameters:
    """Parameters of the film node."""

    out: str = parameter("out", "folder for the film and the picture")
    name: str = parameter("demo", "of the two files, without their endings")
    cameras: tuple[str, ...] = parameter(("front", "wrist"), "the first large, the others inset")
    robot: str = parameter("so101", ROBOT)


class FilmNode(Node):
    """Writes ``<out>/<name>.mp4`` while it runs and ``<out>/<name>.png`` when it ends.

    The picture shows the first successful episode, or the last one if none succeeded.
    """

    def __init__(self) -> None:
        super().__init__("act_film")
        p = self.params = ros.declare_parameters(self, FilmParameters)
        if not p.cameras:
            raise ConfigurationError("parameter cameras is empty, expected at least one to film")
        self._film = Film(Path(p.out) / f"{p.name}.mp4")
        self._newest: dict[str, np.ndarray] = {}
        self._caption = ""
        self._joints = find_robot(p.robot).joint_names
        self._log = PlanLog(self._joints)
        self._chosen: tuple[bool, str, PlanLog] | None = None  # success, title, log
        for camera in p.cameras:
            topic = topics.camera_image(camera)
            ros.subscription(self, topic, partial(self._on_image, camera))
        ros.subscription(self, topics.JOINT_STATES, self._on_joints)
        ros.subscription(self, topics.JOINT_COMMANDS, self._on_command)
        ros.subscription(self, topics.POLICY_CHUNK, self._on_chunk)
        ros.subscription(self, topics.EPISODE_STATUS, self._on_episode)

    def close(self) -> None:
        """Completes the files."""
        self._film.close()
        if self._film.frames:
            self.get_logger().info(f"film {self._film.path}, {self._film.length_s:.0f} s")
        else:
            self.get_logger().warning(
                f"no film: no picture came from camera '{self.params.cameras[0]}'"
            )
        if self._chosen is None and self._log:
            self._chosen = (False, "unfinished episode", self._log)
        if self._chosen is not None:
            path = self._film.path.with_suffix(".png")
            draw_plans(self._chosen[2], self._chosen[1], path)
            self.get_logger().info(f"picture of the plans {path}")

    def _on_image(self, camera: str, message: Image) -> None:
        picture = ros.image_to_array(message, "rgb8")
        check_size(picture)
        self._newest[camera] = picture
        cameras = self.params.cameras
        if camera != cameras[0]:
            return
        pictures = [self._newest[name] for name in cameras if name in self._newest]
        self._film.add(ros.stamp_ns(message.header.stamp), compose(pictures, self._caption))

    def _on_joints(self, message: JointState) -> None:
        values = self._log.ordered(tuple(message.name), np.array(message.position))
        self._log.measured.append((ros.stamp_ns(message.header.stamp), values))

    def _on_command(self, message: JointState) -> None:
        values = self._log.ordered(tuple(message.name), np.array(message.position))
        self._log.commanded.append((ros.stamp_ns(message.header.stamp), values))

    def _on_chunk(self, message: JointTrajectory) -> None:
        start_ns = ros.stamp_ns(message.header.stamp)
        times = [start_ns + ros.stamp_ns(point.time_from_start) for point in message.points]
        rows = np.array([point.positions for point in message.points])
        rows = self._log.ordered(tuple(message.joint_names), rows)
        self._log.chunks.append((np.array(times, dtype=np.int64), rows))

    def _on_episode(self, message: DiagnosticStatus) -> None:
        values = ros.diagnostic_values(message)
        finished, success = values.get("finished") == "true", values.get("success") == "true"
        number = int(values.get("episode", 0)) + 1
        task, seed = clean(values.get("task", "")), clean(values.get("seed", "?"))
        title, outcome = f"{task}  episode {number}  seed {seed}", clean(message.message)
        self._caption = f"{title}  {outcome}" if finished else title
        if not finished and values.get("step") == "0":
            self._log = PlanLog(self._joints)
        if finished and self._log and (self._chosen is None or not self._chosen[0]):
            self._chosen = (success, f"{title}: {outcome}", self._log)
            self._log = PlanLog(self._joints)


def main() -> int:
    """Console command ``film_node``."""
    return ros.run_node(FilmNode)
