"""The recording screen: what a person reads, in a terminal of 80 columns."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from act_record.gauges import Gauges, StreamGauge, cure
from act_record.screen import Screen, panel
from rich.console import Console

STREAMS = (
    StreamGauge("joint", 100.0, 0.008),
    StreamGauge("front", 29.0, 0.021),
    StreamGauge("wrist", 0.0, 1.4),
)
GAUGES = Gauges(
    number=3, wanted=50, kept=2, redo=1, failed=1, streams=STREAMS, leader=None, disk_s=3000.0,
    verdict="REDO: camera wrist: 24.0 Hz instead of 30 (5.0 s)",
    problems=("camera wrist: 24.0 Hz instead of 30",),
)  # fmt: skip


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80, height=24, highlight=False)


def drawn(gauges: Gauges, status: str = "recording 3 s") -> str:
    console = Console(file=io.StringIO(), width=80, height=24, highlight=False)
    console.print(panel(status, True, gauges))
    return console.file.getvalue()


def test_it_tells_what_is_asked_in_an_evening():
    said = drawn(GAUGES)
    for words in (
        "recording 3 s", "episode 3 of 50", "kept 2", "to redo 1", "failed 1", "disk for 50 min",
        "front", "29 Hz", "21 ms old", "1.4 s old", "no leader arm is heard", "24.0 Hz instead of",
        "the computer was busy (load", "space start, stop",
    ):  # fmt: skip
        assert words in said, said
    assert len(said.splitlines()) <= 24
    assert max(map(len, said.splitlines())) <= 80


def test_a_leader_and_what_has_not_come():
    leader, front = StreamGauge("leader", 98.0, 0.01), StreamGauge("front", 0.0, None)
    said = drawn(replace(GAUGES, leader=leader, streams=(front,), verdict=None, problems=()))
    assert "leader" in said
    assert "98 Hz" in said
    assert "nothing yet" in said
    assert "last:" not in said


def test_lines_stay_above_the_panel_and_are_no_markup():
    console = terminal()
    screen = Screen(console)
    screen.show("space starts", False, GAUGES)
    screen.say("\a[red]recording episode_000003[/red]")
    screen.show("recording 1 s", True, GAUGES)
    screen.close()
    written = console.file.getvalue()
    assert "[red]recording episode_000003[/red]" in written
    assert "\a" in written
    assert written.index("space starts") < written.index("episode_000003")


def test_without_a_terminal_there_are_lines_only():
    console = Console(file=io.StringIO(), width=80)
    screen = Screen(console)
    screen.show("space starts", False, GAUGES)
    screen.say("\akept")
    screen.close()
    assert console.file.getvalue() == "kept\n"


@pytest.mark.parametrize(
    ("problem", "helps"),
    [
        ("3 joint states without a finite position for each joint", "calibrate"),
        ("the stamps of commands are 3 days apart: a clock was wrong", "NTP"),
        ("only 0.4 s long", "longer"),
        ("no joint states", "arm's node"),
        ("joint states: nothing of the last 0.38 s", "arm's node"),
        ("no commands", "take the arm"),
        ("no images", "plugged in"),
        ("the arm rests in 56% of the time", "act-record trim"),
        ("camera front: 25.0 Hz instead of 30", "load 14"),
        ("camera front: 9 frames missing", "load 14"),
        ("camera front: an image came 0.40 s late", "load 14"),
        ("cameras are up to 80 ms apart", "load 14"),
        ("the arm follows its commands 0.40 s late", "supply"),
        ("no joint states for 0.20 s", "load 14"),
        ("no commands for 0.40 s", "hold on"),
        ("camera wrist: nothing of the last 0.50 s", "load 14"),
        ("messages that cannot be read: {'joint_states': 2}", "restart"),
        ("something that is not known yet", "record it again"),
    ],
)
def test_each_problem_has_a_cure(problem, helps):
    assert helps in cure(problem, 14.2)
