"""A network between the policy and the arm, in virtual time: the same seed is the same network.

    observation seen          inference ends                       chunk is there
    |-- latency (1 ± jitter) --|-- delay (1 ± jitter), stalls --|
                                     or lost

Inference takes one observation at a time, the newest first; on the way are as many chunks as there
are. One that comes after one of a later observation is refused, as `act_policy.chunk_wire` does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from act_core.errors import ConfigurationError
from act_core.timing import NS_PER_S, to_ns
from act_policy.inference_worker import Failure, Outcome, VirtualWorker
from act_policy.policy import Inference, Policy

ASK_AGAIN_S = 0.2  # the least time after which TCP sends again under Linux (TCP_RTO_MIN)


@dataclass(frozen=True)
class Network:
    """What it does to chunks. As it is made without arguments, nothing.

    Raises ConfigurationError for what cannot be.
    """

    delay_s: float = 0.0
    """There and back together, beyond inference."""
    jitter: float = 0.0
    """Each latency and each delay is uniform within ± this share of itself, 0 to 1."""
    loss: float = 0.0
    """Share of the chunks that never come, or whose observation never arrives, below 1."""
    burst: float = 0.0
    """Chunks that are lost in a row, on average (Gilbert's model of two states); 0: each is lost
    independently, which is 1 / (1 - loss) in a row."""
    stall_every_s: float = 0.0
    """From a random beginning on, every so often nothing comes for `stall_s`; 0: never."""
    stall_s: float = 0.0
    """What would have come meanwhile comes then, all at once."""

    def __post_init__(self) -> None:
        low = 1.0 / (1.0 - self.loss) if 0.0 <= self.loss < 1.0 else 1.0
        for name, value, fits, expected in (
            ("network delay", self.delay_s, 0.0 <= self.delay_s <= 60.0, "0 to 60 s"),
            ("jitter", self.jitter, 0.0 <= self.jitter <= 1.0, "a share, 0 to 1"),
            ("loss", self.loss, 0.0 <= self.loss < 1.0, "a share below 1, e.g. 0.02"),
            ("burst", self.burst, self.burst == 0 or self.burst >= low - 1e-9,
             f"0 or at least {low:.4g}, which is what independent losses have"),
            ("stall", self.stall_s, 0.0 <= self.stall_s < (self.stall_every_s or 1e-9)
             or self.stall_s == self.stall_every_s == 0.0, "less than the time between two stalls"),
        ):  # fmt: skip
            if not fits:
                raise ConfigurationError(f"{name} is {value:g}, expected {expected}")

    @property
    def words(self) -> str:
        """Starts with a comma where it does something, for a condition's name."""
        words = f", wire {self.delay_s * 1e3:.0f} ms" if self.delay_s else ""
        words += f", jitter {self.jitter:.0%}" if self.jitter else ""
        words += f", loss {self.loss:.3g}" if self.loss else ""
        words += f" in bursts of {self.burst:g}" if self.burst else ""
        if self.stall_s:
            words += f", stalls of {self.stall_s * 1e3:.0f} ms every {self.stall_every_s:g} s"
        return words


class VirtualNetwork(VirtualWorker):
    """A `VirtualWorker` whose results travel.

    Args:
        policy: infers.
        latency_s: of inference.
        network: what happens on the way.
        seed: of all that is random in it. The fate of the n-th chunk depends on nothing else.
        asks_again: for a mode that asks once and waits: `ASK_AGAIN_S` after what is lost would have
            come, it is told so, and asks anew.
    """

    def __init__(
        self,
        policy: Policy,
        latency_s: float,
        network: Network,
        seed: int = 0,
        asks_again: bool = False,
    ) -> None:
        self._network = network
        self._asks_again = asks_again
        self._inference_rng = np.random.default_rng((seed, 3))
        self._wire_rng = np.random.default_rng((seed, 4))
        self._phase_s = self._wire_rng.uniform(0.0, network.stall_every_s)
        self._losing: bool | None = None  # None: nothing was sent so far
        self._travelling: list[tuple[int, int, Outcome]] = []  # when, the how manieth, what
        self._sent = 0
        self._last_ns: int | None = None  # stamp of the newest that has come
        self.lost = 0
        """Chunks that never came, or that came after one of a later observation."""
        super().__init__(policy, lambda: latency_s * self._factor(self._inference_rng))

    def collect(self, now_ns: int) -> list[Outcome]:
        self._advance(now_ns)
        arrived = sorted(t for t in self._travelling if t[0] <= now_ns)
        self._travelling = [t for t in self._travelling if t[0] > now_ns]
        return [outcome for _, _, outcome in arrived if self._is_newer(outcome)]

    def reset(self) -> None:
        super().reset()
        self._travelling, self._last_ns = [], None

    def _deliver(self, outcome: Outcome, end_ns: int) -> None:
        network = self._network
        delay_s = network.delay_s * self._factor(self._wire_rng)
        there_ns = self._after_stall(end_ns + to_ns(delay_s))
        if self._loses():
            self.lost += 1
            if not self._asks_again:
                return
            there_ns += to_ns(ASK_AGAIN_S)
            outcome = Failure(f"no answer came for {ASK_AGAIN_S} s after it was due")
        self._travelling.append((there_ns, self._sent, outcome))
        self._sent += 1

    def _factor(self, rng: np.random.Generator) -> float:
        return 1.0 + self._network.jitter * rng.uniform(-1.0, 1.0)

    def _loses(self) -> bool:
        """Gilbert's model: in one state all is lost, in the other nothing; `loss` is the share of
        the first, `burst` how long it lasts on average."""
        loss, drawn = self._network.loss, self._wire_rng.random()
        leave = 1.0 / self._network.burst if self._network.burst else 1.0 - loss
        if self._losing is None:
            self._losing = drawn < loss
        elif self._losing:
            self._losing = drawn >= leave
        else:
            self._losing = drawn < leave * loss / (1.0 - loss)
        return bool(self._losing)

    def _after_stall(self, there_ns: int) -> int:
        every_s, stall_s = self._network.stall_every_s, self._network.stall_s
        since_s = there_ns / NS_PER_S - self._phase_s
        if stall_s and since_s >= 0.0 and since_s % every_s < stall_s:
            return there_ns + to_ns(stall_s - since_s % every_s)
        return there_ns

    def _is_newer(self, outcome: Outcome) -> bool:
        if not isinstance(outcome, Inference):
            return True
        stamp_ns = outcome.chunk.stamp_ns
        if self._last_ns is not None and stamp_ns <= self._last_ns:
            self.lost += 1
            return False
        self._last_ns = stamp_ns
        return True
