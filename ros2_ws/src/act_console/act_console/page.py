"""The page: what is always in sight, and its tabs."""

from __future__ import annotations

from pathlib import Path

import nicegui.elements.scene  # noqa: F401  (registers three.js as the module nicegui-scene)
from act_core.console_parameters import ConsoleParameters
from nicegui import ui

from act_console.shelf import Shelf
from act_console.tabs import EpisodesTab, SetupsTab, TrainTab
from act_console.training_run import Training

_HERE = Path(__file__).parent
TRAINING_S = 2.0  # so often the curve is looked at


class _Stop(ui.element, component="elements/stop.js", esm={"act-console": "static"}):
    """The bar with the e-stop."""


class _Twin(ui.element, component="elements/twin.js"):
    """The arm in three dimensions."""


class _Watch(ui.element, component="elements/watch.js"):
    """What the robot sees, does and says."""


class _Teach(ui.element, component="elements/teach.js"):
    """Recording, and moving the arm."""


def build_page(params: ConsoleParameters, shelf: Shelf, training: Training) -> None:
    """Declares the page at ``/``."""
    style = (_HERE / "static" / "console.css").read_text()

    @ui.page("/", title=f"console: {params.robot}")
    def page() -> None:
        ui.add_css(style)
        ui.dark_mode(None)
        with ui.element("main").classes("ac-page"):
            with ui.element("div").classes("ac-top"):
                tabs = ui.tabs().props("dense inline-label mobile-arrows outside-arrows")
                with tabs:
                    watch, teach = ui.tab("Watch"), ui.tab("Teach")
                    kept, train, known = ui.tab("Episodes"), ui.tab("Train"), ui.tab("Set up")
            with ui.element("div").classes("ac-body"):
                scene = ui.element("div").classes("ac-scene")
                with scene:
                    _Twin()
                panels = ui.tab_panels(tabs, value=watch, animated=False).classes("ac-panels")
                with panels:
                    with ui.tab_panel(watch):
                        _Watch()
                    with ui.tab_panel(teach):
                        _Teach()
                    with ui.tab_panel(kept):
                        episodes = EpisodesTab(shelf)
                    with ui.tab_panel(train):
                        training_tab = TrainTab(training, params.setup)
                    with ui.tab_panel(known):
                        set_ups = SetupsTab()
        _Stop()
        shown = {"Episodes": episodes.show, "Train": training_tab.show, "Set up": set_ups.show}

        async def show() -> None:
            scene.set_visibility(tabs.value not in shown)
            if tabs.value in shown:
                await shown[tabs.value]()

        async def show_training() -> None:
            if tabs.value == "Train":
                await training_tab.show()

        tabs.on_value_change(show)
        ui.timer(TRAINING_S, show_training)
