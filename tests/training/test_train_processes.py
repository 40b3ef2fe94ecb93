"""Training by several processes, as torchrun starts them: what one process does with their batches
together. Without dropout, latent and augmentation, whose randomness is each process's own."""

from __future__ import annotations

import pytest
import torch
from act_training.checkpoint import load_checkpoint, load_training_state
from act_training.train import TrainOptions, main, train
from act_training.training_log import read_log

from tests.training.commands import start

STILL = (
    "--training.precision", "fp32", "--training.steps", "4", "--training.log-every", "1",
    "--training.augment-shift-px", "0", "--training.augment-colour", "0", "--training.seed", "3",
    "--training.save-every", "2", "--training.validate-every", "4", "--training.lr", "1e-3",
    "--model.dropout", "0", "--model.no-use-vae", "--preset", "debug",
)  # fmt: skip
# Two commands in one pair of processes, which takes as long to start as all the rest.
IN_TWO_HALVES = """
import sys
from accelerate import PartialState
from act_training.train import main
out, *arguments = sys.argv[1:]
main([*arguments, "--out", out, "--stop-after", "2"])
PartialState().wait_for_everyone()  # for the first one, which writes the checkpoint
main(["--resume", out])
"""


def _felt(name: str, tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What a loss depends on: not the bias of an attention's keys, the same for all that softmax
    compares. Its gradient is rounding alone, which AdamW scales to a step of full size."""
    return tensor.chunk(3)[::2] if name.endswith("in_proj_bias") else (tensor,)


def test_two_processes_train_as_one_with_twice_the_batch(dataset, tmp_path):
    """Also when they are stopped and resumed. Chunks reach beyond the ends of the episodes, so the
    samples of the two have different numbers of steps that count. One does not go on with a run of
    two."""
    one, two, script = tmp_path / "one", tmp_path / "two", tmp_path / "in_two_halves.py"
    script.write_text(IN_TWO_HALVES)
    child = start("torch.distributed.run", "--standalone", "--nproc-per-node", 2, script, two,
                  *STILL, "--data", dataset, "--training.batch-size", 3)  # fmt: skip
    main([*STILL, "--data", str(dataset), "--out", str(one), "--training.batch-size", "6"])
    out, errors = child.communicate()
    assert child.returncode == 0, errors
    assert out.count("next: act-train --resume") == out.count("next: act-export") == 1

    ours, expected = ([e for e in read_log(run) if "loss" in e] for run in (two, one))
    assert len(ours) == len(expected) == 4
    for entry, wanted in zip(ours, expected, strict=True):
        assert entry == pytest.approx(wanted, rel=1e-4, abs=1e-6)
    state = load_checkpoint(one).policy.state_dict()
    for name, tensor in load_checkpoint(two).policy.state_dict().items():
        for part, wanted in zip(_felt(name, tensor), _felt(name, state[name]), strict=True):
            torch.testing.assert_close(part, wanted, rtol=1e-3, atol=1e-4, msg=name)

    assert load_training_state(two / "last")["processes"] == 2
    with pytest.raises(ValueError, match="was begun with 2 x 3 samples a step .* resumed by 1, "):
        train(TrainOptions(resume=two))
