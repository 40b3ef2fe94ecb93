"""A policy of one's own, in numpy, at the controls of the simulated arm.

    python examples/own_policy.py

The runner is the one of the policy node: it makes smooth commands of chunks, whoever plans them.
"""

from __future__ import annotations

import act_sim  # noqa: F401 (registers its environments)
import gymnasium
import numpy as np
from act_core.policy_spec import ActionOutput, JointInput, PolicySpec
from act_policy.chunk import Chunk
from act_policy.inference_worker import VirtualWorker
from act_policy.observation import Observation
from act_policy.policy import Inference
from act_policy.policy_runner import Hold, PolicyRunner

RATE_HZ, ROWS = 30.0, 30  # a plan of one second


class Wave:
    """Turns the first joint from side to side, the others stay where they were at first."""

    def __init__(self, joints: tuple[str, ...]) -> None:
        takes, gives = JointInput("joint_position", joints), ActionOutput("action", joints)
        self.spec = PolicySpec("wave", RATE_HZ, ROWS, takes, image_inputs=(), output=gives)
        self._home = None

    def infer(self, observation: Observation) -> Inference:
        if self._home is None:
            self._home = observation.joint_position.astype(float)
        rows = np.tile(self._home, (ROWS, 1))  # targets for now, now + 1 / rate, ... [rad]
        time_s = observation.stamp_ns / 1e9 + np.arange(ROWS) / RATE_HZ
        rows[:, 0] += 0.5 * np.sin(2 * np.pi * 0.25 * time_s)
        return Inference(Chunk(observation.stamp_ns, RATE_HZ, rows), latency_s=0.0)


def main() -> None:
    env = gymnasium.make("act_sim/PickPlace-v0", cameras=())
    seen, _ = env.reset(seed=1)
    policy = Wave(env.unwrapped.sim.joint_names)
    runner = PolicyRunner(policy.spec, VirtualWorker(policy, latency_s=0.1))
    runner.start(0)
    command, pan = seen["joint_position"], []
    for step in range(240):
        now_ns = round(step * 1e9 / RATE_HZ)
        runner.observe(Observation(now_ns, seen["joint_position"], images={}), now_ns)
        action = runner.act(now_ns)
        if not isinstance(action, Hold):  # the first plan comes after 0.1 s
            command = action.position
        seen, _, _, _, _ = env.step(command)
        pan.append(float(seen["joint_position"][0]))
    env.close()
    print(f"the arm has turned between {min(pan):+.2f} and {max(pan):+.2f} rad in 8 s")


if __name__ == "__main__":
    main()
