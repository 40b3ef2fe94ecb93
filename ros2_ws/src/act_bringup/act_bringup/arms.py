"""The arguments that say which arms there are: one, or a left and a right one."""

from __future__ import annotations

from dataclasses import dataclass

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration

from act_bringup.launch_arguments import Argument

SIDES = ("left", "right")
ROBOTS = {"1": "so101", "2": "so101_bimanual"}  # by the number of arms
OF_ONE = ("port", "calibration", "leader_port", "leader_calibration")
OF_TWO: tuple[Argument, ...] = tuple(
    argument
    for side in SIDES
    for argument in (
        (f"{side}_port", "", f"of the {side} arm's servo bus, with arms:=2"),
        (f"{side}_calibration", "", f"LeRobot's id of the {side} arm, or a calibration file"),
        (f"{side}_leader_port", "", f"of the leader of the {side} arm; empty: none"),
        (f"{side}_leader_calibration", "", f"id of the {side} leader's calibration, or a file"),
    )
)


def arms_argument() -> DeclareLaunchArgument:
    """``arms:=1`` or ``arms:=2``."""
    text = "1, or 2: a left and a right one (in simulation, the second is mirrored)"
    return DeclareLaunchArgument("arms", default_value="1", description=text, choices=list(ROBOTS))


def simulated_arms_argument() -> DeclareLaunchArgument:
    """``arms:=1`` or ``arms:=2`` of a simulation; where nobody says it, the task does."""
    text = "1, or 2: a left and a right one, its mirror image; empty: as many as the task takes"
    return DeclareLaunchArgument("arms", default_value="", description=text, choices=["", *ROBOTS])


@dataclass(frozen=True)
class Arm:
    """One arm on a servo bus of its own."""

    side: str  # empty: there is only this one
    port: str
    calibration: str
    leader_port: str  # empty: no leader
    leader_calibration: str

    @property
    def joint_prefix(self) -> str:
        """Before the names of its joints."""
        return f"{self.side}_" if self.side else ""

    @property
    def other_side(self) -> str:
        """Of the other arm of two."""
        return SIDES[1 - SIDES.index(self.side)]

    @property
    def name(self) -> str:
        """Before a word for a person: "left " or nothing."""
        return f"{self.side} " if self.side else ""


def arms_of(context: LaunchContext, needs_ports: bool, defaults: dict[str, str]) -> list[Arm]:
    """The arms that the arguments of a launch name.

    needs_ports: the arms are real.
    defaults: of the arguments in `OF_ONE`.

    Raises RuntimeError for arguments of one arm together with two, and the other way round; for an
    arm without a port or calibration; and for two arms with one port or one calibration.
    """

    def value(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    if value("arms") == "1":
        given = [name for name, _, _ in OF_TWO if value(name)]
        if given:
            raise RuntimeError(f"{', '.join(given)}: only with arms:=2; there is one arm")
        return [Arm("", *(value(name) for name in OF_ONE))]
    given = [name for name in OF_ONE if value(name) != defaults[name]]
    if given:
        instead = ", ".join(f"{side}_{name}" for name in given for side in SIDES)
        raise RuntimeError(f"{', '.join(given)}: there are two arms; expected {instead}")
    arms = [Arm(side, *(value(f"{side}_{name}") for name in OF_ONE)) for side in SIDES]
    if needs_ports:
        for name in ("port", "calibration"):
            missing = [f"{arm.side}_{name}" for arm in arms if not getattr(arm, name)]
            if missing:
                raise RuntimeError(f"arms:=2 needs {' and '.join(missing)}")
    ports = [port for arm in arms for port in (arm.port, arm.leader_port) if port]
    twice = {port for port in ports if ports.count(port) > 1}
    if twice:
        raise RuntimeError(f"{', '.join(sorted(twice))} is given twice: each arm has its own port")
    if needs_ports and arms[0].calibration == arms[1].calibration:
        raise RuntimeError(
            f"left_calibration and right_calibration are both '{arms[0].calibration}': each arm "
            "has its own, and tells by it that the ports are not swapped"
        )
    return arms
