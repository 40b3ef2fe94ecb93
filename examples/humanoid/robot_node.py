"""The humanoid on the topics of the runtime: the mock arm with two cameras, for one ball.

python -m examples.humanoid.robot_node 1000 8.0      # number of the ball, seconds

Ends with 0 when a hand has touched the ball, with 1 when time was up.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from act_core import ros, topics
from act_sim.mock_arm_node import MockArmNode

from examples.humanoid.world import CAMERAS, RATE_HZ, ROBOT_FILE, TOUCHED_M, World, reach


class HumanoidNode(MockArmNode):
    """A `MockArmNode` that can be seen.

    Args:
        seed: of the ball.
        seconds: until it gives up.
    """

    def __init__(self, seed: int, seconds: float, **overrides: Any) -> None:
        super().__init__(**overrides)
        self._world = World()
        ball, _ = reach(self._world, seed)
        self._world.put_ball(ball)
        self._images = {c: ros.publisher(self, topics.camera_image(c)) for c in CAMERAS}
        self._until_s = time.monotonic() + seconds
        self.touched = self.finished = False
        self.nearest_m = float("inf")
        ros.steady_timer(self, 1.0 / RATE_HZ, self._look)

    def close(self) -> None:
        super().close()
        self._world.close()

    def _look(self) -> None:
        """Sends what both cameras see, in the thread of the executor, which drew before."""
        if self._seen is None:
            return
        self._world.pose(self._seen.position_rad)
        for camera, topic in self._images.items():
            image = self._world.image(camera)
            topic.publish(ros.array_to_image(image, self._seen.stamp_ns, camera))
        self.nearest_m = min(self.nearest_m, self._world.distance())
        self.touched = self.nearest_m <= TOUCHED_M
        self.finished = self.touched or time.monotonic() > self._until_s


def main(seed: int, seconds: float) -> int:
    made: list[HumanoidNode] = []

    def create() -> HumanoidNode:
        made.append(HumanoidNode(seed, seconds))
        return made[0]

    code = ros.run_node(create, ["--ros-args", "-p", f"robot:={ROBOT_FILE}"])
    if code or not made:
        return code or 1
    node = made[0]
    print(f"ball {seed}: {'touched' if node.touched else 'not touched'}, nearest "
          f"{100 * node.nearest_m:.0f} cm", flush=True)  # fmt: skip
    return 0 if node.touched else 1


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), float(sys.argv[2])))
