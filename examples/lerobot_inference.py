"""Any policy of LeRobot's as the inference half, in LeRobot's own environment.

    pip install onnxruntime -r requirements/ros_wheels.txt        # into that environment, once
    export PYTHONPATH=$PWD/ros2_ws/src/act_core:$PWD/ros2_ws/src/act_policy
    export PYTHONPATH=$PYTHONPATH:$PWD/ros2_ws/src/so101_driver:$PWD/training

    python examples/lerobot_inference.py CHECKPOINT FOLDER --units degrees    # here, beside the GPU
    ros2 launch act_bringup sim.launch.py role:=control policy:=FOLDER        # the robot

CHECKPOINT is what LeRobot's `from_pretrained` takes: a folder or a name on the hub. FOLDER gets a
policy.json that says what comes in and in which shape the answer goes out, unless it is there;
copy it to the robot. Tried with LeRobot 0.4.4, its ACT and its diffusion policy.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from act_core.files import write_json
from act_core.policy_json import SPEC_FILE, read_spec, spec_to_json
from act_core.policy_spec import ActionOutput, ExecutionSpec, ImageInput, JointInput, PolicySpec
from act_core.robots.so101 import SO101
from act_policy.inference_node import serve
from act_training.datasets.lerobot.so101_units import SCHEMES, So101Units, so101_units
from lerobot.configs.policies import PreTrainedConfig
from lerobot.policies.factory import get_policy_class, make_pre_post_processors
from lerobot.policies.utils import populate_queues

STATE, IMAGE, IMAGES = "observation.state", "observation.images.", "observation.images"


class LeRobotPolicy:
    """A checkpoint as a function of joints and pictures.

    Args:
        checkpoint: folder, or name on the hub.
        units: of the joints that it was trained with.
        task: in words, for policies that read.
        device: cpu, cuda, mps.
    """

    def __init__(self, checkpoint: str, units: So101Units, task: str, device: str) -> None:
        config = PreTrainedConfig.from_pretrained(checkpoint)
        config.device = device
        self._units, self._task, self._device = units, task, device
        self._policy = get_policy_class(config.type).from_pretrained(checkpoint, config=config)
        self._policy.to(device).eval()
        there = {"device_processor": {"device": device}}
        self._before, self._after = make_pre_post_processors(
            config, checkpoint, preprocessor_overrides=there
        )
        self.name = config.type
        self.__name__ = f"LeRobot's {config.type}"  # what the node calls it
        self.steps = int(getattr(config, "n_obs_steps", 1))
        self.cameras = {
            name.removeprefix(IMAGE): feature.shape[1:]  # (C, H, W)
            for name, feature in config.image_features.items()
        }

    @torch.inference_mode()
    def __call__(self, joints: np.ndarray, images: Mapping[str, np.ndarray]) -> np.ndarray:
        """(J,) rad and (H, W, 3) a camera, with a leading axis of steps where it sees several;
        returns (K, J) rad."""
        self._policy.reset()  # what it remembers is what comes with each call
        several = self.steps > 1
        for step in range(self.steps):
            seen = {name: each[step] if several else each for name, each in images.items()}
            batch = self._before(self._frame(joints[step] if several else joints, seen))
            batch = {k: v for k, v in batch.items() if k.startswith("observation.") or k == "task"}
            queues = getattr(self._policy, "_queues", {})
            if IMAGES in queues:  # where its `select_action` stacks the cameras
                keys = self._policy.config.image_features
                batch[IMAGES] = torch.stack([batch[key] for key in keys], dim=-4)
            if queues:
                self._policy._queues = populate_queues(queues, batch)
        chunk = self._after(self._policy.predict_action_chunk(batch))
        return self._units.to_rad(chunk[0].float().cpu().numpy())

    def _frame(self, joints: np.ndarray, images: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """One step in LeRobot's words: pictures (1, 3, H, W) from 0 to 1."""
        frame: dict[str, Any] = {"task": [self._task]}
        frame[STATE] = torch.from_numpy(self._units.from_rad(joints))[None]
        for name, image in images.items():
            pixels = torch.from_numpy(np.ascontiguousarray(image))
            frame[IMAGE + name] = pixels.permute(2, 0, 1)[None].float() / 255
        return frame

    def spec(self, rate_hz: float) -> PolicySpec:
        """What it takes and gives, for an SO-101; the length of a chunk is tried."""
        lead = (self.steps,) if self.steps > 1 else ()
        joints = np.zeros((*lead, len(SO101.joint_names)), np.float32)
        images = {
            name: np.zeros((*lead, height, width, 3), np.uint8)
            for name, (height, width) in self.cameras.items()
        }
        chunk = self(joints, images)
        return PolicySpec(
            name=f"lerobot_{self.name}",
            rate_hz=rate_hz,
            chunk_size=len(chunk),
            joint_input=JointInput("joint_position", SO101.joint_names),
            image_inputs=tuple(
                ImageInput(f"image_{name}", name, height, width)
                for name, (height, width) in self.cameras.items()
            ),
            output=ActionOutput("action", SO101.joint_names),
            execution=ExecutionSpec(),
            n_obs_steps=self.steps,
            provenance={"source": "lerobot", "type": self.name},
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--units", choices=SCHEMES, required=True)
    parser.add_argument("--rate-hz", type=float, default=30.0)
    parser.add_argument("--task", default="", help="in words, for policies that read")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments, rest = parser.parse_known_args()
    units = so101_units(arguments.units)
    policy = LeRobotPolicy(arguments.checkpoint, units, arguments.task, arguments.device)
    if not (arguments.folder / SPEC_FILE).is_file():
        arguments.folder.mkdir(parents=True, exist_ok=True)
        spec = policy.spec(arguments.rate_hz)
        write_json(arguments.folder / SPEC_FILE, spec_to_json(spec), indent=2)
    print(f"{read_spec(arguments.folder).name}: chunks of {arguments.folder}")
    return serve(policy, arguments.folder, rest)


if __name__ == "__main__":
    raise SystemExit(main())
