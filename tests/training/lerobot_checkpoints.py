"""Checkpoint folders in LeRobot's layout, made by hand; numpy and safetensors are all it needs.

Weights, poses and images follow from formulas, so that what LeRobot itself makes of a folder can be
kept as a few numbers (`lerobot_outputs.json`, written by `lerobot_reference.py policies`).
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

IMAGES = {"wrist": (48, 80), "front": (64, 96)}  # in this order, not the alphabet's
VALUES, CHUNK, WIDTH, FEED_FORWARD, LATENT = 6, 5, 32, 48, 4
SAMPLES = 2
DEFAULTS: dict[str, Any] = {
    "type": "act",
    "n_obs_steps": 1,
    "input_features": {
        "observation.state": {"type": "STATE", "shape": [VALUES]},
        **{
            f"observation.images.{name}": {"type": "VISUAL", "shape": [3, *size]}
            for name, size in IMAGES.items()
        },
    },
    "output_features": {"action": {"type": "ACTION", "shape": [VALUES]}},
    "device": "cpu",
    "chunk_size": CHUNK,
    "n_action_steps": CHUNK,
    "normalization_mapping": dict.fromkeys(("VISUAL", "STATE", "ACTION"), "MEAN_STD"),
    "vision_backbone": "resnet18",
    "pretrained_backbone_weights": None,
    "replace_final_stride_with_dilation": 0,
    "pre_norm": False,
    "dim_model": WIDTH,
    "n_heads": 4,
    "dim_feedforward": FEED_FORWARD,
    "feedforward_activation": "relu",
    "n_encoder_layers": 2,
    "n_decoder_layers": 1,
    "use_vae": True,
    "latent_dim": LATENT,
    "n_vae_encoder_layers": 1,
    "temporal_ensemble_coeff": None,
}
# What LeRobot is asked for its output of.
CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "pre_norm": {
        "pre_norm": True,
        "n_decoder_layers": 3,
        "feedforward_activation": "gelu",
        "use_vae": False,
        "temporal_ensemble_coeff": 0.02,
        "n_action_steps": 1,
        "normalization_mapping": {"VISUAL": "IDENTITY", "STATE": "MIN_MAX", "ACTION": "MIN_MAX"},
    },
    "quantiles": {
        "n_action_steps": 3,
        "normalization_mapping": {
            "VISUAL": "MIN_MAX",
            "STATE": "QUANTILES",
            "ACTION": "QUANTILE10",
        },
    },
}


def write_checkpoint(folder: Path, *, old: bool = False, **changes: Any) -> Path:
    """A checkpoint as LeRobot 0.4 writes it, or with `old` as 0.3 did."""
    folder.mkdir(parents=True)
    config = {**DEFAULTS, **changes}
    (folder / "config.json").write_text(json.dumps(config, indent=4))
    weights = {f"model.{name}": value for name, value in network(config).items()}
    stored = statistics()
    if old:
        for prefix, names in (
            ("normalize_inputs", [name for name in stored if name != "action"]),
            ("normalize_targets", ["action"]),
            ("unnormalize_outputs", ["action"]),
        ):
            for name in names:
                for kind in ("mean", "std"):
                    buffer = f"{prefix}.buffer_{name.replace('.', '_')}.{kind}"
                    weights[buffer] = stored[name][kind]
    else:
        write_pipelines(folder, config, stored)
    save_file(weights, folder / "model.safetensors")
    return folder


def write_pipelines(folder: Path, config: dict[str, Any], stored: dict[str, Any]) -> None:
    features = {**config["input_features"], **config["output_features"]}
    normaliser = {"eps": 1e-8, "norm_map": config["normalization_mapping"]}
    device = {"device": "cpu", "float_dtype": None}
    inputs = [
        step("rename_observations_processor", {"rename_map": {}}),
        step("to_batch_processor", {}),
        step("device_processor", device),
        step("normalizer_processor", {**normaliser, "features": features}, "inputs.safetensors"),
    ]
    output = {**normaliser, "features": config["output_features"]}
    outputs = [
        step("unnormalizer_processor", output, "output.safetensors"),
        step("device_processor", device),
    ]
    for name, steps in (("policy_preprocessor", inputs), ("policy_postprocessor", outputs)):
        (folder / f"{name}.json").write_text(json.dumps({"name": name, "steps": steps}))
    tensors = {f"{f}.{k}": value for f, kinds in stored.items() for k, value in kinds.items()}
    for name in ("inputs.safetensors", "output.safetensors"):
        save_file(tensors, folder / name)


def step(name: str, config: dict[str, Any], state_file: str | None = None) -> dict[str, Any]:
    entry: dict[str, Any] = {"registry_name": name, "config": config}
    return entry if state_file is None else {**entry, "state_file": state_file}


def statistics() -> dict[str, dict[str, np.ndarray]]:
    """By feature and kind; the states are beyond 100, which only degrees can be."""
    found = {}
    for name, offset in (("observation.state", 5.0), ("action", -3.0)):
        mean = np.linspace(-20, 40, VALUES) + offset
        low, high = mean - np.linspace(90, 110, VALUES), mean + np.linspace(70, 90, VALUES)
        kinds = {"mean": mean, "std": np.linspace(10, 30, VALUES), "min": low, "max": high}
        for kind, share in (("q01", 0.02), ("q10", 0.12), ("q90", 0.9), ("q99", 0.97)):
            kinds[kind] = low + share * (high - low)
        found[name] = kinds
    for i, name in enumerate(IMAGES):
        colours = np.array([0.485, 0.456, 0.406]).reshape(3, 1, 1)
        kinds = {"mean": colours + i / 10, "std": colours / 2, "min": 0 * colours}
        found[f"observation.images.{name}"] = {**kinds, "max": 0 * colours + 0.9}
    return {
        name: {kind: np.float32(value) for kind, value in kinds.items()}
        for name, kinds in found.items()
    }


def network(config: dict[str, Any]) -> dict[str, np.ndarray]:
    """The tensors of model.safetensors without their prefix "model."."""
    shapes: dict[str, tuple[int, ...]] = {}
    layers = {"encoder": config["n_encoder_layers"]}
    if config["use_vae"]:
        layers["vae_encoder"] = config["n_vae_encoder_layers"]
        shapes["vae_encoder_cls_embed.weight"] = (1, WIDTH)
        linear(shapes, "vae_encoder_robot_state_input_proj", VALUES, WIDTH)
        linear(shapes, "vae_encoder_action_input_proj", VALUES, WIDTH)
        linear(shapes, "vae_encoder_latent_output_proj", WIDTH, 2 * LATENT)
        shapes["vae_encoder_pos_enc"] = (1, CHUNK + 2, WIDTH)
    for encoder, count in layers.items():
        for i in range(count):
            layer(shapes, f"{encoder}.layers.{i}", ("self_attn",))
        if config["pre_norm"]:
            norm(shapes, f"{encoder}.norm", WIDTH)
    for i in range(config["n_decoder_layers"]):
        layer(shapes, f"decoder.layers.{i}", ("self_attn", "multihead_attn"))
    norm(shapes, "decoder.norm", WIDTH)
    linear(shapes, "encoder_robot_state_input_proj", VALUES, WIDTH)
    linear(shapes, "encoder_latent_input_proj", LATENT, WIDTH)
    shapes["encoder_img_feat_input_proj.weight"] = (WIDTH, 512, 1, 1)
    shapes["encoder_img_feat_input_proj.bias"] = (WIDTH,)
    shapes["encoder_1d_feature_pos_embed.weight"] = (2, WIDTH)
    shapes["decoder_pos_embed.weight"] = (CHUNK, WIDTH)
    linear(shapes, "action_head", WIDTH, VALUES)
    resnet18(shapes, "backbone")
    return {name: values_of(name, shape) for name, shape in shapes.items()}


def linear(shapes: dict, name: str, inputs: int, outputs: int) -> None:
    shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (outputs, inputs), (outputs,)


def norm(shapes: dict, name: str, size: int) -> None:
    shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (size,)


def layer(shapes: dict, name: str, attentions: tuple[str, ...]) -> None:
    for attention in attentions:
        shapes[f"{name}.{attention}.in_proj_weight"] = (3 * WIDTH, WIDTH)
        shapes[f"{name}.{attention}.in_proj_bias"] = (3 * WIDTH,)
        linear(shapes, f"{name}.{attention}.out_proj", WIDTH, WIDTH)
    linear(shapes, f"{name}.linear1", WIDTH, FEED_FORWARD)
    linear(shapes, f"{name}.linear2", FEED_FORWARD, WIDTH)
    for i in range(len(attentions) + 1):
        norm(shapes, f"{name}.norm{i + 1}", WIDTH)


def resnet18(shapes: dict, name: str) -> None:
    def frozen_norm(name: str, channels: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{part}"] = (channels,)

    shapes[f"{name}.conv1.weight"] = (64, 3, 7, 7)
    frozen_norm(f"{name}.bn1", 64)
    inputs = 64
    for stage in range(4):
        outputs = 64 * 2**stage
        for block in range(2):
            start = f"{name}.layer{stage + 1}.{block}"
            shapes[f"{start}.conv1.weight"] = (outputs, inputs, 3, 3)
            shapes[f"{start}.conv2.weight"] = (outputs, outputs, 3, 3)
            frozen_norm(f"{start}.bn1", outputs)
            frozen_norm(f"{start}.bn2", outputs)
            if inputs != outputs:
                shapes[f"{start}.downsample.0.weight"] = (outputs, inputs, 1, 1)
                frozen_norm(f"{start}.downsample.1", outputs)
            inputs = outputs


def values_of(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform numbers that depend on the name alone, as large as such a tensor's usually are."""
    uniform = np.random.default_rng(zlib.crc32(name.encode())).random(shape, dtype=np.float32)
    if name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
        return uniform + np.float32(0.5)
    if len(shape) == 1:
        return (uniform - np.float32(0.5)) / 5
    fan_in = np.prod(shape[1:]) if "embed" not in name else 1
    return (2 * uniform - 1) * np.float32(np.sqrt(3 / fan_in))


def observations() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Poses (N, 6) in degrees, and per camera (N, H, W, 3) uint8."""
    rng = np.random.default_rng(7)
    states = rng.uniform(-90, 90, (SAMPLES, VALUES)).astype(np.float32)
    images = {}
    for name, (height, width) in IMAGES.items():
        coarse = rng.integers(0, 256, (SAMPLES, height // 8, width // 8, 3), dtype=np.uint8)
        images[name] = coarse.repeat(8, axis=1).repeat(8, axis=2)
    return states, images
