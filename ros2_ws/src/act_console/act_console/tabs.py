"""The tabs about episodes and training. They work without a robot."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from act_core.errors import ConfigurationError
from act_core.setup_file import home, names, read_setup
from nicegui import ui

from act_console.controls import button, card, told
from act_console.score_sheet import read_sheet
from act_console.shelf import Shelf
from act_console.training_run import FIGURES, PRESETS, Training, curves

COLUMNS = {
    "name": "episode", "said": "verdict", "length": "length", "size": "size", "task": "task",
    "why": "why, and what is unusual",
}  # fmt: skip


class EpisodesTab:
    """What was recorded, and what a person does with it. Nothing is gone from here.

    to_watch: shows the tab Watch, where an episode is replayed.
    """

    def __init__(self, shelf: Shelf, to_watch: Callable[[], object]) -> None:
        self._shelf = shelf
        self._to_watch = to_watch
        columns = [
            {"name": key, "label": label, "field": key, "align": "left", "sortable": True}
            for key, label in COLUMNS.items()
        ]
        with card("Episodes"):
            self._count = ui.label().classes("dim")
            self._table = ui.table(
                columns=columns, rows=[], row_key="name", selection="single",
                pagination=10, on_select=self._chosen,
            ).props("flat dense wrap-cells").classes("ac-episodes")  # fmt: skip
            with ui.element("div").classes("ac-buttons"):
                button("Play", self._play, go=True)
                button("Replay in 3D", self._replay)
                button("A success", lambda: self._do(self._shelf.mark, True))
                button("A failure", lambda: self._do(self._shelf.mark, False))
                button("To the bin", lambda: self._do(self._shelf.trash))
                button("Look again", self.show)
            with ui.element("div").classes("ac-buttons"):
                self._begin = ui.number("from, s", value=0.0, min=0.0, step=0.5).props("dense")
                self._end = ui.number("to, s", value=10.0, min=0.0, step=0.5).props("dense")
                button("Cut to this", self._trim)
        self._player = card("Film")
        self._player.set_visibility(False)
        with card("Bin"):
            self._bin = ui.element("div")

    async def show(self) -> None:
        """Reads the folder anew."""
        try:
            rows = await asyncio.to_thread(self._shelf.rows)
            binned = await asyncio.to_thread(self._shelf.bin)
        except (ConfigurationError, OSError) as error:
            self._count.set_text(f"{self._shelf.folder}: {error}")
            return
        kept = sum(row["said"] == "kept" for row in rows)
        said = f"{len(rows)} in {self._shelf.folder}, {kept} kept"
        nothing = f"nothing is recorded in {self._shelf.folder} yet; the tab Teach records"
        self._count.set_text(said if rows else nothing)
        self._table.update_rows(rows)
        self._bin.clear()
        with self._bin:
            if not binned:
                ui.label("empty; what is discarded, cut or thrown away can be taken out again here")
            for name in binned:
                with ui.element("div").classes("ac-buttons"):
                    ui.label(name)
                    button("Take it out", lambda name=name: self._take_out(name))

    def _chosen(self) -> None:
        for row in self._table.selected:
            self._end.set_value(float(str(row["length"]).removesuffix(" s") or 10.0))

    def _name(self) -> str | None:
        if self._table.selected:
            return str(self._table.selected[0]["name"])
        ui.notify("choose an episode first")
        return None

    async def _do(self, work: Callable[..., str], *arguments: Any) -> None:
        name = self._name()
        if name is not None and await told(work, name, *arguments):
            await self.show()

    async def _take_out(self, name: str) -> None:
        if await told(self._shelf.restore, name):
            await self.show()

    async def _trim(self) -> None:
        begin, end = self._begin.value, self._end.value
        if begin is None or end is None:
            ui.notify("from when to when?")
            return
        await self._do(self._shelf.trim, float(begin), float(end))

    async def _replay(self) -> None:
        name = self._name()
        if name is not None:
            self._to_watch()
            await asyncio.sleep(0.2)  # until the tab is there
            detail = json.dumps({"detail": name})
            ui.run_javascript(f"window.dispatchEvent(new CustomEvent('ac-replay', {detail}))")

    async def _play(self) -> None:
        name = self._name()
        if name is None:
            return
        if await told(lambda: f"{self._shelf.film(name).name} is there"):
            self._player.clear()
            self._player.set_visibility(True)
            with self._player:
                ui.label(name).classes("ac-title")
                ui.video(f"/films/{name}.mp4", autoplay=True, muted=True).classes("ac-film")


class TrainTab:
    """A training and its curve; score sheets of real trials."""

    def __init__(self, training: Training, chosen: str) -> None:
        self._training = training
        known = names()
        with card("Training"):
            if not known:
                ui.label(f"There is no set-up in {home()} yet: act save kitchen").classes("ac-hint")
            with ui.element("div").classes("ac-buttons"):
                first = chosen if chosen in known else next(iter(known), None)
                self._name = ui.select(known, label="set-up", value=first).props("dense")
                presets = {preset: preset or "as it comes" for preset in PRESETS}
                self._preset = ui.select(presets, label="preset", value="").props("dense")
                button("Convert only", self._convert)
                button("Start, or go on", self._start, go=True)
                button("Stop", self._stop)
            ui.label(
                "A training converts the episodes to a dataset first, and ends with a policy for "
                "the tab Set up."
            ).classes("dim")
            self._state = ui.label()
            self._chart = ui.echart(_options({})).classes("ac-chart")
            self._chart.set_visibility(False)
            self._log = ui.element("pre").classes("ac-log")
            with self._log:
                self._tail = ui.label()
        with card("Score sheets of real trials"):
            self._sheets = ui.element("div")
        self._shown: Any = None
        self._lines: list[str] = []

    async def show(self) -> None:
        """What the training has come to."""
        name = self._training.running or self._name.value
        doing, ended = self._training.doing, self._training.ended()
        running = f"{doing}: it runs" if self._training.running else ""
        self._state.set_text(running or (f"{doing}: {ended}" if ended else "no training runs"))
        if name is None:
            return
        try:
            setup = read_setup(name)
        except ConfigurationError as error:
            self._state.set_text(str(error))
            return
        found = await asyncio.to_thread(curves, setup)
        self._tail.set_text(await asyncio.to_thread(self._training.tail, setup))
        if found != self._shown:
            self._shown = found
            self._chart.options.clear()
            self._chart.options.update(_options(found))
            self._chart.update()
            self._chart.set_visibility(any(found.values()))
        self._show_sheets(setup)

    def _show_sheets(self, setup: Any) -> None:
        lines = []
        for file in sorted((setup.folder / "judged").glob("*.json"))[:20]:
            try:
                lines += [file.name, *read_sheet(file).report()]
            except (ConfigurationError, OSError) as error:
                lines.append(f"{file.name}: {error}")
        lines = lines or [f"none yet: act judge {setup.name}"]
        if self._lines == lines:
            return
        self._lines = lines
        self._sheets.clear()
        with self._sheets:
            for line in lines:
                ui.label(line)

    async def _start(self) -> None:
        if self._name.value is None:
            ui.notify("there is no set-up to train")
        elif await told(self._training.start, self._name.value, self._preset.value or ""):
            await self.show()

    async def _convert(self) -> None:
        if self._name.value is None:
            ui.notify("there is no set-up to convert the episodes of")
        elif await told(self._training.convert, self._name.value):
            await self.show()

    async def _stop(self) -> None:
        await told(self._training.stop)
        await asyncio.sleep(0.2)
        await self.show()


def _options(found: dict[str, list[tuple[int, float]]]) -> dict[str, Any]:
    """Of the chart."""
    return {
        "animation": False,
        "grid": {"left": 55, "right": 15, "top": 30, "bottom": 25},
        "legend": {"top": 0, "textStyle": {"color": "#888"}},
        "xAxis": {"type": "value", "name": "step"},
        "yAxis": {"type": "log"},
        "series": [
            {"type": "line", "name": figure, "showSymbol": figure != "loss",
             "data": [list(point) for point in found.get(figure, []) if point[1] > 0]}
            for figure in FIGURES
        ],
    }  # fmt: skip
