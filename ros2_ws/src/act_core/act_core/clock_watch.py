"""Whether the ROS clock runs, as a steady clock sees it."""

from __future__ import annotations

from collections import deque

from act_core.timing import NS_PER_S, Clock, MonotonicClock, to_ns

STANDS_AFTER_S = 0.5  # a simulation publishes /clock at 10 Hz or more
BACK_AGAIN_S = 3.0  # a restart, a reset or a bag played in a loop goes back once in a while


class ClockWatch:
    """Tells a clock that never began, stands still or jumps back and forth from one that runs.

    `look` is called again and again with the present ROS time, by one thread. Example, looks at
    0.0, 0.4 and 0.6 s of the steady clock that all see 12.3 s of ROS time: nothing is wrong at 0.4
    s; at 0.6 s "simulated time has stood still for 0.6 s".

    Args:
        clock: monotonic.
        stands_after_s: how long the ROS time may be the same.
    """

    def __init__(self, clock: Clock | None = None, stands_after_s: float = STANDS_AFTER_S) -> None:
        self._clock = clock if clock is not None else MonotonicClock()
        self._stands_after_ns = to_ns(stands_after_s)
        self._ros_ns: int | None = None
        self._since_ns = 0
        self._backwards_ns: deque[int] = deque(maxlen=2)  # steady times of steps backwards

    def look(self, ros_now_ns: int) -> str | None:
        """What is wrong with the ROS clock [ns], in words; None while it runs."""
        now_ns = self._clock.now_ns()
        if self._ros_ns is not None and ros_now_ns < self._ros_ns:
            self._backwards_ns.append(now_ns)
        if ros_now_ns != self._ros_ns:
            self._ros_ns, self._since_ns = ros_now_ns, now_ns
        if ros_now_ns == 0:  # what rclpy gives before the first /clock
            return "simulated time has not begun: nothing on /clock yet; is the simulation running?"
        if len(self._backwards_ns) == 2 and now_ns - self._backwards_ns[0] < to_ns(BACK_AGAIN_S):
            return (
                "simulated time goes back again and again: does more than one node publish /clock? "
                "`ros2 topic info -v /clock` names them"
            )
        stood_ns = now_ns - self._since_ns
        if stood_ns <= self._stands_after_ns:
            return None
        return f"simulated time has stood still for {stood_ns / NS_PER_S:.1f} s"
