"""The parameters of the sim node. Imports no MuJoCo: launch files read them."""

from __future__ import annotations

from dataclasses import dataclass

from act_core.arm_parameters import ArmParameters
from act_core.errors import ConfigurationError
from act_core.parameters import parameter

from act_sim.looks import LOOKS, MAX_LEVEL
from act_sim.task_registry import find_task, task_names

LOCKSTEP, REAL_TIME = "lockstep", "real_time"
AUTO = "auto"


@dataclass(frozen=True)
class SimParameters(ArmParameters):
    """Parameters of the sim node."""

    task: str = parameter(
        "pick_place",
        f"{', '.join(task_names())}, or the place of one: package.module:Class, file.py:Class",
    )
    arms: int = parameter(
        0,
        "one arm, or two with the second mirrored; 0: as many as the task takes",
        low=0,
        high=2,
    )
    level: int = parameter(
        0,
        f"domain randomization, 0 (none) to {MAX_LEVEL} (a stranger's room)",
        low=0,
        high=MAX_LEVEL,
    )
    look: str = parameter(
        "", "how the scene is drawn: plain, room; empty: that of the level", choices=("", *LOOKS)
    )
    seed: int = parameter(0, "of the first episode; the next ones count up", low=0)
    episodes: int = parameter(0, "end after so many; 0: never", low=0)
    pause_s: float = parameter(
        1.0, "between the end of an episode and the next", low=0.0, high=1_000_000.0
    )
    mjcf: str = parameter("", "another model file for the arm")
    arm_parameters: str = parameter(
        "", "a file of act-identify: how the servos of your arm really are"
    )
    camera_alignment: str = parameter(
        "", "a file of act-align-camera: where your cameras stand, and how they see"
    )
    pacing: str = parameter(
        REAL_TIME,
        "real_time, or lockstep: one control period for each command, as fast as they come",
        choices=(REAL_TIME, LOCKSTEP),
    )
    rate_hz: int = parameter(100, "control rate; a divisor of 300", low=1, high=300)
    real_time_factor: float = parameter(
        1.0, "speed of simulated time; other than 1 needs use_sim_time", low=0.01, high=100.0
    )
    publish_clock: bool = parameter(
        False, "publish /clock and stamp with simulated time; other nodes need use_sim_time"
    )
    cameras: tuple[str, ...] = parameter(
        (AUTO,), "cameras to publish; auto: front and those on the arms"
    )
    camera_rate_hz: float = parameter(30.0, "frames a second", low=0.1, high=300.0)
    width: int = parameter(640, "of the images [pixels]", low=16, high=1920)
    height: int = parameter(480, "of the images [pixels]", low=16, high=1080)
    command_delay_s: float = parameter(
        0.0, "injected: commands act so much later", low=0.0, high=10.0
    )
    camera_delay_s: float = parameter(
        0.0, "injected: images arrive so much later", low=0.0, high=10.0
    )
    frame_loss: float = parameter(
        0.0, "injected: share of the images that never arrive", low=0.0, high=1.0
    )
    expert: bool = parameter(
        False, "the task's scripted expert commands the arm, through the topic like everybody"
    )
    person: bool = parameter(
        False,
        "a simulated person, the expert behind a reaction time, helps a policy that is stuck",
    )
    viewer: bool = parameter(False, "open a window to watch and push things")


def arms_of_task(task: str) -> int:
    """How many arms a task takes, for those who start the node; its module is imported, and with it
    MuJoCo. 1 for a task that is not there: the node says so."""
    try:
        return find_task(task).arms
    except ConfigurationError:
        return 1
