"""Episodes in the environment while a policy is being trained."""

from __future__ import annotations

import copy

from act_training.bundle_spec import make_spec
from act_training.rollout import Condition, open_environment_for, run_episode
from act_training.run_config import RunConfig
from act_training.torch_policy import TorchPolicy
from act_training.trainable_policy import TrainablePolicy

FIRST_SEED = 200_000  # neither collection's nor evaluation's: choosing on those would be cheating


class TrainingRollouts:
    """Runs the same few episodes again and again, with the policy as it is then.

    Args:
        config: of the run; its task has to be an environment.
    """

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        drawn = {"look": config.look} if config.look is not None else {}
        self._env = open_environment_for(make_spec(config, 0), config.task, **drawn)

    def success_rate(self, policy: TrainablePolicy, step: int) -> float:
        """Share of successes, 0..1, of a copy of `policy` on the CPU."""
        spec = make_spec(self._config, step)
        deployed = TorchPolicy(copy.deepcopy(policy).cpu().eval(), spec)
        count = self._config.training.rollouts
        results = [
            run_episode(self._env, deployed, Condition(spec.execution), FIRST_SEED + i)
            for i in range(count)
        ]
        return sum(result.success for result in results) / count
