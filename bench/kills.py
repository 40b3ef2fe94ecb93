"""What stands on the disk after SIGKILL at random instants and after full disks. One JSON line.

python -m bench.kills --kills 200 --full-disks 50
python -m bench.kills --kills 5 --full-disks 2 --only export

Every command of the table begins from a folder in which something whole stands already, and is
killed at a random instant of its own duration, or meets a disk (a small tmpfs, without the right to
mount one a limit on the size of a file) that becomes full at a random place. Afterwards

- what stood before, or what the command makes, stands whole: nothing between;
- on the full disk the command ended with one line that says so;
- the same command (or the one that goes on) ends well, with what an undisturbed one makes.

Problems are printed to stderr as they are found, with the seed that repeats them, and counted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench._kill_cases import CASES, UNREADABLE, Case

LOG_FILE = "log.txt"
MOST_TRIES = 5  # for each interruption that is asked for


@dataclass(frozen=True)
class End:
    """How a command ended."""

    status: int  # negative: the signal
    took_s: float
    said: str


def run(
    case: Case, folder: Path, log: Path, kill_after_s: float | None = None, limit: int | None = None
) -> End:
    """Run the case's command in `folder`, in a forked process in a group of its own: with all
    imports done before, what is interrupted is work. What it says goes to `log`."""
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        os.setsid()
        with open(log, "wb", buffering=0) as file:
            for descriptor in (1, 2):
                os.dup2(file.fileno(), descriptor)
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        os._exit(_status(case, folder))
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    took_s = time.monotonic() - started
    _wait_for_group(child)
    return End(status, took_s, log.read_text(errors="replace"))


def _status(case: Case, folder: Path) -> int:
    try:
        case.command(folder)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        sys.stderr.flush()
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    sys.stdout.flush()
    return 0


def _wait_for_group(group: int) -> None:
    """Until all whom the command has started have ended, too: they end with it."""
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    raise SystemExit(f"processes of the group {group} outlive the command")


@contextmanager
def small_disk(parent: Path, size: int) -> Iterator[tuple[Path, bool]]:
    """A folder, and whether it is a disk of `size` bytes: to mount one takes the right to."""
    folder = parent / "disk"
    folder.mkdir()
    mounted = False
    if os.geteuid() == 0:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    try:
        yield folder, mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)
        shutil.rmtree(folder)


def fill(ballast: Path, leave: int) -> None:
    """Fill the disk that the file `ballast` is to be on, up to `leave` bytes."""
    free = shutil.disk_usage(ballast.parent).free
    with open(ballast, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - leave)


class Trials:
    """Kills and full disks of one case; `problems` says what went wrong."""

    def __init__(self, case: Case, folder: Path, seed: int) -> None:
        self._case, self._seed = case, seed
        self._folder = folder
        self.problems: list[str] = []
        case.prepare(folder / "before")
        shutil.copytree(folder / "before", folder / "reference", symlinks=True)
        self._log = folder / LOG_FILE
        end = run(case, folder / "reference", self._log)
        if end.status != 0:
            raise SystemExit(f"{case.name} fails undisturbed:\n{end.said}")
        self._took_s = end.took_s
        self._before = case.state(folder / "before")
        self._after = case.state(folder / "reference")
        if UNREADABLE in self._before or UNREADABLE in self._after:
            raise SystemExit(f"{case.name} makes what cannot be read: {self._after}")
        before, after = _bytes_in(folder / "before"), _bytes_in(folder / "reference")
        self._written = max(after - before, after // 2)  # about; a replaced file counts half

    def kill(self, number: int) -> bool:
        """One kill; whether it came before the end."""
        rng = random.Random(f"{self._case.name} {self._seed} {number}")
        folder = self._folder / "killed"
        shutil.copytree(self._folder / "before", folder, symlinks=True)
        end = run(self._case, folder, self._log, rng.uniform(0.0, self._took_s))
        self._check(f"kill {number}", folder, end)
        shutil.rmtree(folder)
        if end.status != -signal.SIGKILL:  # it was quicker than the reference
            self._took_s = min(self._took_s, end.took_s)
        return end.status == -signal.SIGKILL

    def fill_disk(self, number: int) -> bool:
        """One full disk; whether it was full before the end."""
        rng = random.Random(f"{self._case.name} {self._seed} full {number}")
        free = rng.randrange(self._written)
        with small_disk(self._folder, 4 * self._written + (64 << 20)) as (disk, mounted):
            folder = disk / "full"
            shutil.copytree(self._folder / "before", folder, symlinks=True)
            if mounted:
                fill(disk / "ballast", leave=free)
            end = run(self._case, folder, self._log, limit=None if mounted else free)
            self._check_said(f"full disk {number}, {free} bytes free", end)
            rescued = self._folder / "rescued"  # what is there, on a disk with room
            shutil.copytree(folder, rescued, symlinks=True)
        self._check(f"full disk {number}", rescued, end)
        shutil.rmtree(rescued)
        if end.status == 0:  # so the next is smaller
            self._written = max(free, 1)
        return end.status != 0

    def _check_said(self, what: str, end: End) -> None:
        last = (end.said.strip().splitlines() or [""])[-1]
        if end.status != 0 and ("Traceback" in end.said or "disk is full" not in last):
            self._problem(what, f"it said: ...{end.said[-600:]}")

    def _check(self, what: str, folder: Path, end: End) -> None:
        found = self._case.state(folder)
        wrong = self._case.compare(found, self._before, self._after)
        if wrong:
            self._problem(what, wrong)
        again = run(self._case, folder, self._log)
        if again.status != 0:
            self._problem(what, f"the next run fails: ...{again.said[-600:]}")
        elif self._case.state(folder) != self._after:
            self._problem(what, "the next run ends with something else than an undisturbed one")
        left = [p.name for p in folder.rglob(".*") if p.name.endswith((".partial", ".new", ".old"))]
        if left and again.status == 0:
            self._problem(what, f"the next run leaves {', '.join(left)}")

    def _problem(self, what: str, text: str) -> None:
        self.problems.append(f"{self._case.name}, {what} of seed {self._seed}: {text}")
        print(self.problems[-1], file=sys.stderr)


def _bytes_in(folder: Path) -> int:
    """As a file system of pages counts them."""
    return sum(-(-p.stat().st_size // 4096) * 4096 + 4096 for p in folder.rglob("*"))


def measure(case: Case, kills: int, full_disks: int, seed: int) -> dict[str, Any]:
    """The figures of one case."""
    with tempfile.TemporaryDirectory(prefix="kills_") as folder:
        trials = Trials(case, Path(folder), seed)
        killed = interruptions(trials.kill, kills)
        full = interruptions(trials.fill_disk, full_disks)
    return {
        "kills": killed[0], "kills_after_the_end": killed[1],
        "full_disks": full[0], "disks_with_room": full[1], "problems": len(trials.problems),
    }  # fmt: skip


def interruptions(trial: Callable[[int], bool], count: int) -> tuple[int, int]:
    """Try until so many have come before the command's end; how many did and did not."""
    came, tried = 0, 0
    while came < count and tried < MOST_TRIES * count:
        came += trial(tried)
        tried += 1
    return came, tried - came


def share(total: int, parts: int) -> Callable[[int], int]:
    """Of `total`, how many the part with that number gets."""
    return lambda number: total // parts + (number < total % parts)


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"  # threads of numpy and torch do not survive a fork
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="in all, over all commands")
    parser.add_argument("--full-disks", type=int, default=50)
    parser.add_argument("--only", nargs="+", choices=sorted(CASES), default=list(CASES))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    kills = share(arguments.kills, len(arguments.only))
    full_disks = share(arguments.full_disks, len(arguments.only))
    results = {}
    for number, name in enumerate(arguments.only):
        results[name] = measure(CASES[name], kills(number), full_disks(number), arguments.seed)
        print(f"{name}: {results[name]}", file=sys.stderr)
    problems = sum(result["problems"] for result in results.values())
    print(json.dumps({"bench": "kills", "problems": problems, "commands": results}))
    sys.exit(int(problems > 0))


if __name__ == "__main__":
    main()
