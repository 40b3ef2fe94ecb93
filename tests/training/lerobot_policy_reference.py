"""Run by the Python of an environment that has LeRobot: what its own ACT policy answers.

python lerobot_policy_reference.py act FOLDER OUT.npz   a checkpoint's chunks for `observations()`
python lerobot_policy_reference.py save FOLDER OUT.npz  a checkpoint of LeRobot's, and its chunks
python lerobot_policy_reference.py record WORK OUT.json the chunks for all of `CASES`
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from lerobot.configs.types import FeatureType, NormalizationMode, PolicyFeature
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.factory import make_pre_post_processors
from lerobot_checkpoints import CASES, IMAGES, observations, statistics, write_checkpoint

torch.set_num_threads(1)


def act(folder: Path) -> np.ndarray:
    """(N, K, 6) in the units of the recordings."""
    policy = ACTPolicy.from_pretrained(folder).eval()
    before, after = make_pre_post_processors(policy.config, pretrained_path=str(folder))
    states, images = observations()
    chunks = []
    for i, state in enumerate(states):
        observation = {"observation.state": torch.from_numpy(state)}
        for name, frames in images.items():
            pixels = torch.from_numpy(frames[i]).permute(2, 0, 1).float() / 255
            observation[f"observation.images.{name}"] = pixels
        chunks.append(after(policy.predict_action_chunk(before(observation)))[0].numpy())
    return np.stack(chunks)


def save(folder: Path) -> np.ndarray:
    """Write a checkpoint with LeRobot's own random weights; returns what `act` makes of it."""
    inputs = {
        f"observation.images.{name}": PolicyFeature(FeatureType.VISUAL, (3, *size))
        for name, size in IMAGES.items()
    }
    inputs["observation.state"] = PolicyFeature(FeatureType.STATE, (6,))
    config = ACTConfig(
        input_features=inputs,
        output_features={"action": PolicyFeature(FeatureType.ACTION, (6,))},
        normalization_mapping={
            "VISUAL": NormalizationMode.MEAN_STD,
            "STATE": NormalizationMode.MEAN_STD,
            "ACTION": NormalizationMode.MIN_MAX,
        },
        pretrained_backbone_weights=None,
        chunk_size=8,
        n_action_steps=8,
        dim_model=64,
        dim_feedforward=96,
        device="cpu",
        push_to_hub=False,
    )
    torch.manual_seed(0)
    ACTPolicy(config).save_pretrained(folder)
    kinds = {
        name: {kind: torch.from_numpy(value) for kind, value in found.items()}
        for name, found in statistics().items()
    }
    for pipeline in make_pre_post_processors(config, dataset_stats=kinds):
        pipeline.save_pretrained(folder)
    return act(folder)


def record(work: Path, out: Path) -> None:
    lines = []
    for name, changes in CASES.items():
        chunks = act(write_checkpoint(work / name, **changes))
        lines.append(f'"{name}": {json.dumps(np.round(chunks.astype(float), 4).tolist())}')
    out.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    action, folder, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if action == "record":
        record(folder, out)
    else:
        np.savez_compressed(out, chunks={"act": act, "save": save}[action](folder))
