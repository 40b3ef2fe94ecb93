"""A bundle of the size of the ACT paper's network: 51.6 M parameters, two 480x640 cameras.

The weights are random: good for clocks, useless for robots. Made once with act_training (about two
minutes) and kept in out/bench/.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from act_core.policy_spec import ActionOutput, ImageInput, JointInput, PolicySpec, VariantSpec
from act_core.robots.so101 import JOINT_NAMES
from act_policy.bundle import BF16, FP32, ParitySample, write_bundle

FOLDER = Path(__file__).resolve().parent.parent / "out" / "bench" / "act_full_size"
CAMERAS = ("front", "wrist")
HEIGHT, WIDTH = 480, 640
RATE_HZ = 30.0
SAMPLES = 4


def full_size_bundle(folder: Path = FOLDER) -> Path:
    """The bundle's folder; the bundle is made when it is not there."""
    if (folder / "policy.json").is_file():
        return folder
    try:
        from act_training.export import Observations, bf16_variant, predict, to_onnx
        from act_training.features import Camera, Features
        from act_training.policies.act import ActPolicy
        from act_training.policies.act.config import ActConfig
        from act_training.quantization import FAST_FILE, make_fast_graph
    except ImportError as error:
        raise SystemExit(
            f"{error}: the full-size bundle is made with the training package. Install it with "
            "`make training`, or name a bundle of yours with --bundle"
        ) from error
    model = ActConfig(backbone_weights=None)
    spec = PolicySpec(
        name="act_full_size",
        rate_hz=RATE_HZ,
        chunk_size=model.chunk_size,
        joint_input=JointInput("joint_position", JOINT_NAMES),
        image_inputs=tuple(ImageInput(f"image_{c}", c, HEIGHT, WIDTH) for c in CAMERAS),
        output=ActionOutput("action", JOINT_NAMES),
        provenance={"weights": "random"},
    )
    units = ("rad",) * len(JOINT_NAMES)
    cameras = tuple(Camera(name, HEIGHT, WIDTH) for name in CAMERAS)
    policy = ActPolicy(model, Features(JOINT_NAMES, units, JOINT_NAMES, units, cameras, RATE_HZ))
    policy.eval()
    random = np.random.default_rng(0)
    observed = Observations(
        random.normal(size=(SAMPLES, len(JOINT_NAMES))).astype(np.float32),
        {c: random.integers(0, 256, (SAMPLES, HEIGHT, WIDTH, 3), np.uint8) for c in CAMERAS},
    )
    sample = ParitySample(observed.joint_position, observed.images, predict(policy, observed))
    graph = to_onnx(policy, spec)
    # Random weights have no accuracy to lose: the fastest graph is taken.
    anything = np.full(len(JOINT_NAMES), np.inf)
    fast = make_fast_graph(spec, graph, calibration=sample, measured=sample, action_std=anything)
    graphs, variants = {FP32: graph}, {}
    if fast is not None:
        graphs["fast"] = fast.graph
        variants["fast"] = VariantSpec(FAST_FILE, fast.tolerance)
    bf16 = bf16_variant(policy, observed, sample.chunks, anything)
    if bf16 is not None:
        graphs[BF16] = graph
        variants[BF16] = bf16
    spec = dataclasses.replace(spec, variants=variants)
    write_bundle(folder, spec, graphs, sample)
    return folder
