"""Asks a person for what stands on the table, and writes it down as a set-up.

Arms are told apart as they are plugged in, each is looked at and calibrated, and each camera takes
a picture to be recognised by. Whatever was answered before is offered again, so that a set-up is
changed by making it once more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from act_camera.frame_source import CameraLostError
from act_camera.snapshot import take_snapshot
from act_core.errors import ConfigurationError
from act_core.setup_file import CAMERA_NAME, EMULATED, FILE, REAL, Setup, Value, folder_of
from so101_driver import calibration
from so101_driver.setup.console import Console
from so101_driver.setup.ports import usb_ports

from act_console.journey import video_devices

Call = Callable[[Sequence[str]], int]

STABLE_NAMES = (Path("/dev/serial/by-id"), Path("/dev/serial/by-path"))
FOLLOWER, LEADER = "follower", "leader"
WHAT = {
    FOLLOWER: "the arm that does the task (the follower)",
    LEADER: "the arm that you move by hand (the leader)",
}


def emulated(name: str, task: str, episodes: int) -> Setup:
    """A set-up without an arm, for a rehearsal; pictures that a laptop draws without effort."""
    small: dict[str, Value] = {"width": 320, "height": 240}
    file = folder_of(name) / FILE
    return Setup(file, EMULATED, simulation=small, task=task or "pick_place", episodes=episodes)


def ask_for_setup(
    before: Setup, console: Console, call: Call, port: str = "", leader_port: str = ""
) -> Setup:
    """The set-up, with what the person answers.

    Args:
        before: what is known already.
        call: runs a command and returns its exit code.
        port, leader_port: of the arms; empty: they are looked for.

    Raises ConfigurationError where no arm is to be found.
    """
    arm = dict(before.arm)
    arm |= _arm(FOLLOWER, before.name, console, call, port or str(arm.get("port", "")))
    leader = dict(before.leader)
    wanted = "y" if leader or leader_port else "n"
    if _answer(console, "Is there a leader arm? y or n", wanted).lower().startswith("y"):
        known = leader_port or str(leader.get("port", ""))
        leader = _arm(LEADER, f"{before.name}_leader", console, call, known)
    else:
        leader = {}
    cameras = _cameras(before, console)
    task = _answer(console, "What is it to learn, in words?", before.task)
    return dataclasses.replace(
        before, hardware=REAL, arm=arm, leader=leader, cameras=cameras, task=task
    )


def _arm(role: str, name: str, console: Console, call: Call, port: str) -> dict[str, Value]:
    if not port or not Path(port).exists():
        port = _plugged_in(role, console)
    console.say(f"{WHAT[role]}: {port}")
    if call(["so101-setup", "scan", "--port", port]) and not _go_on(console):
        raise ConfigurationError(f"the arm at {port} is not well: see above")
    known = calibration.known_ids(role)
    offered = name if name in known or not known else known[0]
    while True:
        prompt = f"Its calibration ({', '.join(known) or 'none yet'}; a new name: calibrate now)"
        wanted = _answer(console, prompt, offered)
        if wanted in known or Path(wanted).is_file():
            break
        if not call(["so101-setup", "calibrate", "--port", port, "--name", wanted, "--role", role]):
            break
        console.say("It was not calibrated.")
        if not _go_on(console):
            break
    return {"port": port, "calibration": wanted}


def _plugged_in(role: str, console: Console) -> str:
    """The port of the adapter that appears when the person plugs it in, by a name that stays."""
    while True:
        there = {port.device for port in usb_ports()}
        console.ask(f"Plug {WHAT[role]} in, by USB and power (again, if it is in), then Enter:")
        ports = [port.device for port in usb_ports()]
        new = [device for device in ports if device not in there] or ports
        if len(new) == 1:
            return stable_name(new[0])
        if not new:
            console.say("There is no serial USB adapter; `dmesg | tail` says what was plugged in.")
        else:
            console.say(f"There are {', '.join(new)}: unplug this arm, then Enter, to tell which.")
            console.ask("Unplugged:")
            gone = [device for device in new if device not in {p.device for p in usb_ports()}]
            if len(gone) == 1:
                console.ask("Plug it in again, then Enter:")
                return stable_name(gone[0])
        if not _go_on(console):
            raise ConfigurationError(f"{WHAT[role]} was not found; `so101-setup find-port` looks")


def stable_name(device: str, folders: Sequence[Path] = STABLE_NAMES) -> str:
    """A name of a device that is the same after it was plugged in again, where there is one."""
    for folder in folders:
        for link in sorted(folder.glob("*")):
            if link.resolve() == Path(device).resolve():
                return str(link)
    return device


def _cameras(before: Setup, console: Console) -> dict[str, dict[str, Value]]:
    """Those that are named now, and of those before the ones that are no USB cameras."""
    cameras = {name: dict(entry) for name, entry in before.cameras.items() if "device" not in entry}
    names = {
        str(entry["device"]): name for name, entry in before.cameras.items() if "device" in entry
    }
    for number, device in enumerate(video_devices()):
        picture = before.folder / "cameras" / f"{number}.jpg"
        try:
            what = take_snapshot("v4l2", picture, device=str(device))
        except (CameraLostError, ConfigurationError) as error:
            console.say(f"{device}: {error}")
            continue
        console.say(f"{device}: {what}\n  what it sees: {picture}")
        known = names.get(str(device), "")
        while True:
            name = _answer(console, "Its name, e.g. front or wrist; - leaves it out", known or "-")
            if name == "-":
                break
            if not CAMERA_NAME.fullmatch(name) or name in cameras:
                console.say("It needs a name of its own, of letters, digits and '_'.")
                continue
            options = before.cameras.get(name, {}) if name == known else {}
            cameras[name] = {**options, "device": str(device)}
            picture.replace(picture.with_name(f"{name}.jpg"))
            break
    if not cameras:
        console.say("There is no camera: a policy that sees needs one.")
    return cameras


def _answer(console: Console, question: str, offered: str) -> str:
    """What was typed, or what was offered where nothing was."""
    return console.ask(f"{question} [{offered}]:" if offered else f"{question}:") or offered


def _go_on(console: Console) -> bool:
    return console.ask("Enter to try again or go on, or q to leave:").lower() != "q"
