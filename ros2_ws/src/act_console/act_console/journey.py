"""How far a set-up has come, from the arm to a policy, and which command is the next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from act_bringup.setup_check import checked
from act_core.errors import ConfigurationError
from act_core.files import read_json
from act_core.policy_json import SPEC_FILE, read_spec
from act_core.policy_spec import BundleError
from act_core.setup_file import EMULATED, Setup
from act_record.bag_reader import is_kept
from so101_driver import calibration
from so101_driver.setup.ports import usb_ports
from so101_driver.so_arm import SO101_NAME, find_arm

EPISODES, DATASET, RUNS, POLICY = "episodes", "dataset", "runs", "policy"
"""Folders of a set-up, beside its file."""

DONE, OPEN, WRONG = "done", "open", "wrong"


@dataclass(frozen=True)
class Step:
    """One station of the journey.

    state: `DONE`; `OPEN`, for what is not there yet; `WRONG`, for what was there and is not well.
    text: what there is, or what is the matter.
    cure: the command that leads on from here; empty where nothing needs to be done.
    """

    name: str
    state: str
    text: str
    cure: str = ""


@dataclass(frozen=True)
class Demonstrations:
    """Counts of the episodes in a folder."""

    kept: int
    to_redo: int
    failed: int


def journey(setup: Setup) -> list[Step]:
    """The stations of a set-up, in their order. Looks at files and devices, starts nothing."""
    name = shlex.quote(setup.name)
    return [*hardware(setup), _demonstrations(setup, name), _policy(setup, name)]


def hardware(setup: Setup) -> list[Step]:
    """The first of them: arm, leader if there is one, and cameras."""
    name = shlex.quote(setup.name)
    return [
        _arm(setup, name),
        *([_leader(setup, name)] if setup.leader else []),
        _cameras(setup, name),
    ]


def next_command(setup: Setup, steps: list[Step]) -> str:
    """What to type now."""
    return next((step.cure for step in steps if step.cure), f"act run {shlex.quote(setup.name)}")


def demonstrations(folder: Path) -> Demonstrations:
    """What was recorded, by what was said of each episode."""
    kept = to_redo = failed = 0
    for file in folder.glob("*/episode.json"):
        try:
            outcome = read_json(file)
        except ConfigurationError:
            outcome = None
        if not isinstance(outcome, dict) or not is_kept(outcome):
            to_redo += 1
        elif outcome.get("success") is False:
            failed += 1
        else:
            kept += 1
    return Demonstrations(kept, to_redo, failed)


def _arm(setup: Setup, name: str) -> Step:
    again = f"so101-setup save {name}"
    try:
        checked(setup)
    except ConfigurationError as error:
        return Step("arm", WRONG, str(error), again)
    if setup.hardware == EMULATED:
        return Step("arm", DONE, "emulated")
    return _servos("arm", setup.launch_arguments(), "", "follower", again)


def _leader(setup: Setup, name: str) -> Step:
    arguments = setup.launch_arguments()
    return _servos("leader", arguments, "leader_", "leader", f"so101-setup save {name}")


def _servos(what: str, arguments: dict[str, str], prefix: str, role: str, again: str) -> Step:
    port = arguments[f"{prefix}port"]
    if not Path(port).exists():
        plugged = ", ".join(found.device for found in usb_ports()) or "none"
        return Step(
            what, WRONG, f"{port} is not there (serial USB adapters: {plugged}): plug it in", again
        )
    named = arguments.get(f"{prefix}calibration", "")
    robot = arguments.get(f"{prefix}robot") or arguments.get("robot", SO101_NAME)
    which = f" --robot {robot}" if robot != SO101_NAME else ""
    cure = f"so101-setup calibrate --port {port} --name {named or 'NAME'} --role {role}{which}"
    if not named:
        return Step(what, OPEN, f"{port}, not calibrated", cure)
    try:
        arm = find_arm(robot)
        calibration.load(calibration.find(named, role, arm), arm)
    except ConfigurationError as error:
        return Step(what, WRONG, str(error), cure)
    return Step(what, DONE, f"{port}, calibration {named}")


def _cameras(setup: Setup, name: str) -> Step:
    if setup.hardware == EMULATED:
        return Step("cameras", DONE, "of the simulation")
    again = f"so101-setup save {name}"
    if not setup.cameras:
        return Step("cameras", OPEN, "none: a policy that sees needs some", again)
    gone = [
        f"{camera}: {entry[key]}"
        for camera, entry in setup.cameras.items()
        for key in ("device", "file")
        if key in entry and not Path(str(entry[key])).exists()
    ]
    if gone:
        there = ", ".join(map(str, video_devices())) or "none"
        text = f"not there: {', '.join(gone)} (cameras of this computer: {there})"
        return Step("cameras", WRONG, text, again)
    return Step("cameras", DONE, setup.cameras_text.replace(",", ", "))


def video_devices() -> Iterator[Path]:
    """USB cameras of this computer, by the names that stay."""
    by_id = sorted(Path("/dev/v4l/by-id").glob("*-video-index0"))
    yield from by_id or sorted(Path("/dev").glob("video*"))


def _demonstrations(setup: Setup, name: str) -> Step:
    found = demonstrations(setup.folder / EPISODES)
    text = f"{found.kept} of {setup.episodes}"
    if found.to_redo:
        text += f", {found.to_redo} to be recorded again"
    if found.failed:
        text += f", {found.failed} failed"
    if found.kept >= setup.episodes:
        return Step("demonstrations", DONE, text)
    return Step("demonstrations", OPEN, text, f"act teach {name}")


def _policy(setup: Setup, name: str) -> Step:
    folder = setup.folder / POLICY
    train = f"act train {name}"
    if not (folder / SPEC_FILE).exists():
        begun = sorted((setup.folder / RUNS).glob("*"))
        text = f"none yet; {begun[-1]} was begun" if begun else "none yet"
        return Step("policy", OPEN, text, train)
    try:
        spec = read_spec(folder)
    except BundleError as error:
        return Step("policy", WRONG, str(error), train)
    taught_on = spec.provenance.get("episodes")
    plural = "" if taught_on == 1 else "s"
    text = f"'{spec.name}'" + (f", from {taught_on} demonstration{plural}" if taught_on else "")
    return Step("policy", DONE, text)
