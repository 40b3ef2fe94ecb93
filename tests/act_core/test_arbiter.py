"""Who owns an arm: the table of rules, row by row."""

from __future__ import annotations

import itertools

import pytest
from act_core.arbiter import (
    EPISODE,
    ESTOP,
    EXPERT,
    FAULT,
    ITSELF,
    NOBODY,
    PERSON,
    POLICY,
    RETURN,
    RULES,
    SEVERAL,
    SILENCE,
    STUCK,
    TAKE,
    Arbiter,
)

EVENTS = (TAKE, RETURN, SILENCE, FAULT, SEVERAL, ESTOP, STUCK, EPISODE)
FAILURES = (SILENCE, FAULT, SEVERAL, ESTOP)


def owned_by(owner: str, itself: str = POLICY) -> Arbiter:
    arbiter = Arbiter(itself)
    if owner in (PERSON, NOBODY):
        assert arbiter.event(TAKE, 1, "/leader")
    if owner == NOBODY:
        assert arbiter.event(FAULT, 2, detail="it jumped")
    assert arbiter.now.owner == owner
    return arbiter


@pytest.mark.parametrize(
    ("owner", "event"), list(itertools.product((POLICY, PERSON, NOBODY), EVENTS))
)
def test_every_event_in_every_state_ends_where_the_table_says_and_nowhere_else(owner, event):
    arbiter = owned_by(owner)
    before = arbiter.now
    changed = arbiter.event(event, 7, "/console", "the reason")
    rule = RULES.get((ITSELF if owner == POLICY else owner, event))
    assert changed == (rule is not None)
    if rule is None:
        assert arbiter.now is before
    else:
        assert arbiter.now.owner == (POLICY if rule.owner == ITSELF else rule.owner)
        assert arbiter.now.since_ns == 7
        assert arbiter.now.changes == before.changes + 1


@pytest.mark.parametrize("event", FAILURES)
def test_a_failure_leaves_the_arm_to_nobody_and_says_who_had_it_and_why(event):
    arbiter = owned_by(PERSON)
    arbiter.event(event, 3, detail="something went wrong")
    assert arbiter.now.owner == NOBODY
    assert arbiter.now.reason == (
        "person (/leader) owned the arm, and something went wrong: it holds; take it again, or "
        "call control/return"
    )


@pytest.mark.parametrize("event", FAILURES)
def test_no_failure_of_a_person_s_device_takes_the_arm_from_the_policy(event):
    assert not owned_by(POLICY).event(event, 3)


@pytest.mark.parametrize("itself", [POLICY, EXPERT])
def test_what_is_handed_back_goes_to_whoever_had_it(itself):
    arbiter = owned_by(PERSON, itself)
    arbiter.event(RETURN, 3, "control/return")
    assert arbiter.now.owner == itself
    assert arbiter.is_itself
    assert arbiter.now.reason == "handed back by control/return"


def test_only_a_person_has_a_name():
    arbiter = owned_by(PERSON)
    assert arbiter.now.text == "person (/leader)"
    arbiter.event(RETURN, 3, "control/return")
    assert arbiter.now.text == "policy"
