"""Parameters that every node with an arm has."""

from __future__ import annotations

from dataclasses import dataclass

from act_core.parameters import parameter
from act_core.stamps import TOLERANCE_S

TELL, BELL, HOLD = "tell", "bell", "hold"
NONE, TRAJECTORY, ARRAY = "none", "trajectory", "array"


@dataclass(frozen=True)
class ArmParameters:
    """Parameters of every node that owns an arm."""

    command_timeout_s: float = parameter(
        0.2, "hold without a command for so long", low=0.01, high=3600.0
    )
    clock_tolerance_s: float = parameter(
        TOLERANCE_S,
        "refuse commands whose stamps are further from now; the clocks of two machines differ by "
        "milliseconds, and half a second ago something else was wanted",
        low=0.01,
        high=86_400.0,
    )
    several_commanders: bool = parameter(
        False, "follow although more than one node sends joint_commands; otherwise hold"
    )
    stuck: str = parameter(
        TELL,
        "when the policy gets nowhere: tell (in the diagnostics and the log), bell (that, and one "
        "that is heard) or hold (until a person takes over, or control/return)",
        choices=(TELL, BELL, HOLD),
    )
    frame_id: str = parameter("", "of joint_states; by convention empty")
    output: str = parameter(
        NONE,
        "what is sent to the arm, also for controllers of ros2_control: trajectory "
        "(JointTrajectory), array (Float64MultiArray) or none",
        choices=(NONE, TRAJECTORY, ARRAY),
    )
    output_topic: str = parameter("", "of that; empty: where such a controller listens by default")
    output_joints: tuple[str, ...] = parameter((), "of that, in its order; empty: all, in ours")


@dataclass(frozen=True)
class OneOfSeveralParameters(ArmParameters):
    """Parameters of a node whose arm may be one of several on the same topics."""

    joint_prefix: str = parameter(
        "", "before the name of each joint, e.g. left_; of commands for several arms, this one "
        "takes its own joints"
    )  # fmt: skip
    partner: str = parameter(
        "", "namespace of the other arm of two, e.g. right: while it is stopped, silent or cannot "
        "move, this one holds; empty: none"
    )  # fmt: skip
