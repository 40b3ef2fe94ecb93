"""Keys, pauses and marks; the terminal they come from; the command with a real one."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios

import pytest
from act_core.errors import ConfigurationError
from act_record.keyboard import Keyboard
from act_record.session import BELL, HELP, Session
from act_record.timeline import Timeline
from act_record.verdict import judge

from tests.ros_rig import PATIENCE_S


class Recorder:
    """Keeps a list of what it was told."""

    def __init__(self) -> None:
        self.recording = False
        self.told: list[str] = []
        self.kept = 0
        self.wanted = 0

    @property
    def complete(self):
        return 0 < self.wanted <= self.kept

    def start(self):
        if "refuse" in self.told:
            raise ConfigurationError("nothing has come on joint_states yet")
        self.recording = True
        self.told.append("start")
        return f"episode_{self.kept:06d}"

    def stop(self, success=None, reason=""):
        self.recording = False
        self.kept += 1
        self.told.append(f"stop {success}")
        return judge(Timeline())

    def discard(self):
        if not (self.recording or self.kept):
            raise ConfigurationError("there is no episode to discard")
        self.kept -= not self.recording
        self.recording = False
        self.told.append("discard")
        return "episode_000000"

    def mark(self, success):
        self.told.append(f"mark {success}")
        return "episode_000000"


def session(pause_s: float = 3.0) -> tuple[Session, Recorder, list[str]]:
    recorder, said = Recorder(), []
    return Session(recorder, said.append, pause_s), recorder, said


def test_space_starts_and_stops_and_the_next_one_begins_after_the_pause():
    keys, recorder, said = session()
    assert keys.status(0.0) == "space starts"
    keys.key(" ", 0.0)
    assert keys.status(4.2) == "recording 4 s"
    keys.key(" ", 5.0)
    assert recorder.told == ["start", "stop None"]
    assert "REDO: only 0.0 s long" in said[-1]
    assert keys.status(5.5) == "put the scene back: 3 s"
    keys.tick(7.9)
    assert not recorder.recording
    keys.tick(8.0)
    assert recorder.recording
    assert said[-1] == f"{BELL}recording episode_000001"


def test_a_space_in_the_pause_begins_at_once():
    keys, recorder, _ = session()
    for now_s in (0.0, 5.0, 6.0):
        keys.key(" ", now_s)
    assert recorder.told == ["start", "stop None", "start"]
    keys.tick(8.5)
    assert recorder.told[-1] == "start"
    assert len(recorder.told) == 3


def test_without_a_pause_it_waits():
    keys, recorder, _ = session(pause_s=0.0)
    keys.key(" ", 0.0)
    keys.key(" ", 5.0)
    keys.tick(1000.0)
    assert not recorder.recording
    assert keys.status(1000.0) == "space starts"


@pytest.mark.parametrize("key", ["\x7f", "\b"])
def test_backspace_discards(key):
    keys, recorder, _ = session()
    keys.key(" ", 0.0)
    keys.key(key, 1.0)
    assert recorder.told == ["start", "discard"]


def test_redo_discards_and_begins_again_after_the_pause():
    keys, recorder, said = session()
    keys.key(" ", 0.0)
    keys.key("r", 1.0)
    assert said[-1] == "once more"
    keys.tick(4.0)
    assert recorder.told == ["start", "discard", "start"]


def test_marks_end_an_episode_or_judge_the_last_one():
    keys, recorder, said = session(pause_s=60.0)
    keys.key(" ", 0.0)
    keys.key("s", 1.0)
    keys.key("f", 2.0)
    assert recorder.told == ["start", "stop True", "mark False"]
    assert said[-1] == "episode_000000 was a failure"


def test_the_last_one_can_be_marked_or_done_again():
    keys, recorder, _ = session()
    recorder.wanted = 1
    keys.key(" ", 0.0)
    keys.key(" ", 5.0)
    assert keys.pausing
    assert keys.status(5.0) == "that was the last one: s, f, r or 3 s"
    keys.key("r", 6.0)
    keys.tick(9.0)
    assert recorder.recording
    keys.key("s", 12.0)
    keys.tick(15.0)
    assert (keys.pausing, recorder.recording, keys.quit) == (False, False, False)
    assert recorder.told == ["start", "stop None", "discard", "start", "stop True"]
    keys.key(" ", 16.0)
    assert keys.quit


def test_what_cannot_be_is_said_and_changes_nothing():
    keys, recorder, said = session()
    keys.key("\x7f", 0.0)
    assert said[-1] == f"{BELL}there is no episode to discard"
    recorder.told.append("refuse")
    keys.key(" ", 0.0)
    assert said[-1] == f"{BELL}nothing has come on joint_states yet"
    assert not recorder.recording
    keys.key("x", 0.0)
    assert said[-1] == HELP
    assert not keys.quit
    keys.key("q", 0.0)
    assert keys.quit


def test_keys_come_without_enter_and_the_terminal_is_as_before():
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with Keyboard(theirs) as keyboard:
        assert keyboard.read() == ""
        os.write(ours, b" s")
        assert keyboard.read() == " s"
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


def test_without_a_terminal_it_says_what_to_do_instead():
    read, write = os.pipe()
    with pytest.raises(ConfigurationError, match="start record_node and call record/start"):
        Keyboard(read)
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("end", ["key", "signal"])
def test_the_command_runs_in_a_terminal(tmp_path, end):
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    program = "from act_record.cli import main; raise SystemExit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "--out", str(tmp_path / "out"), "--cameras", "front"],
        stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    shown = ""
    while "space starts" not in shown:
        shown += os.read(ours, 4096).decode()
    os.write(ours, b" ")
    while "nothing has come on joint_states, camera/front/image_raw yet" not in shown:
        shown += os.read(ours, 4096).decode()
    if end == "key":
        os.write(ours, b"q")
    else:
        process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)
