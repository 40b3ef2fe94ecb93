"""What every policy is to the runner, whichever engine computes it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from act_core.policy_spec import PolicySpec

from act_policy.chunk import Chunk
from act_policy.observation import Observation


class PolicyError(RuntimeError):
    """An inference that gave nothing usable; the text says why."""


class Inference(NamedTuple):
    """A predicted chunk and the time that it took."""

    chunk: Chunk
    latency_s: float


class Policy(Protocol):
    """Observation in, chunk out; blocking, called from one thread at a time."""

    @property
    def spec(self) -> PolicySpec: ...

    def infer(self, observation: Observation) -> Inference:
        """The chunk for an observation; raises PolicyError when there is none to trust."""
        ...
