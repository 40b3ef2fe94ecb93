"""Training throughput in samples per second, beside LeRobot's ACT where it is installed.

python -m bench.train --preset compact --height 96 --width 128 --seconds 60
python -m bench.train --preset baseline --height 480 --width 640 --seconds 120

Everything that a step costs is timed: the draw from the frames, augmentation, both passes, clipping
and the optimiser. LeRobot's part is timed without its loader, so it is not charged for video
decoding: the same uint8 frames are converted to the float images that it takes. Steps alternate,
so that what else the machine does hits both.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable

import numpy as np
import torch
from accelerate import Accelerator
from act_training.config import Preset
from act_training.datasets.chunks import Batch, ChunkSampler
from act_training.datasets.frame_cache import FrameCache
from act_training.features import Camera, Features
from act_training.train import compute_gradients, make_optimizer, mixed_precision
from act_training.trainable_policy import (
    IMAGE_MEAN,
    IMAGE_STD,
    find_policy,
    find_preset,
    obs_steps_of,
)

from bench._machine import cpu_name

FRAMES = 256
JOINTS = tuple(f"joint_{i}" for i in range(6))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="compact")
    parser.add_argument("--height", type=int, default=96)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--cameras", type=int, default=2)
    parser.add_argument("--batch-size", type=int, help="default: the preset's")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    name, preset = find_preset(arguments.preset)
    batch_size = arguments.batch_size or preset.training.batch_size
    training = dataclasses.replace(
        preset.training, batch_size=batch_size, precision=arguments.precision
    )
    model = dataclasses.replace(preset.model, backbone_weights=None)
    preset = dataclasses.replace(preset, model=model, training=training)

    accelerator = Accelerator(mixed_precision=mixed_precision(training.precision))
    cache = synthetic_frames(arguments.height, arguments.width, arguments.cameras)
    sampler = ChunkSampler(cache, np.array([0]), model.chunk_size, obs_steps=obs_steps_of(model))
    steps = {"act_training": act_training_step(accelerator, name, preset, cache.features, sampler)}
    lerobot = "not compared: its network has the width and stages of the baseline preset"
    if name == "act" and (model.backbone_width, model.backbone_stages) == (64, 4):
        try:
            steps["lerobot"] = lerobot_step(accelerator.device, preset, cache.features, sampler)
            lerobot = "compared"
        except (ImportError, RuntimeError) as error:
            lerobot = f"not compared: lerobot does not import here ({error})"
    times = measure(steps, accelerator.device, arguments.seconds)
    print(json.dumps({
        "bench": "train",
        "cpu": cpu_name(),
        "device": str(accelerator.device),
        "threads": torch.get_num_threads(),
        "preset": preset.name,
        "precision": accelerator.mixed_precision,
        "images": [arguments.cameras, arguments.height, arguments.width],
        "batch_size": batch_size,
        "samples_per_s": {
            name: {
                "median": round(batch_size / float(np.median(taken)), 2),
                "best": round(batch_size / min(taken), 2),
                "steps": len(taken),
            }
            for name, taken in times.items()
        },
        "lerobot": lerobot,
    }))  # fmt: skip


def synthetic_frames(height: int, width: int, cameras: int) -> FrameCache:
    """One episode of random frames."""
    rng = np.random.default_rng(0)
    units = ("rad",) * len(JOINTS)
    names = [f"camera_{i}" for i in range(cameras)]
    features = Features(
        JOINTS, units, JOINTS, units, tuple(Camera(n, height, width) for n in names), 30.0
    )
    values = rng.normal(size=(FRAMES, len(JOINTS))).astype(np.float32)
    return FrameCache(
        features=features,
        task="synthetic",
        files=("synthetic",),
        starts=np.array([0, FRAMES]),
        joints=values,
        actions=values,
        images={n: rng.integers(0, 256, (FRAMES, height, width, 3), np.uint8) for n in names},
        placements=np.zeros((1, 0)),
        sha256="",
    )


def act_training_step(
    accelerator: Accelerator, name: str, preset: Preset, features: Features, sampler: ChunkSampler
) -> Callable[[int], None]:
    settings = preset.training
    policy = find_policy(name)(preset.model, features)
    policy.to(accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    wrapped = torch.compile(policy) if settings.compile else policy
    model, optimizer = accelerator.prepare(wrapped, make_optimizer(policy, settings))

    def step(index: int) -> None:
        batch = sampler.draw(settings.batch_size, (0, index)).to(accelerator.device)
        compute_gradients(accelerator, model, batch, settings)
        optimizer.step()
        optimizer.zero_grad()

    return step


def lerobot_step(
    device: torch.device, preset: Preset, features: Features, sampler: ChunkSampler
) -> Callable[[int], None]:
    """A step of LeRobot's ACT of the same size, as lerobot-train does it (fp32, AdamW, clip 10)."""
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.act.configuration_act import ACTConfig
    from lerobot.policies.act.modeling_act import ACTPolicy

    sizes = preset.model
    names = [f"observation.images.{camera.name}" for camera in features.cameras]
    config = ACTConfig(
        input_features={
            "observation.state": PolicyFeature(FeatureType.STATE, (len(features.joints),)),
            **{
                name: PolicyFeature(FeatureType.VISUAL, (3, camera.height, camera.width))
                for name, camera in zip(names, features.cameras, strict=True)
            },
        },
        output_features={"action": PolicyFeature(FeatureType.ACTION, (len(features.actions),))},
        pretrained_backbone_weights=None,
        device=str(device),
        **{
            name: getattr(sizes, name)
            for name in (
                "chunk_size", "dim_model", "n_heads", "dim_feedforward", "n_encoder_layers",
                "n_decoder_layers", "n_vae_encoder_layers", "latent_dim", "use_vae", "dropout",
            )
        },
        n_action_steps=sizes.chunk_size,
    )  # fmt: skip
    policy = ACTPolicy(config).to(device).train()
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-5, weight_decay=1e-4)
    mean = torch.tensor(IMAGE_MEAN, device=device).view(3, 1, 1)
    std = torch.tensor(IMAGE_STD, device=device).view(3, 1, 1)

    def images(batch: Batch) -> dict[str, torch.Tensor]:
        planes = [image.permute(0, 3, 1, 2).contiguous() for image in batch.images]
        return {n: (p.float() / 255 - mean) / std for n, p in zip(names, planes, strict=True)}

    def step(index: int) -> None:
        batch = sampler.draw(preset.training.batch_size, (0, index)).to(device)
        loss, _ = policy.forward({
            "observation.state": batch.joints,
            **images(batch),
            "action": batch.actions,
            "action_is_pad": batch.is_pad,
        })  # fmt: skip
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 10.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def measure(
    steps: dict[str, Callable[[int], None]], device: torch.device, seconds: float
) -> dict[str, list[float]]:
    """Seconds of each step, by turns; two steps to warm up, then at least three each."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    started = time.perf_counter()
    index = 0
    while index < 5 or time.perf_counter() - started < seconds:
        for name, step in steps.items():
            before = time.perf_counter()
            step(index)
            if device.type == "cuda":
                torch.cuda.synchronize()
            if index >= 2:
                times[name].append(time.perf_counter() - before)
        index += 1
    return times


if __name__ == "__main__":
    main()
