"""The command ``act``: from a box of parts to a policy that works, by the name of a set-up.

act                        # how far each set-up has come, and what to type next
act save kitchen           # what stands on the table, once
act console kitchen        # all of what follows in the browser
act teach kitchen          # record demonstrations
act train kitchen          # a policy from them
act run kitchen            # let it act
act judge kitchen A B      # which of two is better, and how sure that is

It is a thin front of the commands that it names while it runs them: everything can be done with
those alone. What is recorded and trained lies in the set-up's folder.
"""

from __future__ import annotations

import argparse
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from act_bringup.setup_check import checked, sends_jpegs
from act_core.errors import ConfigurationError
from act_core.files import write_file
from act_core.policy_json import SPEC_FILE
from act_core.setup_file import EMULATED, FILE, REAL, Setup, folder_of, home, names, read_setup
from so101_driver.setup.console import Terminal

from act_console.journey import (
    DATASET,
    DONE,
    EPISODES,
    OPEN,
    POLICY,
    RUNS,
    WRONG,
    demonstrations,
    journey,
    next_command,
)
from act_console.judge import ENABLE, STOP, Table, judge, to_start
from act_console.save_setup import ask_for_setup, emulated
from act_console.score_sheet import sheet_for

FINE, REFUSED, INTERRUPTED = 0, 2, 130
MARKS = {DONE: "✓", OPEN: "·", WRONG: "✗"}
IMAGE_SIZE = ("--height", "96", "--width", "128")  # what the preset `compact` is made for
MOST_ROUNDS = 5  # of recording again what was not worth keeping
OTHERS = ("save", "completion")  # commands that take no set-up that there is
ENDS_WITHIN_S = 40.0  # after Ctrl-C a launch may be moving an arm to rest


def run_status(arguments: argparse.Namespace) -> int:
    """Shows how far a set-up has come, and what to type next."""
    wanted = [arguments.name] if arguments.name else names()
    if not wanted:
        print(f"There is no set-up yet (they are kept in {home()}). An evening begins with:")
        print("  so101-setup save kitchen               # with an arm")
        print("  so101-setup save kitchen --emulated    # without one, to see how it goes")
        print("next: so101-setup save kitchen")
        return FINE
    for name in wanted:
        setup = read_setup(name)
        steps = journey(setup)
        width = max(len(step.name) for step in steps)
        print(f"{setup.name}  ({setup.file})")
        for step in steps:
            print(f"  {MARKS[step.state]} {step.name:{width}s}  {step.text}")
        print(f"  next: {next_command(setup, steps)}")
    return FINE


def run_save(arguments: argparse.Namespace) -> int:
    """Asks what stands on the table and saves it under a name."""
    name = arguments.name or "kitchen"
    file = folder_of(name) / FILE
    before = read_setup(name) if file.exists() else Setup(file)
    if arguments.emulated:
        if before.hardware == REAL and file.exists():
            raise ConfigurationError(f"{file} is that of an arm; choose another name")
        setup = emulated(name, arguments.task or before.task, arguments.episodes or before.episodes)
    else:
        setup = ask_for_setup(before, Terminal(), call, arguments.port, arguments.leader_port)
        setup = replace(
            setup, task=arguments.task or setup.task, episodes=arguments.episodes or setup.episodes
        )
    checked(setup)
    if file.exists() and setup != before:
        write_file(file.with_suffix(".yaml.old"), file.read_bytes())
    setup.save()
    print(f"saved: {file}")
    return told_next(setup)


def run_teach(arguments: argparse.Namespace) -> int:
    """Records demonstrations until the set-up has as many as it asks for."""
    setup = chosen(arguments.name)
    out = setup.folder / EPISODES
    there = demonstrations(out)
    missing = arguments.episodes or setup.episodes - there.kept
    if missing <= 0:
        print(f"{there.kept} of {setup.episodes} demonstrations are there")
        return told_next(setup)
    if setup.hardware == EMULATED:
        return teach_by_expert(setup, out, there.kept + missing) or told_next(setup)
    recorder = ["act-record", "--out", str(out), "--episodes", str(missing)]
    if setup.task:
        recorder += ["--task", setup.task]
    if setup.cameras:
        recorder += ["--cameras", ",".join(setup.cameras)]
        if all(sends_jpegs(entry) for entry in setup.cameras.values()):
            recorder += ["--images", "compressed"]
    calibration = setup.launch_arguments().get("calibration", "")
    if calibration.endswith(".json"):
        recorder += ["--calibration", calibration]
    with beside(launch("real_so101.launch.py", setup), setup.folder / "launch.log"):
        code = call(recorder)
    return code or told_next(setup)


def teach_by_expert(setup: Setup, out: Path, wanted: int) -> int:
    """The simulated task's expert shows it; what has to be recorded again, is, with other seeds."""
    for _ in range(MOST_ROUNDS):
        missing = wanted - demonstrations(out).kept
        if missing <= 0:
            break
        begun = len(list(out.glob("episode_*")))
        code = call(
            launch("record_sim.launch.py", setup, f"out:={out}", f"episodes:={missing}",
                   f"seed:={begun}", "pacing:=lockstep")
        )  # fmt: skip
        if code:
            return code
    return FINE


def run_up(arguments: argparse.Namespace) -> int:
    """Starts arm, cameras and a recorder that a console drives. No policy acts; Ctrl-C ends it."""
    setup = chosen(arguments.name)
    with_recorder = "policy:=none", "console_record:=true"
    return call(launch("real_so101.launch.py", setup, *with_recorder, *arguments.options))


def run_console(arguments: argparse.Namespace) -> int:
    """Opens the page from which a set-up is taught, trained and run. Ctrl-C ends it."""
    setup = chosen(arguments.name)
    return call(launch("console.launch.py", setup, *arguments.options))


def run_convert(arguments: argparse.Namespace) -> int:
    """Makes the dataset of the demonstrations, as `act train` does first."""
    setup = chosen(arguments.name)
    return convert(setup) or told_next(setup)


def convert(setup: Setup) -> int:
    """Demonstrations to dataset; those that are in it already stay as they are."""
    episodes = setup.folder / EPISODES
    if not demonstrations(episodes).kept:
        raise ConfigurationError(
            f"there is no demonstration in {episodes} yet: act teach {setup.name}"
        )
    out = str(setup.folder / DATASET)
    return call(["act-import", "bag", str(episodes), "--out", out, *IMAGE_SIZE])


def run_train(arguments: argparse.Namespace) -> int:
    """Makes a policy of the demonstrations, or goes on; more options are those of act-train."""
    setup = chosen(arguments.name)
    dataset, policy = setup.folder / DATASET, setup.folder / POLICY
    code = convert(setup)
    if code:
        return code
    run, is_new = newest_run(setup)
    how = ["--data", str(dataset), "--out", str(run)] if is_new else ["--resume", str(run)]
    code = call(["act-train", *how, *(arguments.options if is_new else ())])
    return (
        code
        or call(["act-export", "--checkpoint", str(run), "--data", str(dataset),
                 "--out", str(policy), "--name", setup.name])
        or told_next(setup)
    )  # fmt: skip


def run_run(arguments: argparse.Namespace) -> int:
    """Lets a policy act: the set-up's own, or the bundle that is named. Ctrl-C ends it."""
    setup = chosen(arguments.name)
    bundle = Path(arguments.bundle) if arguments.bundle else setup.folder / POLICY
    if not (bundle / SPEC_FILE).exists():
        raise ConfigurationError(f"there is no policy in {bundle}: act train {setup.name}")
    print(f"stop it at once: {shlex.join(STOP)}")
    if setup.hardware == EMULATED:
        act = f"policy:={bundle}", "enable_policy:=true"
        return call(launch("real_so101.launch.py", setup, *act, *arguments.options))
    command = launch("real_so101.launch.py", setup, f"policy:={bundle}", *arguments.options)
    print(f"$ {shlex.join(command)} &", flush=True)
    process = begun(command)
    if call(to_start(bundle)) or call(ENABLE):
        process.send_signal(signal.SIGINT)
    return ended(process)


def run_check(arguments: argparse.Namespace) -> int:
    """Compares policy, demonstrations, calibration, cameras and what runs: see act-check."""
    setup = chosen(arguments.name)
    bundle = Path(arguments.bundle) if arguments.bundle else setup.folder / POLICY
    dataset = setup.folder / DATASET
    about = ["--dataset", str(dataset)] if dataset.is_dir() else []
    return call(["act-check", str(bundle), "--setup", str(setup.file), *about, *arguments.options])


def run_judge(arguments: argparse.Namespace) -> int:
    """Tries policies in turn at random placements, asks what became of it, and compares them."""
    setup = chosen(arguments.name)
    bundles = arguments.bundles or [str(setup.folder / POLICY)]
    for bundle in bundles:
        if not Path(bundle, SPEC_FILE).exists():
            raise ConfigurationError(f"there is no policy in {bundle}")
    file = arguments.sheet or setup.folder / "judged" / f"{'-'.join(map(label, bundles))}.json"
    sheet = sheet_for(file, bundles, arguments.trials)
    if sheet.next() is not None:
        with beside(
            launch("real_so101.launch.py", setup, "policy:=none"), setup.folder / "launch.log"
        ):
            judge(sheet, file, Terminal(), Table(setup, call))
    for line in sheet.report():
        print(line)
    print(f"the sheet: {file}")
    return told_next(setup)


def label(bundle: str) -> str:
    """A policy as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", str(Path(bundle).absolute().name))


def run_completion(arguments: argparse.Namespace) -> int:
    """Prints what completes these commands: eval "$(act completion)" in ~/.bashrc or ~/.zshrc."""
    from act_record.cli import parser as of_record  # only here: `act` itself is to be quick
    from so101_driver.emulator.cli import parser as of_emulator
    from so101_driver.setup.cli import parser as of_setup

    from act_console import completion
    from act_console.check.cli import parser as of_check

    parsers = {
        "act": parser(), "act-check": of_check(), "act-record": of_record(),
        "so101-setup": of_setup(), "so101-emulator": of_emulator(),
    }  # fmt: skip
    taking = [name for name in dict(completion.subcommands(parsers["act"])) if name not in OTHERS]
    print(completion.script(parsers, tuple(taking)), end="")
    return FINE


def chosen(name: str | None) -> Setup:
    """The set-up of that name; without one the only one that there is."""
    known = names()
    if name is None and len(known) != 1:
        what = f"which set-up? there are {', '.join(known)}" if known else "there is no set-up yet"
        raise ConfigurationError(f"{what}; `act` tells more")
    return read_setup(name if name is not None else known[0])


def newest_run(setup: Setup) -> tuple[Path, bool]:
    """The folder of the training to go on with, and whether it has to be begun."""
    runs = sorted((setup.folder / RUNS).glob("[0-9]*"))
    if runs and not (runs[-1] / "final").exists():
        return runs[-1], not (runs[-1] / "last").exists()
    return setup.folder / RUNS / f"{len(runs) + 1:03d}", True


def told_next(setup: Setup) -> int:
    print(f"next: {next_command(setup, journey(setup))}")
    return FINE


def launch(file: str, setup: Setup, *arguments: str) -> list[str]:
    """The command line of a launch file with a set-up."""
    return ["ros2", "launch", "act_bringup", file, f"setup:={setup.file}", *arguments]


def call(command: Sequence[str]) -> int:
    """Says what is run, runs it, and returns its exit code. Ctrl-C is the command's to answer."""
    print(f"$ {shlex.join(command)}", flush=True)
    return ended(begun(command))


def begun(command: Sequence[str], **how: Any) -> subprocess.Popen[bytes]:
    """Starts a command; ``how`` is `subprocess.Popen`'s. ConfigurationError where there is none."""
    try:
        return subprocess.Popen(command, **how)
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no command {command[0]}: run `make training`, then `source env.sh`"
        ) from None


def ended(process: subprocess.Popen[bytes]) -> int:
    """Waits for a command of this terminal; its exit code."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # the command has got it as well


@contextmanager
def beside(command: Sequence[str], log: Path) -> Iterator[None]:
    """Runs a command in the background, its output in a file, and ends it with Ctrl-C."""
    print(f"$ {shlex.join(command)} &    # {log}", flush=True)
    with log.open("wb") as output:
        process = begun(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        try:
            yield
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.terminate()
            if process.returncode not in (0, None):
                print(f"the launch has failed; the end of {log}:", file=sys.stderr)
                for line in log.read_text(errors="replace").splitlines()[-5:]:
                    print(f"  {line}", file=sys.stderr)


Run = Callable[[argparse.Namespace], int]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser("act", description=(__doc__ or "").partition("\n")[0])
    top.set_defaults(run=run_status, name=None)
    commands = top.add_subparsers(metavar="command")

    def command(name: str, run: Run) -> argparse.ArgumentParser:
        text = (run.__doc__ or "").strip()
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("name", nargs="?", help="of the set-up; may be left out for the only one")
        sub.set_defaults(run=run)
        return sub

    command("status", run_status)
    commands.add_parser(
        "completion", help="prints a shell's completion", description=run_completion.__doc__
    ).set_defaults(run=run_completion)
    save = command("save", run_save)
    save.add_argument("--emulated", action="store_true", help="no arm: an emulated one")
    save.add_argument("--port", default="", help="of the arm; otherwise it is looked for")
    save.add_argument("--leader-port", default="", help="of the leader arm, likewise")
    save.add_argument("--task", default="", help="what it is to learn, in words")
    save.add_argument("--episodes", type=int, help="how many demonstrations are meant")
    teach = command("teach", run_teach)
    teach.add_argument("--episodes", type=int, help="so many more, whatever is there")
    command("up", run_up)
    command("console", run_console)
    command("convert", run_convert)
    command("train", run_train)
    judging = command("judge", run_judge)
    judging.add_argument("bundles", nargs="*", help="of the policies; none: the set-up's own")
    judging.add_argument("--trials", type=int, default=10, help="placements (%(default)s)")
    judging.add_argument("--sheet", type=Path, help="file; otherwise in the set-up's folder")
    command("check", run_check).add_argument("bundle", nargs="?", help="folder of a policy bundle")
    command("run", run_run).add_argument("bundle", nargs="?", help="folder of a policy bundle")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """0: fine; 2: refused, with the reason; otherwise the exit code of the command that failed."""
    known, options = parser().parse_known_args(argv)
    known.options = options
    if options and known.run not in (run_train, run_run, run_check, run_up, run_console):
        parser().error(f"unrecognized arguments: {' '.join(options)}")
    try:
        return known.run(known)
    except ConfigurationError as error:
        print(f"act: {error}", file=sys.stderr)
        return REFUSED
    except OSError as error:
        if error.filename is None:
            raise
        print(f"act: {error.filename}: {error.strerror}", file=sys.stderr)
        return REFUSED
    except (KeyboardInterrupt, EOFError):
        print("\nact: interrupted; what was saved and recorded is kept", file=sys.stderr)
        return INTERRUPTED
