"""How a scene can be drawn, by which cameras, and how many levels of randomization there are.

Imports nothing heavy: launch files read it.
"""

from __future__ import annotations

PLAIN, ROOM = "plain", "room"
LOOKS = (PLAIN, ROOM)
DEFAULT_LOOK = PLAIN
MAX_LEVEL = 3  # `act_sim.randomization.LEVELS` has an entry for each
# Those that are drawn where nobody chooses, by the number of arms.
CAMERAS: dict[int, tuple[str, ...]] = {
    1: ("front", "wrist"),
    2: ("front", "left_wrist", "right_wrist"),
}
