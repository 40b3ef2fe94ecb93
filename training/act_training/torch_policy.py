"""A torch checkpoint as a policy of the runtime, to evaluate it before it is exported."""

from __future__ import annotations

import time

import numpy as np
import torch
from act_core.policy_spec import PolicySpec
from act_policy.chunk import Chunk
from act_policy.noise import noise_of
from act_policy.observation import Observation
from act_policy.policy import Inference

from act_training.trainable_policy import ActingPolicy


class TorchPolicy:
    """Runs a trained policy on the CPU.

    Args:
        policy: in evaluation mode.
        spec: that its bundle would have.
    """

    def __init__(self, policy: ActingPolicy, spec: PolicySpec) -> None:
        self._policy = policy
        self.spec = spec

    @torch.inference_mode()
    def infer(self, observation: Observation) -> Inference:
        started = time.perf_counter()
        images = [
            torch.from_numpy(np.ascontiguousarray(observation.images[camera]))[None]
            for camera in self.spec.cameras
        ]
        noise = [torch.from_numpy(n)[None] for n in noise_of(self.spec, observation).values()]
        joints = torch.from_numpy(observation.joint_position)[None]
        rows = self._policy.predict(joints, images, *noise)
        chunk = Chunk(observation.stamp_ns, self.spec.rate_hz, rows[0].double().numpy())
        return Inference(chunk, time.perf_counter() - started)
