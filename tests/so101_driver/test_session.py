"""The driver's states: the table itself, and that the driver keeps to it whatever happens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from so101_driver.session import (
    TABLE,
    TAKES_COMMANDS,
    WITH_TORQUE,
    Event,
    Session,
    SessionError,
    State,
    diagram,
)

from bench._servo_soak import Soak
from tests.so101_driver.emulated_arm import TARGET, EmulatedArm, ask, following, started

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "real_robot.md"


def test_the_picture_in_the_documentation_is_the_table():
    assert f"```mermaid\n{diagram()}```" in DOCUMENT.read_text(encoding="utf-8")


def test_every_state_has_entries_is_reached_and_can_be_left():
    assert set(TABLE) == set(State)
    reached, new = {State.DISCONNECTED}, {State.DISCONNECTED}
    while new:
        new = {after for state in new for after in TABLE[state].values()} - reached
        reached |= new
    # STOPPED and HOLDING both come from the e-stop's mark; see the property below.
    assert reached == set(State)
    for state, entries in TABLE.items():
        assert set(entries.values()) - {state}, f"{state} cannot be left"


def test_every_event_is_handled_somewhere_and_what_is_always_possible_everywhere():
    assert {event for entries in TABLE.values() for event in entries} == set(Event)
    for state, entries in TABLE.items():
        assert {Event.LOST, Event.ESTOP, Event.RELEASE} <= set(entries)
        assert entries[Event.LOST] is State.DISCONNECTED
        if state is not State.DISCONNECTED:
            assert entries[Event.TORQUE_OFF] is State.LIMP, "torque can always be switched off"
            assert Event.FAULT in entries


def test_commands_are_followed_only_from_where_they_may_be():
    assert {s for s, entries in TABLE.items() if Event.COMMAND in entries} == TAKES_COMMANDS
    to_following = {(s, e) for s in TABLE for e, after in TABLE[s].items()
                    if after is State.FOLLOWING}  # fmt: skip
    assert to_following == {(s, Event.COMMAND) for s in TAKES_COMMANDS}


def test_torque_comes_on_by_one_event_only():
    for state, entries in TABLE.items():
        for event, after in entries.items():
            if state not in WITH_TORQUE and after in WITH_TORQUE:
                assert event is Event.TORQUE_ON


@given(st.lists(st.sampled_from(Event), max_size=40))
def test_any_sequence_of_events(events):
    session, stopped, torque = Session(), False, False
    for event in events:
        before = session.state
        if event not in TABLE[before]:
            with pytest.raises(SessionError, match=f"'{event.value}' cannot happen while"):
                session.happen(event)
            assert session.state is before
            continue
        after = session.happen(event)
        stopped = {Event.ESTOP: True, Event.RELEASE: False}.get(event, stopped)
        torque = {Event.TORQUE_ON: True, Event.TORQUE_OFF: False, Event.CONNECTED: False}.get(
            event, torque
        )
        assert session.is_stopped == stopped
        assert session.torque == torque
        assert after is session.state
        if stopped:
            assert after not in TAKES_COMMANDS
        if after is State.STOPPED:
            assert stopped
        assert (after in WITH_TORQUE) == (torque and after is not State.DISCONNECTED)


def test_an_error_says_what_was_expected():
    with pytest.raises(SessionError, match="'command' cannot happen while disconnected; expected "
                                           "connected, lost, e-stop, release"):  # fmt: skip
        Session().happen(Event.COMMAND)


def test_the_states_of_an_evening():
    emulated = EmulatedArm()
    operator = started(emulated)
    driver = operator.driver
    assert driver.state is State.HOLDING
    operator.until(following, TARGET)
    assert driver.state is State.FOLLOWING
    operator.cycles(0.3)
    assert driver.state is State.HOLDING
    driver.estop(True)
    operator.cycle(TARGET)
    assert driver.state is State.STOPPED
    emulated.happen("silent", "gripper")
    operator.cycles(0.2)
    assert driver.state is State.FAULT
    emulated.end("silent", "gripper")
    operator.cycles(0.3)
    assert driver.state is State.STOPPED, "the e-stop is engaged still"
    ask(operator, lambda: driver.request_torque(False))
    assert driver.state is State.LIMP
    driver.estop(False)
    ask(operator, lambda: driver.request_torque(True))
    assert driver.state is State.HOLDING
    emulated.happen("port_gone")
    operator.cycles(0.1)
    assert driver.state is State.DISCONNECTED
    emulated.end("port_gone")
    operator.until(following, TARGET)
    assert driver.state is State.FOLLOWING


@pytest.mark.parametrize("seed", [3, 14])
def test_under_faults_goals_are_sent_and_commands_followed_only_where_the_state_allows(seed):
    """Nothing that the table has no entry for happens: that would raise."""
    soak = Soak(seed, 3.0, with_people=True)
    seen = set()
    check = soak._check

    def look(cycle):
        state = soak.driver.state
        seen.add(state)
        if cycle.applied is not None:
            assert state in WITH_TORQUE
            assert np.isfinite(cycle.applied.position_rad).all()
            if cycle.hold is None:
                assert state is State.FOLLOWING
        check(cycle)

    soak._check = look
    soak.run(seconds=8.0)
    assert {State.HOLDING, State.FOLLOWING, State.FAULT} <= seen
