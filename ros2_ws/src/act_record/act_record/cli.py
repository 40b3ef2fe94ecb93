"""The command ``act-record``.

act-record --out recordings --task "put the cube into the bowl" --episodes 50
act-record verdict recordings
act-record repair recordings
act-record show recordings
act-record trim recordings/episode_000003 --from 1.5 --to 9
act-record trash recordings/episode_000004
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from act_core.errors import ConfigurationError

from act_record import episodes
from act_record.bag_reader import BagError, find_bags, open_bag
from act_record.contract import read_contract
from act_record.episode_recorder import BIN
from act_record.record_parameters import COMPRESSED, RAW
from act_record.repair import repair
from act_record.timeline import Timeline
from act_record.verdict import judge

DONE, REDO, REFUSED = 0, 1, 2
RAW_BYTES_S = 2 * 640 * 480 * 3 * 30
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


def run_show(arguments: argparse.Namespace) -> int:
    """Lists the episodes of a folder, and in what some of them stand out."""
    out = arguments.folder
    found = episodes.episodes_in(out)
    odd = episodes.unusual(found)
    for episode in found:
        length_s = episode.verdict.get("length_s")
        length = f"{length_s:5.1f} s" if isinstance(length_s, float) else "      ?"
        remarks = (
            [episode.problem] if episode.problem else list(episode.verdict.get("problems", ()))
        )
        remarks += [f"unusually {text}" for text in odd.get(episode.name, ())]
        line = f"{episode.name}  {episode.said:6s}  {length}  {episode.size_bytes / 1e6:7.1f} MB"
        print(f"{line}  {'; '.join(map(str, remarks))}".rstrip())
    counts = Counter(episode.said for episode in found)
    told = ", ".join(
        f"{counts[word]} {word}" for word in ("kept", "redo", "failed") if counts[word]
    )
    size = sum(episode.size_bytes for episode in found) / 1e9
    print(f"{len(found)} episodes ({told or 'none'}), {size:.2f} GB; free: {free_text(out)}")
    if binned := episodes.in_bin(out):
        print(f"in the bin: {', '.join(binned)}")
        print(f"next: act-record restore {out}/{binned[0]}, or act-record empty {out}")
    return DONE


def run_trash(arguments: argparse.Namespace) -> int:
    """Moves episodes to the bin; `restore` takes them out again."""
    for folder in arguments.episodes:
        print(f"{folder} is in the bin: {episodes.trash(folder)}")
    print(f"next: act-record restore {arguments.episodes[-1]}, if it was a mistake")
    return DONE


def run_restore(arguments: argparse.Namespace) -> int:
    """Takes episodes out of the bin again; one that has their place goes in instead."""
    for folder in arguments.episodes:
        out = folder.parent.parent if folder.parent.name == BIN else folder.parent
        print(f"{episodes.restore(out, folder.name)} is back")
    return DONE


def run_empty(arguments: argparse.Namespace) -> int:
    """Deletes what is in the bin of a folder, for good."""
    print(f"{episodes.empty_bin(arguments.folder)} episodes are gone; free: "
          f"{free_text(arguments.folder)}")  # fmt: skip
    return DONE


def run_relabel(arguments: argparse.Namespace) -> int:
    """Changes what is said of episodes: success or failure, the task, whether to keep them."""
    told = {"success": arguments.success, "keep": arguments.keep, "task": arguments.task}
    values = {name: value for name, value in told.items() if value is not None}
    if not values:
        raise ConfigurationError("say what: --success, --failure, --keep, --redo or --task")
    for folder in arguments.episodes:
        episodes.relabel(folder, **values)
        print(f"{folder}: {', '.join(f'{name} is {value}' for name, value in values.items())}")
    return DONE


def run_trim(arguments: argparse.Namespace) -> int:
    """Cuts an episode to a time of it; the whole one goes to the bin."""
    for folder in arguments.episodes:
        old = episodes.trim(folder, arguments.begin_s, arguments.end_s)
        print(f"{folder} is trimmed; as it was: {old}")
    return DONE


def run_film(arguments: argparse.Namespace) -> int:
    """Writes a film of each episode."""
    for folder in arguments.episodes:
        made = episodes.film(folder, arguments.out or folder.parent / "films")
        print(f"{folder}: {made or 'there are no pictures in it'}")
    return DONE


def free_text(folder: Path) -> str:
    """How much more fits on the disk."""
    free = shutil.disk_usage(folder).free
    return f"{free / 1e9:.1f} GB, {free / RAW_BYTES_S / 60:.0f} minutes of two raw cameras"


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

    def of_episodes(name: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        text = (run.__doc__ or "").strip()
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("episodes", nargs="+", type=Path, metavar="episode", help="its folder")
        sub.set_defaults(run=run)
        return sub

    for name, run in (("show", run_show), ("empty", run_empty)):
        text = (run.__doc__ or "").strip()
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("folder", type=Path, help="folder of episodes")
        sub.set_defaults(run=run)
    of_episodes("trash", run_trash)
    of_episodes("restore", run_restore)
    trim = of_episodes("trim", run_trim)
    trim.add_argument("--from", dest="begin_s", type=float, default=0.0, metavar="S", help="(0)")
    trim.add_argument("--to", dest="end_s", type=float, metavar="S", help="(the end)")
    label = of_episodes("relabel", run_relabel)
    for flag, name, value in (
        ("--success", "success", True), ("--failure", "success", False),
        ("--keep", "keep", True), ("--redo", "keep", False),
    ):  # fmt: skip
        label.add_argument(flag, dest=name, action="store_const", const=value)
    label.add_argument("--task", help="what is shown, in words")
    of_episodes("film", run_film).add_argument("--out", type=Path, help="folder (films, beside)")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """0: all is well; 1: something should be recorded again; 2: refused, with the reason."""
    arguments = parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except (ConfigurationError, OSError) as error:
        print(f"act-record: {error}", file=sys.stderr)
        return REFUSED
