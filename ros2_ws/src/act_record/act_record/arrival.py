"""The time at which a message came, where time is simulated."""

from __future__ import annotations

from act_core.timing import to_ns

JUMP_S = 1.0  # a stamp that is older than the newest one by so much: time went back


class SimulatedArrival:
    """Tells the time by the newest stamp so far.

    A simulation in its own time may run faster than its listeners look. By its clock their delay
    would count as the age of the messages, although nothing was late.
    """

    def __init__(self) -> None:
        self._newest_ns = 0

    def time_ns(self, stamp_ns: int | None) -> int:
        """When a message with this stamp (None: without one) came."""
        if stamp_ns is not None:
            went_back = stamp_ns < self._newest_ns - to_ns(JUMP_S)
            self._newest_ns = stamp_ns if went_back else max(self._newest_ns, stamp_ns)
        return self._newest_ns
