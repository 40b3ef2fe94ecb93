"""The policy node's status is what really is: clocks, stamps, others on its topics, silence."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="run `make setup`: rclpy is not installed")

from act_core import topics
from act_core.ros import publisher
from act_core.timing import FakeClock
from act_core.traffic import Traffic
from act_policy.command_stats import CommandStats
from act_policy.policy_report import PolicyState, control_report, true_result
from act_policy.policy_runner import Action, Hold
from rclpy.node import Node
from rclpy.time import Time

from tests.act_policy.test_policy_node import MS, acting, control_says, running  # noqa: F401

WARN = b"\x01"
ACTING = Action(np.zeros(1), 0, 0, 1, None)


def level(robot) -> bytes:
    return robot.reports["/act_policy: control"][0]


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        (lambda now_ns: now_ns + 3_600_000 * MS, "1.0 h ahead: the sender's clock is ahead"),
        (lambda now_ns: now_ns - 3_600_000 * MS, "1.0 h ago: the sender's clock is behind"),
        (lambda now_ns: 0, "stamped 0: the sender's clock never came"),
        (lambda now_ns: now_ns % (1000 * 1000 * MS), "that looks like uptime or simulated time"),
    ],
)
def test_a_stamp_that_is_not_of_now_is_told_in_true_words(running, stamp, words):  # noqa: F811
    node, robot, until = running(enabled=True)
    until(acting(node))
    now_ns = robot.now_ns
    robot.now_ns = lambda: stamp(now_ns())
    until(lambda: control_says(robot, words) and level(robot) == WARN)
    assert "refused: " in robot.reports["/act_policy: control"][1]
    robot.now_ns = now_ns
    until(lambda: control_says(robot, "acting"))


def test_others_on_its_topics_are_named(running):  # noqa: F811
    node, robot, until = running(enabled=True)
    until(acting(node))
    until(lambda: control_says(robot, "acting") and not control_says(robot, ";"))
    other = Node("another_arm")
    joints = publisher(other, topics.JOINT_STATES)
    until(lambda: control_says(robot, "2 publishers on joint_states: /another_arm, /robot"))
    assert level(robot) == WARN
    joints.destroy()
    publisher(other, topics.JOINT_COMMANDS)
    until(lambda: control_says(robot, "/another_arm can send joint_commands as well"))
    assert level(robot) == WARN
    other.destroy_node()
    until(lambda: robot.reports["/act_policy: control"][1] == "acting")


class Stepped:
    """The clock of a node, set by somebody."""

    def __init__(self, node) -> None:
        self._clock, self.offset_ns = node.get_clock(), 0

    def now(self) -> Time:
        now = self._clock.now()
        return Time(nanoseconds=now.nanoseconds + self.offset_ns, clock_type=now.clock_type)


@pytest.mark.parametrize("step_ms", [300, -300, 3_600_000, -3_600_000])
def test_a_clock_that_is_set_is_survived(running, step_ms):  # noqa: F811
    node, robot, until = running(enabled=True)
    clock = Stepped(node)
    node.get_clock = lambda: clock
    until(acting(node))
    clock.offset_ns = robot.clock_offset_ns = step_ms * MS  # of all nodes of one machine
    until(acting(node, 20))
    until(lambda: control_says(robot, "acting"))


def test_no_command_for_a_second_is_an_error_whatever_the_loop_last_said():
    clock = FakeClock(5_000 * MS)
    sent = Traffic(clock)
    sent.count()
    assert true_result(ACTING, None, sent, None) is ACTING
    clock.advance(1.5)
    hold = true_result(ACTING, None, sent, "ValueError('no')")
    assert hold == Hold("no_command", "none went out for 1.5 s: ValueError('no')")
    state = PolicyState(hold, enabled=True, settling=False)
    report = control_report(state, "policy 'toy'", None, CommandStats(), sent, [], {})
    assert (report.level, report.text[:18]) == ("error", "holding: no_comman")
    assert report.values["commands_rate_hz"] == "0.0"
    assert true_result(ACTING, "no /clock", sent, None) == Hold("no_clock", "no /clock")


def test_to_hold_is_no_fault_while_an_episode_begins():
    hold = Hold("no_plan", "waiting for the first chunk")
    for settling, expected in ((True, "ok"), (False, "warn")):
        state = PolicyState(hold, True, settling)
        report = control_report(state, "toy", None, CommandStats(), Traffic(), [], {})
        assert report.level == expected


def test_a_new_episode_is_no_warning_and_one_line_says_who_drives(running, capfd):  # noqa: F811
    node, _robot, until = running(enabled=True)
    until(acting(node))
    node.reset("a new episode")
    until(acting(node, 30))
    log = capfd.readouterr().err
    assert "[WARN]" not in log
    assert log.count("acting: policy 'toy' (/act_policy) drives") >= 1
