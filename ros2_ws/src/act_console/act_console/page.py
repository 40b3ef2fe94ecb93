"""The page: what is always in sight, and its tabs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nicegui.elements.scene  # noqa: F401  (registers three.js as the module nicegui-scene)
from act_core.console_parameters import ConsoleParameters
from nicegui import ui

from act_console.setups_tab import SetupsTab
from act_console.shelf import Shelf
from act_console.tabs import EpisodesTab, TrainTab
from act_console.training_run import Training
from act_console.work import Robot

_HERE = Path(__file__).parent
LOOK_S = 2.0  # so often it is seen how far a command has come


class _Stop(ui.element, component="elements/stop.js", esm={"act-console": "static"}):
    """The bar with the e-stop."""


class _Twin(ui.element, component="elements/twin.js"):
    """The arm in three dimensions."""


class _Watch(ui.element, component="elements/watch.js"):
    """What the robot sees, does and says."""


class _Replay(ui.element, component="elements/replay.js"):
    """A recording in place of the arm."""


class _Teach(ui.element, component="elements/teach.js"):
    """Recording, and moving the arm."""


def build_page(
    params: ConsoleParameters,
    shelf: Shelf,
    training: Training,
    robot: Robot,
    arm_is_heard: Callable[[], bool],
    link: str,
) -> None:
    """Declares the page at ``/``.

    link: to it for a telephone; empty where none reaches it.
    """
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
                        _Replay()
                        _Watch()
                    with ui.tab_panel(teach):
                        _Teach()
                    with ui.tab_panel(kept):
                        episodes = EpisodesTab(shelf, lambda: tabs.set_value(watch))
                    with ui.tab_panel(train):
                        training_tab = TrainTab(training, params.setup)
                    with ui.tab_panel(known):
                        set_ups = SetupsTab(robot, arm_is_heard, link)
        _Stop()
        shown = {"Episodes": episodes.show, "Train": training_tab.show, "Set up": set_ups.show}

        async def show() -> None:
            scene.set_visibility(tabs.value not in shown)
            if tabs.value in shown:
                await shown[tabs.value]()

        async def look() -> None:
            if tabs.value == "Train":
                await training_tab.show()
            elif tabs.value == "Set up":
                await set_ups.show_robot()

        tabs.on_value_change(show)
        ui.timer(LOOK_S, look)
