"""How many publishers really send on a topic."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from act_core.timing import NS_PER_S, Clock, MonotonicClock

RECENT_NS = NS_PER_S


class Senders:
    """Remembers who sent a message in the last second of a steady clock.

    A publisher that stands by, such as that of a policy that is not enabled, does no harm; two that
    send at once pull the arm back and forth. Two that tell of other joints each, as the leaders or
    the drivers of two arms do, are in nobody's way.

    Args:
        clock: monotonic.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock if clock is not None else MonotonicClock()
        self._last_ns: dict[Hashable, int] = {}
        self._joints: dict[Hashable, frozenset[str]] = {}  # of the last message; none: of all

    def saw(self, sender: Hashable, joints: Sequence[str] = ()) -> None:
        """A message came from this sender. Of one thread, as the others are not.

        joints: that it tells of, where the topic is of joints.
        """
        now_ns = self._clock.now_ns()
        if sender not in self._last_ns:  # a newcomer: the only time that the tables can grow
            recent = self.recent()
            self._last_ns = {known: self._last_ns[known] for known in recent}
            self._joints = {known: self._joints[known] for known in recent}
        told = self._joints.get(sender)
        if told is None or len(told) != len(joints) or not told.issuperset(joints):
            self._joints[sender] = frozenset(joints)
        self._last_ns[sender] = now_ns

    def recent(self) -> list[Hashable]:
        """Those that sent in the last second."""
        now_ns = self._clock.now_ns()
        return [who for who, at_ns in self._last_ns.copy().items() if now_ns - at_ns <= RECENT_NS]

    def at_odds(self) -> list[Hashable]:
        """Of those, the ones that tell of a joint which another one tells of, too."""
        recent = self.recent()
        if len(recent) < 2:
            return []
        everything: frozenset[str] = frozenset()
        joints = [self._joints.get(who, everything) for who in recent]
        return [
            who
            for who, own in zip(recent, joints, strict=True)
            if sum(not own or not other or bool(own & other) for other in joints) > 1
        ]
