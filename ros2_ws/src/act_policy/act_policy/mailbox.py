"""Where the next observation waits for inference to be free."""

from __future__ import annotations

from act_policy.observation import Observation


class Mailbox:
    """Holds one observation: a newer one replaces it, and it must not wait for too long.

    An observation that has waited for more than a quarter of the time between two observations is
    passed over for the one that is about to come. With frames every 33 ms and inferences of 75 ms::

        frame [ms]       0        33        67        100
        inference        |----- of frame 0 -----|75
                                  at 75 ms, frame 67 has waited for 8 ms: infer it
        ... had inference ended at 95 ms, frame 67 would have waited for 28 ms: wait 5 ms for 100

    Taking whatever is there would start inferences from frames that are half a period old. Waiting
    makes chunks from fresh frames, and hardly fewer of them: in a simulation with 30 frames a
    second, inferences of 50 to 150 ms and 100 commands a second, a frame's first command comes 13
    to 17 ms earlier and the plan in use is 7 to 15 ms younger on average. (Shares from a third to
    an eighth do equally well, a half does worse.)

    Times are whatever clock the caller uses [ns].
    """

    def __init__(self) -> None:
        self._observation: Observation | None = None
        self._put_ns: int | None = None
        self._patience_ns: int | None = None  # None: there was no observation before this one

    def put(self, observation: Observation, now_ns: int) -> None:
        """Takes in an observation in place of one that waits."""
        if self._put_ns is not None:
            self._patience_ns = (now_ns - self._put_ns) // 4
        self._observation, self._put_ns = observation, now_ns

    def take(self, now_ns: int) -> Observation | None:
        """Hands over the observation; None if there is none or it has waited for too long."""
        observation, self._observation = self._observation, None
        if observation is None or self._put_ns is None:
            return None
        if self._patience_ns is not None and now_ns - self._put_ns > self._patience_ns:
            return None
        return observation

    def clear(self) -> None:
        """Forgets everything."""
        self._observation = self._put_ns = self._patience_ns = None
