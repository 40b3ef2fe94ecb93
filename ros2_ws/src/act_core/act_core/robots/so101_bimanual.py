"""Two SO-101 arms side by side, joints called as LeRobot's ``bi_so_follower`` calls them."""

from __future__ import annotations

from act_core.robot import side_by_side
from act_core.robots import ROBOTS
from act_core.robots.so101 import SO101

SO101_BIMANUAL = side_by_side("so101_bimanual", {"left": SO101, "right": SO101})
ROBOTS.register("so101_bimanual")(SO101_BIMANUAL)
