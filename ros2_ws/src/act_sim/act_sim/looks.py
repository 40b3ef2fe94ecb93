"""How a scene can be drawn, and how many levels of randomization there are. Imports nothing heavy:
launch files read it."""

from __future__ import annotations

PLAIN, ROOM = "plain", "room"
LOOKS = (PLAIN, ROOM)
DEFAULT_LOOK = PLAIN
MAX_LEVEL = 3  # `act_sim.randomization.LEVELS` has an entry for each
