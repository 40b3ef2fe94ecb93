"""Trials of policies on a table, with a person who puts the object in place and watches."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from act_core.setup_file import Setup
from act_core.topics import camera_image
from so101_driver.setup.console import Console

from act_console.score_sheet import ScoreSheet, Trial, outcome_of

SET_BOOL = "std_srvs/srv/SetBool"
STOP = ["ros2", "service", "call", "/estop", SET_BOOL, "{data: true}"]
ENABLE = ["ros2", "service", "call", "/policy/enable", SET_BOOL, "{data: true}"]
ENDS_WITHIN_S = 10.0
ASK = "s success, f failure, i with your help, l leave this trial out; a note may follow:"
STUCK = "The arm did not come to where the policy starts."


class Place(Protocol):
    """What is done with the arm in a trial."""

    def go_to_start(self, bundle: Path) -> bool:
        """Leads the arm to where the policy's episodes start; false where it does not get there."""
        ...

    def begin(self, bundle: Path) -> None:
        """Lets the policy act."""
        ...

    def end(self) -> None:
        """Ends the policy; the arm holds where it is."""
        ...


class Table:
    """The arm and the cameras of a set-up, which run already.

    call: runs a command and returns its exit code.
    """

    def __init__(self, setup: Setup, call: Callable[[Sequence[str]], int]) -> None:
        self._call = call
        self._remaps = [
            part
            for name, entry in setup.cameras.items()
            if "topic" in entry
            for part in ("-r", f"{camera_image(name).name}:={entry['topic']}")
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def go_to_start(self, bundle: Path) -> bool:
        return self._call(to_start(bundle)) == 0

    def begin(self, bundle: Path) -> None:
        command = ["ros2", "run", "act_policy", "policy_node", "--ros-args", *self._remaps]
        command += ["-p", f"bundle:={bundle}", "-p", "enabled:=true"]
        # Of a session of its own: Ctrl-C is for whoever asks, who then ends the trial.
        self._process = subprocess.Popen(command, start_new_session=True)

    def end(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process = None


def to_start(bundle: Path) -> list[str]:
    """The command that leads the arm slowly to where a policy's episodes start."""
    where = f"start_of:={bundle}"
    return ["ros2", "run", "so101_driver", "move_node", "--ros-args", "-p", where]


def judge(sheet: ScoreSheet, file: Path, console: Console, place: Place) -> None:
    """Makes the trials that are left; each is saved as soon as the person has said what it was.

    ``q`` or Ctrl-C ends it; the same call goes on later.
    """
    total = sheet.placements * len(sheet.policies)
    while (following := sheet.next()) is not None:
        placement, policy = following
        console.say(f"\ntrial {len(sheet.trials) + 1} of {total}")
        console.say(f"  put the object {sheet.placement_text(placement)}")
        if console.ask("  hands off, then Enter (q ends):").lower() == "q":
            return
        if not place.go_to_start(Path(policy)):
            console.say(f"  {STUCK}")
            if console.ask("  Enter to try again, q ends:").lower() == "q":
                return
            continue
        began_s = time.monotonic()
        place.begin(Path(policy))
        try:
            answer = console.ask("  Enter stops it, as does every answer.\n  " + ASK)
            seconds = time.monotonic() - began_s
        finally:
            place.end()
        while (said := outcome_of(answer)) is None and answer.strip().lower() != "l":
            answer = console.ask(f"  {ASK}")
        if said is None:
            continue
        outcome, note = said
        sheet.add(Trial(policy, placement, outcome, round(seconds, 1), note))
        sheet.save(file)
        console.say(f"  taken down: {outcome}")
