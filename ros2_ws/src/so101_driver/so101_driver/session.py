"""What the driver does with the arm now, as one table: six states, ten events, no input or output.

The state decides what is allowed: where torque may be on and goals are sent, and where commands are
followed. An event that a state has no entry for is a mistake in the driver and raises SessionError;
nothing is sent then. ``python -m so101_driver.session`` prints the table as a diagram, which
docs/real_robot.md shows.

The e-stop can be engaged in every state, so it is a mark beside the state: while it is engaged, an
event that would lead to HOLDING leads to STOPPED.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class State(Enum):
    """Of the driver's hold on the arm."""

    DISCONNECTED = "disconnected"  # no port, or servos are missing; nothing is sent
    LIMP = "limp"  # torque is off
    HOLDING = "holding"  # torque is on; the next command is followed
    FOLLOWING = "following"  # a command is in force
    FAULT = "fault"  # torque is on; commands are refused until what is wrong is over
    STOPPED = "stopped"  # torque is on; commands are refused until the e-stop is released


class Event(Enum):
    """What changes it."""

    CONNECTED = "connected"
    LOST = "lost"  # the port, or the arm could not be connected
    TORQUE_ON = "torque on"
    TORQUE_OFF = "torque off"
    COMMAND = "command"  # one was accepted
    NO_COMMAND = "no command"  # none came for too long, or one stopped the arm
    FAULT = "fault"  # a servo's, or one that does not answer
    CLEAR = "clear"  # no fault is left
    ESTOP = "e-stop"
    RELEASE = "release"  # of the e-stop


class SessionError(RuntimeError):
    """An event that cannot happen in the present state."""


_S, _E = State, Event
TABLE: Mapping[State, Mapping[Event, State]] = {
    _S.DISCONNECTED: {
        _E.CONNECTED: _S.LIMP,
        _E.LOST: _S.DISCONNECTED,
        _E.ESTOP: _S.DISCONNECTED,
        _E.RELEASE: _S.DISCONNECTED,
    },
    _S.LIMP: {
        _E.LOST: _S.DISCONNECTED,
        _E.TORQUE_ON: _S.HOLDING,
        _E.TORQUE_OFF: _S.LIMP,
        _E.FAULT: _S.LIMP,
        _E.CLEAR: _S.LIMP,
        _E.ESTOP: _S.LIMP,
        _E.RELEASE: _S.LIMP,
    },
    _S.HOLDING: {
        _E.LOST: _S.DISCONNECTED,
        _E.TORQUE_ON: _S.HOLDING,
        _E.TORQUE_OFF: _S.LIMP,
        _E.COMMAND: _S.FOLLOWING,
        _E.NO_COMMAND: _S.HOLDING,
        _E.FAULT: _S.FAULT,
        _E.CLEAR: _S.HOLDING,
        _E.ESTOP: _S.STOPPED,
        _E.RELEASE: _S.HOLDING,
    },
    _S.FOLLOWING: {
        _E.LOST: _S.DISCONNECTED,
        _E.TORQUE_ON: _S.HOLDING,
        _E.TORQUE_OFF: _S.LIMP,
        _E.COMMAND: _S.FOLLOWING,
        _E.NO_COMMAND: _S.HOLDING,
        _E.FAULT: _S.FAULT,
        _E.CLEAR: _S.HOLDING,
        _E.ESTOP: _S.STOPPED,
        _E.RELEASE: _S.HOLDING,
    },
    _S.FAULT: {
        _E.LOST: _S.DISCONNECTED,
        _E.TORQUE_ON: _S.HOLDING,
        _E.TORQUE_OFF: _S.LIMP,
        _E.FAULT: _S.FAULT,
        _E.CLEAR: _S.HOLDING,
        _E.ESTOP: _S.FAULT,
        _E.RELEASE: _S.FAULT,
    },
    _S.STOPPED: {
        _E.LOST: _S.DISCONNECTED,
        _E.TORQUE_ON: _S.HOLDING,  # with the e-stop engaged: stays STOPPED
        _E.TORQUE_OFF: _S.LIMP,
        _E.FAULT: _S.FAULT,
        _E.CLEAR: _S.HOLDING,
        _E.ESTOP: _S.STOPPED,
        _E.RELEASE: _S.HOLDING,
    },
}

WITH_TORQUE = frozenset({_S.HOLDING, _S.FOLLOWING, _S.FAULT, _S.STOPPED})
TAKES_COMMANDS = frozenset({_S.HOLDING, _S.FOLLOWING})


class Session:
    """The present state. Not for several threads at once: its owner has a lock."""

    def __init__(self) -> None:
        self.state = State.DISCONNECTED
        self.is_stopped = False  # the e-stop is engaged
        self.torque = False  # it was switched on; without a connection, when that was lost

    def happen(self, event: Event) -> State:
        """The state after ``event``. Raises SessionError for one that cannot happen now."""
        after = TABLE[self.state].get(event)
        if after is None:
            possible = ", ".join(entry.value for entry in TABLE[self.state])
            raise SessionError(
                f"'{event.value}' cannot happen while {self.state.value}; expected {possible}"
            )
        if event in (Event.ESTOP, Event.RELEASE):
            self.is_stopped = event is Event.ESTOP
        if after is State.HOLDING and self.is_stopped:
            after = State.STOPPED
        self.state = after
        if after is not State.DISCONNECTED:
            self.torque = after in WITH_TORQUE
        return after


def diagram() -> str:
    """`TABLE` for Mermaid, which GitHub draws; events that change nothing are left out."""
    lines = ["stateDiagram-v2", "    [*] --> disconnected"]
    for state, entries in TABLE.items():
        events: dict[State, list[str]] = {}
        for event, after in entries.items():
            if state is State.STOPPED and after is State.HOLDING and event is not Event.RELEASE:
                continue  # the e-stop stays engaged
            if after is not state:
                events.setdefault(after, []).append(event.value)
        lines += [
            f"    {state.value} --> {after.value}: {', '.join(names)}"
            for after, names in events.items()
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(diagram(), end="")
