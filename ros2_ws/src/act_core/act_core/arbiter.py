"""Who owns an arm, and why: the rules as one table. No ROS here."""

from __future__ import annotations

from typing import NamedTuple

# Owners. Of the first two, an arm has one or the other: whose commands come on ``joint_commands``.
POLICY, EXPERT = "policy", "expert"
PERSON, NOBODY = "person", "nobody"

# What happens.
TAKE = "take"  # a person's device begins to send, or somebody calls control/take
RETURN = "return"  # control/return
SILENCE = "silence"  # the owning device sends no more
FAULT = "fault"  # it jumped, or sent what cannot be meant
SEVERAL = "several"  # a second device of a person moves the same joints
ESTOP = "estop"  # the e-stop was engaged
STUCK = "stuck"  # the policy gets nowhere, and the arm is to hold then
EPISODE = "episode"  # the arm was put somewhere else: a new episode

ITSELF = "itself"  # in the table: the policy or expert of this arm


class Rule(NamedTuple):
    """Who owns the arm afterwards, and the reason for people."""

    owner: str
    reason: str  # {who}: the device; {before}: who owned it; {detail}: what went wrong


_STOPPED = "{before} owned the arm, and {detail}: it holds; take it again, or call control/return"

# Owner and event: what follows. A pair that is not here changes nothing.
RULES: dict[tuple[str, str], Rule] = {
    (ITSELF, TAKE): Rule(PERSON, "taken over by {who}"),
    (NOBODY, TAKE): Rule(PERSON, "taken over by {who}"),
    (PERSON, RETURN): Rule(ITSELF, "handed back by {who}"),
    (NOBODY, RETURN): Rule(ITSELF, "handed back by {who}"),
    (ITSELF, STUCK): Rule(NOBODY, _STOPPED),
    (PERSON, SILENCE): Rule(NOBODY, _STOPPED),
    (PERSON, FAULT): Rule(NOBODY, _STOPPED),
    (PERSON, SEVERAL): Rule(NOBODY, _STOPPED),
    (PERSON, ESTOP): Rule(NOBODY, _STOPPED),
    (PERSON, EPISODE): Rule(ITSELF, "a new episode"),
    (NOBODY, EPISODE): Rule(ITSELF, "a new episode"),
}


class Ownership(NamedTuple):
    """Who owns the arm."""

    owner: str
    who: str  # name of the node that sends a person's commands; "" where there is none
    reason: str
    since_ns: int  # ROS time
    changes: int = 0  # how often it has changed

    @property
    def text(self) -> str:
        """For people, e.g. ``person (/leader)``."""
        return f"{self.owner} ({self.who})" if self.who else self.owner


class Arbiter:
    """Applies `RULES`.

    Args:
        itself: whose commands come on ``joint_commands``: `POLICY` or `EXPERT`.
    """

    def __init__(self, itself: str = POLICY) -> None:
        self.itself = itself
        self.now = Ownership(itself, "", "nobody has taken the arm over", 0)

    @property
    def is_itself(self) -> bool:
        """Whether no person has anything to do with the arm."""
        return self.now.owner == self.itself

    def event(self, kind: str, now_ns: int, who: str = "", detail: str = "") -> bool:
        """Takes in what happened at ``now_ns`` of ROS time; whether the owner is another now."""
        owner = ITSELF if self.is_itself else self.now.owner
        rule = RULES.get((owner, kind))
        if rule is None:
            return False
        reason = rule.reason.format(who=who, before=self.now.text, detail=detail)
        after = self.itself if rule.owner == ITSELF else rule.owner
        name = who if after == PERSON else ""
        self.now = Ownership(after, name, reason, now_ns, self.now.changes + 1)
        return True

    def call(self, who: str) -> None:
        """The person's device is called so: its name may be known a little later than itself."""
        if self.now.owner == PERSON and who and who != self.now.who:
            self.now = self.now._replace(who=who)
