"""The command ``so101-setup``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from act_core.errors import ConfigurationError
from act_core.files import write_file
from act_core.robots.so101 import JOINT_NAMES, JOINTS

from so101_driver import calibration as stored
from so101_driver.arm import So101Arm
from so101_driver.arm_checks import check_calibration, write_calibration
from so101_driver.bus import Bus
from so101_driver.bus_errors import ArmError, BusError, PortError
from so101_driver.calibration_checks import doubts
from so101_driver.registers import BAUD_RATES
from so101_driver.setup import ports
from so101_driver.setup.assign_id import assign_id, find_single_servo
from so101_driver.setup.calibrate import GOES_LIMP, calibrate
from so101_driver.setup.console import Console, Terminal
from so101_driver.setup.drift import DRIFT_WARN_DEG, drifts, outside_range
from so101_driver.setup.scan import ALL_IDS, JOINT_BY_ID, problems, scan, table
from so101_driver.setup.sweep import SeamError, sweep, swept_joints
from so101_driver.so_arm import ARM, find_arm
from so101_driver.transport import SerialTransport

DONE, DIFFERENT, REFUSED, INTERRUPTED = 0, 1, 2, 130
BAUD = BAUD_RATES[0]


def open_bus(port: str, baud: int = BAUD) -> Bus:
    """Raises PortError with what to do when the port cannot be opened."""
    return Bus(SerialTransport(port, baud))


@contextmanager
def arm_bus(port: str, console: Console) -> Iterator[Bus]:
    """The bus of a whole arm. Raises ConfigurationError with all that is wrong with it."""
    found = problems(scan(partial(open_bus, port), JOINT_BY_ID, (BAUD,)))
    if any(problem.fatal for problem in found):
        raise ConfigurationError("\n".join(map(str, found)))
    for problem in found:
        console.say(str(problem))
    bus = open_bus(port)
    try:
        yield bus
    finally:
        bus.close()


def run_find_port(arguments: argparse.Namespace, console: Console) -> int:
    """Lists the USB adapters with the servos behind them, and offers a udev rule."""
    found = ports.usb_ports()
    if not found:
        console.say(
            "There is no serial USB adapter. Plug it in; `dmesg | tail` says whether the computer "
            "sees it. (brltty takes CH340 adapters for braille displays: sudo apt remove brltty)"
        )
        return DIFFERENT
    with_arm = []
    for port in found:
        console.say(f"{port.device}  {port.adapter}  serial {port.serial or 'none'}")
        try:
            servos = scan(partial(open_bus, port.device), JOINT_BY_ID, (BAUD,))
        except PortError as error:
            console.say(f"  {error}")
            continue
        if servos:
            with_arm.append(port)
            ids = ", ".join(str(servo.servo_id) for servo in servos)
            console.say(f"  servos {ids} at {servos[0].volts:.1f} V")
        else:
            console.say("  no servo answers: another device, or no power on the arm")
    if len(with_arm) != 1:
        several = "There are several arms: unplug all but the one to give a name to."
        console.say(several if with_arm else "No arm was found.")
        return DIFFERENT
    rule = ports.udev_rule(with_arm[0], arguments.link)
    console.say(f"To have it as /dev/{arguments.link} from now on:")
    for line in ports.install_lines(rule):
        console.say(f"  {line}")
    return DONE


def run_scan(arguments: argparse.Namespace, console: Console) -> int:
    """Shows every servo on the bus and what is wrong with it."""
    bauds = (arguments.baud,) if arguments.baud else BAUD_RATES
    servos = scan(
        partial(open_bus, arguments.port), ALL_IDS, bauds, lambda baud: console.say(f"{baud} baud")
    )
    for line in table(servos) if servos else ():
        console.say(line)
    found = problems(servos)
    for problem in found:
        console.say(str(problem))
    if not found:
        console.say("All six servos are there and well.")
    return DIFFERENT if found else DONE


def run_assign_id(arguments: argparse.Namespace, console: Console) -> int:
    """Gives the servos their ids and the baud rate, one at a time, from the gripper down."""
    opener = partial(open_bus, arguments.port)
    for name in arguments.joint or reversed(JOINT_NAMES):
        new_id = JOINTS[JOINT_NAMES.index(name)].servo_id
        while True:
            console.ask(f"Plug ONLY the {name} servo into the adapter, power on, then Enter:")
            console.say("  searching all ids and rates")
            try:
                servo = find_single_servo(opener)
                break
            except ConfigurationError as error:
                console.say(f"  {error}")
        assign_id(opener, servo, new_id)
        console.say(f"  {name}: id {servo.servo_id} is now {new_id}, at {BAUD} baud")
    return DONE


def run_calibrate(arguments: argparse.Namespace, console: Console) -> int:
    """Calibrates the arm with a person's help and writes LeRobot's file."""
    robot = find_arm(arguments.robot)
    path = stored.path_to_write(arguments.name, arguments.role, robot)
    with arm_bus(arguments.port, console) as bus:
        if path.exists() and console.ask(f"{path} exists. Type yes to replace it:") != "yes":
            console.say("Nothing was changed.")
            return DIFFERENT
        calibration = calibrate(bus, console, robot)
    if path.exists():
        write_file(path.with_suffix(".json.old"), path.read_bytes())
    calibration.save(path)
    for text in doubts(calibration, robot):
        console.say(text)
    for name, joint in calibration.items():
        console.say(f"  {name:13s}  {joint.range_min:4d} to {joint.range_max:4d} counts")
    console.say(f"Calibrated: {path}")
    return DONE


def run_check(arguments: argparse.Namespace, console: Console) -> int:
    """Compares the arm with its calibration: registers, positions and, with --sweep, its ends."""
    robot = find_arm(arguments.robot)
    path = stored.find(arguments.name, arguments.role, robot)
    calibration = stored.load(path, robot)
    for text in doubts(calibration, robot):
        console.say(text)
    with arm_bus(arguments.port, console) as bus:
        arm = So101Arm(bus, calibration)
        if arguments.restore:
            console.ask(GOES_LIMP)
            write_calibration(arm)
            console.say(f"Written to the servos: {path}")
        try:
            check_calibration(arm)
        except ArmError as error:
            console.say(str(error))
            return DIFFERENT
        found = outside_range(bus, calibration)
        if arguments.sweep:
            console.ask(GOES_LIMP)
            arm.release()
            measured = drifts(sweep(bus, console, swept_joints(robot)), calibration)
            for drift in measured:
                console.say(str(drift))
            found += [d.joint for d in measured if d.worst_deg >= DRIFT_WARN_DEG]
        for text in found:
            console.say(f"not as calibrated: {text}")
    if not found:
        console.say(f"The arm is as {path} says.")
    return DIFFERENT if found else DONE


def run_save(arguments: argparse.Namespace, console: Console) -> int:
    """Saves arms and cameras under a name, guided: setup:=NAME of every launch file."""
    command = ["act", "save", arguments.name, *arguments.options]
    try:
        os.execvp(command[0], command)
    except FileNotFoundError:
        raise ConfigurationError(
            "there is no command `act`: build act_bringup, then `source env.sh`"
        ) from None


Run = Callable[[argparse.Namespace, Console], int]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        "so101-setup", description="Sets an SO-101 arm up, from a box of parts to a ready arm."
    )
    commands = top.add_subparsers(metavar="command", required=True)

    def command(name: str, run: Run) -> argparse.ArgumentParser:
        text = (run.__doc__ or "").strip()
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    def with_port(sub: argparse.ArgumentParser) -> argparse.ArgumentParser:
        sub.add_argument("--port", required=True, help="e.g. /dev/ttyACM0; find-port finds it")
        return sub

    def with_calibration(sub: argparse.ArgumentParser) -> argparse.ArgumentParser:
        sub.add_argument("--name", required=True, help="id of the arm's calibration")
        sub.add_argument("--robot", default="so101", help=ARM)
        sub.add_argument("--role", choices=tuple(stored.FOLDERS), default="follower")
        return sub

    find = command("find-port", run_find_port)
    find.add_argument("--link", default="so101_follower", help="name under /dev in the udev rule")
    scanning = with_port(command("scan", run_scan))
    scanning.add_argument("--baud", type=int, choices=BAUD_RATES, help="only this one")
    assign = with_port(command("assign-id", run_assign_id))
    assign.add_argument(
        "--joint", action="append", choices=JOINT_NAMES, help="only this one; may be repeated"
    )
    with_calibration(with_port(command("calibrate", run_calibrate)))
    save = command("save", run_save)
    save.add_argument("name", help="of the set-up, e.g. kitchen")
    save.add_argument("options", nargs=argparse.REMAINDER, help="see act save --help")
    check = with_calibration(with_port(command("check", run_check)))
    check.add_argument("--sweep", action="store_true", help="also move every joint to both ends")
    check.add_argument("--restore", action="store_true", help="write the file to the servos")
    return top


def main(argv: Sequence[str] | None = None, console: Console | None = None) -> int:
    """0: all is well; 1: something differs or is missing; 2: refused, with the reason."""
    arguments = parser().parse_args(argv)
    try:
        return arguments.run(arguments, console if console is not None else Terminal())
    except (BusError, ConfigurationError, SeamError) as error:
        print(f"so101-setup: {error}", file=sys.stderr)
        return REFUSED
    except (KeyboardInterrupt, EOFError):
        print("\nso101-setup: interrupted", file=sys.stderr)
        return INTERRUPTED
