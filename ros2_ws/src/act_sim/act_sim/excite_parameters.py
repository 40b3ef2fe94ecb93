"""Parameters of the node that moves an arm so that its servos can be identified."""

from __future__ import annotations

from dataclasses import dataclass

from act_core.parameters import parameter

from act_sim.excitation import LONGEST_S, SHORTEST_S


@dataclass(frozen=True)
class ExciteParameters:
    """Parameters of the excite node."""

    duration_s: float = parameter(
        60.0, "of the motion, without the way there and back", low=SHORTEST_S, high=LONGEST_S
    )
    amplitude: float = parameter(
        1.0, "share of the full motion; smaller where space is short", low=0.05, high=1.0
    )
    motion_seed: int = parameter(0, "another motion of the same kind", low=0)
    table_height_m: float = parameter(
        0.0, "how far the table's surface is above the foot of the arm's base", low=-1.0, high=0.3
    )
