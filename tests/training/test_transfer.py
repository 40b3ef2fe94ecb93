"""A policy of one arm on its mirror image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="MuJoCo is not installed")

from act_core.errors import ConfigurationError
from act_sim.mirror import MIRROR_SIGNS
from act_training.environments.flipped import Flipped
from act_training.environments.so101 import So101
from act_training.results import write_results
from act_training.transfer import CASES, TransferOptions, transfer

SHIPPED = Path(__file__).resolve().parents[2] / "policies/so101_pick_place"
SIZE = {"height": 24, "width": 32, "render_height": 48}
HURRY = """
from act_sim.task_registry import register_task
from act_sim.tasks.reach import Reach

@register_task("hurry")
class Hurry(Reach):
    time_limit_s = 0.1
"""


def test_what_a_flipped_environment_shows_and_does():
    env = So101("reach", mirrored=True, **SIZE)
    flipped = Flipped(env)
    flipped.reset(3)
    seen, real = flipped.observe(), env.observe()
    assert seen.joint_position == pytest.approx(real.joint_position * MIRROR_SIGNS)
    for camera in ("front", "wrist"):
        np.testing.assert_array_equal(seen.images[camera], real.images[camera][:, ::-1])
    action = seen.joint_position + 0.01
    assert not flipped.step(action).finished
    assert env.hold_action() == pytest.approx(action * MIRROR_SIGNS, abs=1e-6)
    assert flipped.hold_action() == pytest.approx(action, abs=1e-6)
    env.close()


def test_cameras_that_are_not_symmetric_are_refused_with_both_lists():
    text = r"the cameras are front, wrist; symmetric are top, wrist"
    env = So101("reach", look="room", **SIZE)
    with pytest.raises(ConfigurationError, match=text):
        Flipped(env)
    env.close()
    with pytest.raises(ConfigurationError, match=text):
        transfer(TransferOptions(SHIPPED, env="so101/reach", level=3))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"env": "metaworld/shelf-place-v3"}, "metaworld/shelf-place-v3 has no mirrored arm"),
        ({"episodes": 0}, "--episodes is 0, expected at least 1"),
    ],
)
def test_what_cannot_be_compared(changes, text):
    with pytest.raises(ConfigurationError, match=text):
        transfer(TransferOptions(SHIPPED, **changes))


def test_the_table(tmp_path, capsys):
    task = tmp_path / "hurry.py"
    task.write_text(HURRY)
    out = tmp_path / "transfer"
    found = transfer(
        TransferOptions(SHIPPED, out, env=f"so101/{task}:Hurry", episodes=1, workers=1)
    )
    assert tuple(found) == CASES
    assert {result.results[0].steps for result in found.values()} == {3}
    assert "| | as it is | with the flip |" in capsys.readouterr().out
    conditions = [
        c["condition"] for c in json.loads((out / "evaluation.json").read_text())["conditions"]
    ]
    assert [text.partition(", ensemble")[0] for text in conditions] == [
        "arm 0", "arm 1, flipped", "arm 1", "arm 0, flipped",
    ]  # fmt: skip
    write_results([out], tmp_path / "page.md")
    assert "arm 1, flipped, ensemble m=-0.1, latency 0 ms" in (tmp_path / "page.md").read_text()
