"""An evening of recording: keys, episodes and the pauses between them. No ROS, no terminal here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from act_core.errors import ConfigurationError

from act_record.verdict import Verdict

BELL = "\a"
HELP = (
    "space: start and stop   backspace: discard   r: discard and record again\n"
    "s / f: the last one was a success / a failure   q: quit"
)


class Recorder(Protocol):
    """What keys can do; see `RecordNode`. All raise ConfigurationError for what cannot be."""

    @property
    def recording(self) -> bool: ...

    @property
    def complete(self) -> bool:
        """Whether all episodes that were asked for are there."""
        ...

    def start(self) -> str: ...

    def stop(self, success: bool | None = None, reason: str = "") -> Verdict: ...

    def discard(self) -> str: ...

    def mark(self, success: bool) -> str: ...


class Session:
    """Turns keys into episodes.

    After each episode there is a pause in which the scene is put back; its end is heard, and the
    next episode begins by itself::

        space          space                                         f
          |--recording--|--pause 3, 2, 1 ...--|--recording (by itself)--|

    A space in the pause begins at once. ``s`` and ``f`` in an episode end it with that mark. The
    pause after the last one is for its mark, or to discard it.

    say: takes a line for the person; one that begins with `BELL` is heard.
    pause_s: 0: the next episode waits for a space.
    """

    def __init__(
        self, recorder: Recorder, say: Callable[[str], None], pause_s: float = 10.0
    ) -> None:
        self.quit = False
        self._recorder = recorder
        self._say = say
        self._pause_s = pause_s
        self._resume_s: float | None = None  # monotonic time at which the pause is over
        self._began_s = 0.0
        self._keys: dict[str, Callable[[float], None]] = {
            " ": self._start_or_stop,
            "\x7f": self._discard,
            "\b": self._discard,
            "r": self._redo,
            "s": lambda now_s: self._mark(now_s, True),
            "f": lambda now_s: self._mark(now_s, False),
            "q": self._end,
            "\x03": self._end,
        }

    def key(self, key: str, now_s: float) -> None:
        """A key was hit at this monotonic time; one without a meaning shows the keys."""
        act = self._keys.get(key.lower())
        if act is None:
            self._say(HELP)
            return
        try:
            act(now_s)
        except ConfigurationError as error:
            self._say(f"{BELL}{error}")

    @property
    def pausing(self) -> bool:
        """Whether it is the time between two episodes, or after the last one."""
        return self._resume_s is not None

    def tick(self, now_s: float) -> None:
        """To be called several times a second."""
        if self._resume_s is not None and now_s >= self._resume_s:
            self._resume_s = None
            if self._recorder.complete:
                return
            try:
                self._start(now_s)
            except ConfigurationError as error:
                self._say(f"{BELL}{error}")

    def status(self, now_s: float) -> str:
        """What is going on, in one line."""
        if self._recorder.recording:
            return f"recording {now_s - self._began_s:.0f} s"
        if self._resume_s is not None:
            if self._recorder.complete:
                return f"that was the last one: s, f, r or {math.ceil(self._resume_s - now_s)} s"
            return f"put the scene back: {math.ceil(self._resume_s - now_s)} s"
        return "space starts"

    def _start_or_stop(self, now_s: float) -> None:
        if self._recorder.recording:
            self._stop(now_s)
        else:
            self._start(now_s)

    def _start(self, now_s: float) -> None:
        self._resume_s = None
        if self._recorder.complete:
            self.quit = True
            return
        name = self._recorder.start()
        self._began_s = now_s
        self._say(f"{BELL}recording {name}")

    def _stop(self, now_s: float, success: bool | None = None) -> None:
        reason = "" if success is None else "said by the operator"
        verdict = self._recorder.stop(success, reason)
        self._say(f"{BELL if verdict.keep else 2 * BELL}{verdict}")
        self._pause(now_s)

    def _pause(self, now_s: float) -> None:
        self._resume_s = now_s + self._pause_s if self._pause_s else None

    def _discard(self, now_s: float) -> None:
        self._say(f"discarded {self._recorder.discard()}")
        self._pause(now_s)

    def _redo(self, now_s: float) -> None:
        self._discard(now_s)
        self._say("once more")

    def _mark(self, now_s: float, success: bool) -> None:
        if self._recorder.recording:
            self._stop(now_s, success)
            return
        word = "a success" if success else "a failure"
        self._say(f"{self._recorder.mark(success)} was {word}")

    def _end(self, _now_s: float) -> None:
        self.quit = True
