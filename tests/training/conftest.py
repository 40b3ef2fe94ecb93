"""Small data for the training tests; one thread each, because the tests run side by side."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from act_training.datasets.episode_file import Episode, episode_path, write_episode
from act_training.datasets.statistics import Moments, Statistics
from act_training.features import Camera, Features
from act_training.policies.act.config import ActConfig

from tests.training.lerobot_folders import make_v21, make_v30

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def features() -> Features:
    return Features(
        joints=("shoulder", "elbow", "gripper"),
        joint_units=("rad",) * 3,
        actions=("shoulder", "gripper"),
        action_units=("rad",) * 2,
        cameras=(Camera("front", 16, 24), Camera("wrist", 16, 16)),
        rate_hz=20.0,
    )


@pytest.fixture(scope="session")
def statistics() -> Statistics:
    return Statistics(
        joints=Moments(np.float32([0.1, 0.2, 0.3]), np.float32([1.0, 2.0, 3.0])),
        actions=Moments(np.float32([5.0, -5.0]), np.float32([2.0, 0.5])),
    )


@pytest.fixture(scope="session")
def tiny() -> ActConfig:
    return ActConfig(
        chunk_size=4,
        dim_model=16,
        n_heads=2,
        dim_feedforward=16,
        n_encoder_layers=1,
        n_vae_encoder_layers=1,
        latent_dim=2,
        dropout=0.0,
        backbone_width=8,
        backbone_stages=1,
        backbone_norm="group",
        backbone_weights=None,
    )


@pytest.fixture(scope="session")
def make_episode(features) -> Callable[..., Episode]:
    """Episodes of random images and of joints that go to the episode's target and stay."""

    def make(seed: int, steps: int = 12, **changes) -> Episode:
        rng = np.random.default_rng(seed)
        target = rng.uniform(-1, 1, 3)
        joints = np.linspace(0, 1, steps)[:, None] * target
        values = {
            "features": features,
            "task": "toy",
            "seed": seed,
            "success": True,
            "joints": joints.astype(np.float32),
            "actions": joints[:, [0, 2]].astype(np.float32),
            "stamps_ns": (np.arange(steps) * 50_000_000).astype(np.int64),
            "images": {
                camera.name: rng.integers(
                    0, 256, (steps, camera.height, camera.width, 3), dtype=np.uint8
                )
                for camera in features.cameras
            },
            "placement": {"cube_x": float(target[0]), "cube_y": float(target[1])},
        }
        return Episode(**{**values, **changes})

    return make


@pytest.fixture
def dataset(tmp_path, make_episode) -> Path:
    """A folder with four episodes of 10, 11, 12 and 13 steps."""
    folder = tmp_path / "dataset"
    folder.mkdir()
    for seed in range(4):
        write_episode(episode_path(folder, seed), make_episode(seed, steps=10 + seed))
    return folder


@pytest.fixture(scope="session")
def made_v30(tmp_path_factory) -> Path:
    return make_v30(tmp_path_factory.mktemp("v30"))


@pytest.fixture(scope="session")
def made_v21(tmp_path_factory) -> Path:
    return make_v21(tmp_path_factory.mktemp("v21"))


@pytest.fixture(params=["made_v30", "made_v21"])
def made(request, tmp_path) -> Path:
    """A hand-made LeRobotDataset of either version: a copy to be broken."""
    folder = tmp_path / "made"
    shutil.copytree(request.getfixturevalue(request.param), folder)
    return folder
