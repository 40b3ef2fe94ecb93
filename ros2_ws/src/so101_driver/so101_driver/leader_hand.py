"""When a leader arm commands: from its person's sign on, until somebody else has the arm."""

from __future__ import annotations

from act_core.arbiter import PERSON
from act_core.timing import to_ns

HOW = "close its gripper twice, or call leader/enable"
FOLLOWING = "following"

# Shares of the way of the gripper; between them nothing changes.
CLOSED, OPEN = 0.15, 0.35
TWICE_WITHIN_S = 1.0


class Squeeze:
    """A gripper that is closed twice within a second: nobody does so by chance.

    Args:
        lower_rad: where the gripper is closed.
        upper_rad: where it is open.
    """

    def __init__(self, lower_rad: float, upper_rad: float) -> None:
        self._closed_rad = lower_rad + CLOSED * (upper_rad - lower_rad)
        self._open_rad = lower_rad + OPEN * (upper_rad - lower_rad)
        self._was_open = False
        self._closed_ns: int | None = None  # when it was closed last

    def see(self, gripper_rad: float, now_ns: int) -> bool:
        """Whether this is the moment of the second closing; monotonic time [ns]."""
        if gripper_rad >= self._open_rad:
            self._was_open = True
            return False
        if gripper_rad > self._closed_rad or not self._was_open:
            return False
        self._was_open = False
        before, self._closed_ns = self._closed_ns, now_ns
        twice = before is not None and now_ns - before <= to_ns(TWICE_WITHIN_S)
        if twice:
            self._closed_ns = None
        return twice


class LeaderHand:
    """Whether the person at the leader wants the arm.

    The person takes it by a squeeze or by `start`, and has it until `stop`, or until the arm's
    owner, which was a person, is another. What the arm makes of the leader's motion is decided in
    the arm's node (`act_core.clutch`): nothing jumps, wherever the leader is.

    Args:
        squeeze: of its gripper.
        reason: why it does not begin at once; None: it does.
    """

    def __init__(self, squeeze: Squeeze, reason: str | None = None) -> None:
        self._squeeze = squeeze
        self._stopped = reason
        self._blocked = False
        self._had_arm = False
        self._since = ""  # when the arm became a person's, in the words of the arm

    @property
    def state(self) -> str:
        """`FOLLOWING`, or why it does not command."""
        return FOLLOWING if self._stopped is None else self._stopped

    @property
    def wants_arm(self) -> bool:
        """Whether the leader's positions are to be sent."""
        return self._stopped is None

    def see(self, gripper_rad: float, now_ns: int) -> None:
        """Takes in where the gripper is; of the time between two messages, too."""
        if self._squeeze.see(gripper_rad, now_ns) and not self._blocked and not self.wants_arm:
            self.start()

    def start(self) -> None:
        """The person wants the arm."""
        self._stopped, self._had_arm = None, False

    def stop(self, reason: str) -> None:
        """The person has let go of it."""
        self._stopped = reason

    def block(self, blocked: bool) -> None:
        """While the e-stop is engaged nobody takes the arm; its release starts nothing."""
        if blocked != self._blocked:
            self._blocked = blocked
            self.stop("the e-stop is engaged" if blocked else f"stopped by the e-stop; {HOW}")

    @property
    def is_blocked(self) -> bool:
        """Whether the e-stop is engaged."""
        return self._blocked

    def owner(self, owner: str, reason: str, since: str = "") -> None:
        """Who owns the arm now, why and since when. A person's arm that became a person's anew was
        out of this leader's hand in between, as where its driver was started again."""
        if owner == PERSON:
            if self._had_arm and since != self._since and self.wants_arm:
                self.stop(f"the arm began anew; {HOW}")
            self._had_arm, self._since = True, since
        elif self._had_arm and self.wants_arm:
            self.stop(f"{owner} owns the arm ({reason}); {HOW}")
