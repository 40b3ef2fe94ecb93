"""The recording screen in a terminal: one panel below what was said."""

from __future__ import annotations

import os
from typing import Any

from act_core.foreign_text import clean
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from act_record.gauges import Gauges, StreamGauge, cure
from act_record.session import BELL

KEYS = "space start, stop   s f success, failure   r once more   backspace discard   q quit"
OLD_S = 0.5


class Screen:
    """Keeps a panel of `Gauges` at the bottom of a terminal; other lines scroll above it.

    Where standard output is no terminal, only the lines are written.

    Args:
        console: of rich; another one for tests.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        if self._console.is_terminal:
            self._live.start()

    def say(self, text: str) -> None:
        """A line for the person; one that begins with `BELL` is heard."""
        rung = text.count(BELL)
        if rung and self._console.is_terminal:
            self._console.bell()
        self._console.print(escape(text.replace(BELL, "")), highlight=False)

    def show(self, status: str, is_recording: bool, gauges: Gauges) -> None:
        """Draws the panel anew."""
        if self._console.is_terminal:
            self._live.update(panel(status, is_recording, gauges), refresh=True)

    def close(self) -> None:
        """Takes the panel away; what was said stays."""
        self._live.stop()


def panel(status: str, is_recording: bool, gauges: Gauges) -> Any:
    """What `Screen` draws."""
    counts = Text.assemble(
        (gauges.episode, "bold"), f"   kept {gauges.kept}   ",
        (f"to redo {gauges.redo}", "yellow" if gauges.redo else ""), "   ",
        (f"failed {gauges.failed}", "yellow" if gauges.failed else ""), f"   {gauges.disk}",
    )  # fmt: skip
    table = Table.grid(padding=(0, 2))
    for stream in (*gauges.streams, *([gauges.leader] if gauges.leader else [])):
        table.add_row(*_row(stream))
    parts: list[Any] = [
        Text(status, "bold white on red" if is_recording else "bold"), counts, table
    ]  # fmt: skip
    if gauges.leader is None:
        parts.append(Text("no leader arm is heard", "dim"))
    if gauges.verdict is not None:
        parts.append(Text(f"last: {gauges.verdict}", "yellow" if gauges.problems else "green"))
        load = os.getloadavg()[0]
        parts += [Text(f"  {clean(p)}: {cure(p, load)}", "yellow") for p in gauges.problems[:4]]
    parts.append(Text(KEYS, "dim"))
    return Panel(Group(*parts), title="act-record", border_style="red" if is_recording else "blue")


def _row(stream: StreamGauge) -> tuple[Text, Text, Text]:
    if stream.age_s is None:
        return Text(stream.name), Text("nothing yet", "red"), Text("")
    old = stream.age_s > OLD_S
    age = f"{1000 * stream.age_s:.0f} ms old" if stream.age_s < 1 else f"{stream.age_s:.1f} s old"
    style = "red" if old else ""
    return Text(stream.name), Text(f"{stream.rate_hz:.0f} Hz", style), Text(age, style)
