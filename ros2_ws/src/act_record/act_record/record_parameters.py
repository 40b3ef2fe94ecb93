"""The parameters of the record node."""

from __future__ import annotations

from dataclasses import dataclass

from act_core import topics
from act_core.parameters import parameter
from act_core.robots import ROBOT, find_robot
from act_core.topics import Topic

RAW, COMPRESSED = "raw", "compressed"


@dataclass(frozen=True)
class RecordParameters:
    """Declared on the node."""

    out: str = parameter("recordings", "folder for the bags, one for each episode")
    task: str = parameter("", "what is shown; empty: what episode/status says")
    cameras: tuple[str, ...] = parameter(("front", "wrist"), "cameras to record")
    robot: str = parameter("so101", ROBOT)
    joints: tuple[str, ...] = parameter((), "to record, in the dataset's order; empty: the robot's")
    images: str = parameter(
        RAW,
        "raw: as captured, 55 MB a second for two cameras of 640x480; compressed: the JPEG topics",
        choices=(RAW, COMPRESSED),
    )
    rate_hz: float = parameter(30.0, "of the dataset to be made of it", low=1.0, high=200.0)
    calibration: str = parameter("", "file of the arm's calibration, to be kept with the bags")
    auto: bool = parameter(
        False, "record each episode that episode/status tells of (simulation), without services"
    )
    episodes: int = parameter(0, "end after so many were kept; 0: never", low=0)
    keep_failures: bool = parameter(False, "auto: keep the episodes that failed as well")
    reset_first: bool = parameter(
        False, "auto: call sim/reset when everything is heard, so that the first one is whole"
    )
    tail_s: float = parameter(0.25, "auto: go on for so long after the end", low=0.0, high=10.0)

    def joint_names(self) -> tuple[str, ...]:
        """Of the dataset, in its order; ConfigurationError for an unknown robot."""
        return self.joints or find_robot(self.robot).joint_names

    def topics(self) -> tuple[Topic, ...]:
        """What is recorded: the policy's inputs first, then whatever else is published."""
        return (
            *self.needed(),
            topics.JOINT_COMMANDS,
            topics.JOINT_COMMANDS_APPLIED,
            topics.JOINT_COMMANDS_PERSON,
            topics.CONTROL_OWNER,
            topics.LEADER_JOINT_STATES,
            *(topics.camera_info(camera) for camera in self.cameras),
            topics.EPISODE_STATUS,
            topics.ESTOP_STATE,
            topics.DIAGNOSTICS,
        )

    def needed(self) -> tuple[Topic, ...]:
        """Without these a recording is of no use."""
        image = topics.camera_image if self.images == RAW else topics.camera_compressed
        return (topics.JOINT_STATES, *(image(camera) for camera in self.cameras))
