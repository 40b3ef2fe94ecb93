"""What happened on the bus, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class BusCounters:
    """Counts since the bus was opened; every fault that the bus notices is in one of them."""

    transactions: int = 0  # requests that expect an answer, repetitions not counted
    retries: int = 0  # requests that were sent again
    failures: int = 0  # transactions that were given up
    damaged: int = 0  # packets with a wrong checksum
    noise: int = 0  # bytes that belong to no packet
    echoes: int = 0  # copies of what was sent, from an adapter that hears itself
    stray: int = 0  # whole replies that nobody waited for: late, doubled, of another length
    discarded: int = 0  # bytes that were already there when a request was sent
    lost: Counter[int] = field(default_factory=Counter)  # replies that did not come, by servo

    def as_values(self) -> Mapping[str, str]:
        """For a diagnostics message, as text."""
        totals = {
            name: str(value) for name, value in vars(self).items() if isinstance(value, int)
        }  # fmt: skip
        return {**totals, **{f"lost_servo_{i}": str(n) for i, n in sorted(self.lost.items())}}
