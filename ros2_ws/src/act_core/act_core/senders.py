"""How many publishers really send on a topic."""

from __future__ import annotations

from act_core.timing import NS_PER_S, Clock, MonotonicClock

RECENT_NS = NS_PER_S


class Senders:
    """Remembers who sent a message in the last second of a steady clock.

    A publisher that stands by, such as that of a policy that is not enabled, does no harm; two that
    send at once pull the arm both ways.

    Args:
        clock: monotonic.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock if clock is not None else MonotonicClock()
        self._last_ns: dict[bytes, int] = {}

    def saw(self, gid: bytes) -> None:
        """A message came from the publisher with this id. Of one thread, as `recent` is not."""
        now_ns = self._clock.now_ns()
        if gid not in self._last_ns:  # a newcomer: the only time that the table can grow
            self._last_ns = {known: self._last_ns[known] for known in self.recent()}
        self._last_ns[gid] = now_ns

    def recent(self) -> list[bytes]:
        """Ids of those that sent in the last second."""
        now_ns = self._clock.now_ns()
        return [gid for gid, at_ns in self._last_ns.copy().items() if now_ns - at_ns <= RECENT_NS]
