"""The command ``act-record``.

act-record --out recordings --task "put the cube into the bowl" --episodes 50
act-record verdict recordings
act-record repair recordings
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from act_core.errors import ConfigurationError

from act_record.bag_reader import BagError, find_bags, open_bag
from act_record.contract import read_contract
from act_record.record_parameters import COMPRESSED, RAW
from act_record.repair import repair
from act_record.timeline import Timeline
from act_record.verdict import judge

DONE, REDO, REFUSED = 0, 1, 2
PARAMETERS = ("out", "task", "images", "rate_hz", "calibration", "episodes")  # of the record node


def run_keyboard(arguments: argparse.Namespace) -> int:
    """Records episodes; keys begin and end them."""
    from act_record.console_node import run  # only here: repairs and verdicts need no ROS

    values = {name: getattr(arguments, name) for name in PARAMETERS}
    parameters = {name: json.dumps(value) for name, value in values.items() if value != ""}
    if arguments.cameras:
        parameters["cameras"] = f"[{arguments.cameras}]"
    return run(arguments.pause, parameters)


def run_repair(arguments: argparse.Namespace) -> int:
    """Makes proper bags of what a killed recorder or a full disk has left."""
    code = DONE
    for folder in find_bags(arguments.bags):
        try:
            repaired = repair(folder)
        except BagError as error:
            print(f"not repaired: {error}")
            code = REDO
            continue
        saved = "nothing to repair"
        if repaired is not None:
            saved = f"repaired: {repaired.messages} messages, {repaired.length_s:.1f} s"
            if repaired.kept:
                saved += f"; not all could be read, what was there is kept as {repaired.kept[0]}"
        print(f"{folder}: {saved}")
    print(f"next: act-record verdict {' '.join(map(str, arguments.bags))}")
    return code


def run_verdict(arguments: argparse.Namespace) -> int:
    """Says of each bag whether it is worth keeping; the exit code is 1 if one is not."""
    keep = True
    for folder in find_bags(arguments.bags):
        try:
            bag = open_bag(folder)
            rate_hz = read_contract(bag.attachments()).get("rate_hz")
            verdict = judge(Timeline.of(bag), rate_hz)
        except ConfigurationError as error:
            print(f"{folder}: REDO: it cannot be read: {error}")
            keep = False
            continue
        damage = "".join(f"; {name} is damaged: {why}" for name, why in bag.damage.items())
        print(f"{folder}: {verdict}{damage}")
        keep = keep and verdict.keep and not damage
    return DONE if keep else REDO


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser("act-record", description="Recordings of demonstrations.")
    top.add_argument("--out", default="recordings", help="folder for the bags (%(default)s)")
    top.add_argument("--task", default="", help="what is shown, in words")
    top.add_argument("--episodes", type=int, default=0, help="end after so many; 0: never")
    top.add_argument(
        "--pause", type=float, default=10.0, metavar="S",
        help="between episodes, to put the scene back; 0: until space (%(default)s)",
    )  # fmt: skip
    top.add_argument("--cameras", default="", help="to record (front,wrist)")
    top.add_argument("--images", choices=(RAW, COMPRESSED), default=RAW, help="(%(default)s)")
    top.add_argument("--rate-hz", type=float, default=30.0, help="of the dataset (%(default)s)")
    top.add_argument("--calibration", default="", help="file of the arm's calibration, to keep")
    top.set_defaults(run=run_keyboard)
    commands = top.add_subparsers(metavar="command")
    for name, run in (("repair", run_repair), ("verdict", run_verdict)):
        text = (run.__doc__ or "").strip()
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("bags", nargs="+", type=Path, help="bags, or folders with bags in them")
        sub.set_defaults(run=run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """0: all is well; 1: something should be recorded again; 2: refused, with the reason."""
    arguments = parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except (ConfigurationError, OSError) as error:
        print(f"act-record: {error}", file=sys.stderr)
        return REFUSED
