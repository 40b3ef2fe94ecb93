from __future__ import annotations

from act_policy.observation import Observation
from act_training import training_rollouts
from act_training.config import TrainingConfig
from act_training.environments.environment import Outcome
from act_training.train import TrainOptions, train
from act_training.training_log import read_log


class Verdicts:
    """Succeeds in the episodes of the first validation, and never again."""

    max_steps = 3
    resets = 0

    def __init__(self, features, images) -> None:
        self.features, self._images = features, images

    def reset(self, seed):
        assert seed in (200_000, 200_001)
        Verdicts.resets += 1

    def observe(self):
        return Observation(
            0, self._images.joints[0], {n: i[0] for n, i in self._images.images.items()}
        )

    def hold_action(self):
        return self._images.actions[0]

    def step(self, action):
        success = Verdicts.resets <= 2
        return Outcome(success, success, None, None)


def test_rollouts_decide_over_the_best_checkpoint(
    dataset, tmp_path, tiny, features, make_episode, monkeypatch
):
    monkeypatch.setattr(Verdicts, "resets", 0)
    env = Verdicts(features, make_episode(0))
    monkeypatch.setattr(training_rollouts, "open_environment_for", lambda *_: env)
    settings = TrainingConfig(
        steps=6, batch_size=2, lr=1e-3, precision="fp32", validation_batches=4,
        validate_every=2, rollouts=2,
    )  # fmt: skip
    run = train(TrainOptions(data=(dataset,), out=tmp_path / "run", model=tiny, training=settings))
    success = {e["step"]: e["success"] for e in read_log(run) if "success" in e}
    assert success == {2: 1.0, 4: 0.0, 6: 0.0}
    assert '"step": 2' in (run / "best" / "config.json").read_text()
