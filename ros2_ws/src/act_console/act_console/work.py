"""Commands of `act` that the page starts, watches and stops: one robot and one training at a time.

Only what is listed here reaches a command line: a set-up by its name, and one of a few words.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterable
from contextlib import suppress

from act_core.errors import ConfigurationError
from act_core.setup_file import EMULATED, Setup, read_setup

MOST_TAIL = 4000  # bytes that are read of a log
MOST_EPISODES = 200


class Work:
    """A command of one set-up, as a process of its own that outlives the page, not the node.

    Args:
        what: a word for it, e.g. training; its log is ``<what>.log`` in the set-up's folder.
        begin: the command's first words, before ``act``'s own.
    """

    def __init__(self, what: str, begin: Iterable[str] = ("act",)) -> None:
        self.what = what
        self._begin = tuple(begin)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._setup = ""
        self._doing = ""

    @property
    def running(self) -> str:
        """Name of the set-up that it is done for; "" while it is not."""
        with self._lock:
            return self._setup if self._is_running() else ""

    @property
    def doing(self) -> str:
        """The command that runs, or ran last: ``act train kitchen``."""
        with self._lock:
            return self._doing

    def begin(self, setup: Setup, command: str, *options: str) -> str:
        """Starts ``act <command> <set-up> <options>``; ConfigurationError where it cannot."""
        with self._lock:
            if self._is_running():
                raise ConfigurationError(f"the {self.what} of {self._setup} is still running")
            words = [*self._begin, command, setup.name, *options]
            try:
                with (setup.folder / f"{self.what}.log").open("wb") as log:
                    self._process = subprocess.Popen(
                        words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                        start_new_session=True,
                    )  # fmt: skip
            except OSError as error:
                raise ConfigurationError(
                    f"{' '.join(words)} cannot be started: {error.strerror or error}"
                ) from error
            self._setup = setup.name
            self._doing = " ".join(["act", command, setup.name, *options])
        return f"$ {' '.join(words)}"

    def stop(self) -> str:
        """Ends it with Ctrl-C: what was done is kept, and the next start goes on."""
        with self._lock:
            if self._process is None or not self._is_running():
                raise ConfigurationError(f"no {self.what} runs")
            os.killpg(self._process.pid, signal.SIGINT)
        return f"the {self.what} ends; what was done is kept, and a start goes on from there"

    def ended(self) -> str:
        """How the last one ended; "" while it runs or where there was none."""
        with self._lock:
            code = None if self._process is None else self._process.poll()
        return "" if code is None else "done" if code == 0 else f"ended with code {code}"

    def close(self) -> None:
        """Stops it with the node."""
        with suppress(ConfigurationError, ProcessLookupError):
            self.stop()

    def tail(self, setup: Setup) -> str:
        """The end of what the command has said."""
        try:
            with (setup.folder / f"{self.what}.log").open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - MOST_TAIL))
                text = file.read().decode(errors="replace")
        except OSError:
            return ""
        # A progress bar is one line that is written again and again.
        lines = [line.rpartition("\r")[2] for line in text.replace("\r\n", "\n").split("\n")]
        return "\n".join(lines[-12:]).strip()

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None


class Robot(Work):
    """The robot of a set-up, or a simulated one, and who drives it."""

    def __init__(self, begin: Iterable[str] = ("act",)) -> None:
        super().__init__("robot", begin)

    def start(self, name: str) -> str:
        """Arm, cameras and a recorder; nobody drives but a person, by a leader or from a page."""
        return self.begin(named(name), "up")

    def show(self, name: str, episodes: int) -> str:
        """The expert of the simulated task shows it so often, and each episode is recorded."""
        setup = named(name)
        if setup.hardware != EMULATED:
            raise ConfigurationError(f"{name} is a real arm: no expert drives it, a person does")
        if type(episodes) is not int or not 1 <= episodes <= MOST_EPISODES:
            raise ConfigurationError(f"{episodes!r:.20} episodes, expected 1 to {MOST_EPISODES}")
        return self.begin(setup, "teach", "--episodes", str(episodes))

    def act(self, name: str) -> str:
        """The set-up's own policy acts, as `act run` has it."""
        return self.begin(named(name), "run")


def named(name: str) -> Setup:
    """The set-up of a name that came from a page; ConfigurationError for a path."""
    if not isinstance(name, str) or "/" in name or name.endswith((".yaml", ".yml")):
        raise ConfigurationError(f"{name!r:.60} is no name of a set-up")
    return read_setup(name)
