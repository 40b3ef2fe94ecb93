"""The control status tells what really came and went."""

from __future__ import annotations

import pytest
from act_core.arm_status import ArmStatus
from act_core.command_gate import Refusal
from act_core.timing import FakeClock


class Arm:
    """An arm at 100 Hz that is told what goes on."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.status = ArmStatus(self.clock)
        self.status.hold = "no command yet"

    def run(self, seconds: float, command: object = "none", states: bool = True) -> None:
        for _ in range(round(100 * seconds)):
            self.clock.advance(0.01)
            if command != "none":
                self.status.heard(command)
            if states:
                self.status.states.count()
                self.status.applied.count()

    def said(self, *others: str) -> tuple[str, str]:
        report = self.status.report({}, others)
        assert report.task == "control"
        return report.level, report.text


def test_following_takes_commands_and_states():
    arm = Arm()
    arm.run(1.0)
    assert arm.said() == ("warn", "no command yet")
    arm.status.hold = None
    arm.run(1.0, command=None)
    assert arm.said() == ("ok", "following")
    arm.run(1.0)  # in lockstep the gate sees no period without a command, and never holds
    assert arm.said() == ("warn", "no command for 1.0 s")
    arm.run(0.1, command=None)
    assert arm.said() == ("ok", "following")


def test_a_control_loop_that_stands_is_an_error_whatever_it_meant_to_do():
    arm = Arm()
    arm.status.hold = None
    arm.run(1.0, command=None)
    arm.run(0.6, command=None, states=False)
    assert arm.said() == ("error", "no joint states for 0.6 s")
    arm.run(0.1, command=None)
    assert arm.said() == ("ok", "following")


def test_states_that_never_came():
    arm = Arm()
    arm.run(0.4, states=False)
    assert arm.said() == ("warn", "no command yet")
    arm.run(2.6, states=False)
    assert arm.said() == ("error", "no joint states for 3.0 s; no command yet")


def test_refused_commands_are_the_cause_and_come_first():
    arm = Arm()
    arm.run(2.0, command=Refusal("stamp", "stamped 1.0 h ago"))
    text = "100 commands refused in the last second: stamped 1.0 h ago; no command yet"
    assert arm.said() == ("warn", text)
    arm.status.hold = None
    arm.run(0.5, command=None)
    assert arm.said()[0] == "warn", "fifty of them are still in the last second"
    arm.run(0.6, command=None)
    assert arm.said() == ("ok", "following")


def test_what_a_policy_is_refused_does_not_hide_what_a_person_is_refused():
    arm = Arm()
    arm.status.hold = "e-stop engaged"
    for _ in range(100):  # in this order always: the policy's is the newest whenever it is asked
        arm.status.heard(Refusal("estop", "nobody can take the arm over"), "person")
        arm.run(0.01, command=Refusal("estop", "e-stop engaged"))
    text = "99 commands refused in the last second: nobody can take the arm over; e-stop engaged"
    assert arm.said() == ("warn", text)
    arm.run(1.1, command=Refusal("estop", "e-stop engaged"))
    assert arm.said() == ("warn", "e-stop engaged"), "the person has let go"


@pytest.mark.parametrize(("failing", "level"), [(False, "warn"), (True, "error")])
def test_a_reason_is_said_once(failing, level):
    arm = Arm()
    arm.status.hold, arm.status.failing = "elbow_flex: 75 degC", failing
    arm.run(1.0, command=Refusal("not_ready", "elbow_flex: 75 degC"))
    assert arm.said() == (level, "elbow_flex: 75 degC")


def test_warnings_of_others_are_told():
    arm = Arm()
    arm.status.hold = None
    arm.run(1.0, command=None)
    assert arm.said("2 publishers on joint_commands: /a, /b") == (
        "warn", "2 publishers on joint_commands: /a, /b",
    )  # fmt: skip


def test_the_figures():
    arm = Arm()
    arm.run(1.0, command=None)
    arm.run(0.25, command=Refusal("estop", "e-stop engaged"))
    values = arm.status.report({"torque": "on"}).values
    assert values["torque"] == "on"
    assert values["commands"] == "100"
    assert values["commands_rate_hz"] == "75.0"
    assert values["commands_age_s"] == "0.250"
    assert values["refused_rate_hz"] == "25.0"
    assert values["joint_states_rate_hz"] == "100.0"
    assert values["applied_rate_hz"] == "100.0"
