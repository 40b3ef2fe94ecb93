"""The page: what is always in sight, and its tabs."""

from __future__ import annotations

from pathlib import Path

import nicegui.elements.scene  # noqa: F401  (registers three.js as the module nicegui-scene)
from act_core.console_parameters import ConsoleParameters
from nicegui import ui

_HERE = Path(__file__).parent


class _Stop(ui.element, component="elements/stop.js", esm={"act-console": "static"}):
    """The bar with the e-stop."""


class _Twin(ui.element, component="elements/twin.js"):
    """The arm in three dimensions."""


class _Watch(ui.element, component="elements/watch.js"):
    """What the robot sees, does and says."""


class _Teach(ui.element, component="elements/teach.js"):
    """Recording, and moving the arm."""


def build_page(params: ConsoleParameters) -> None:
    """Declares the page at ``/``."""
    style = (_HERE / "static" / "console.css").read_text()

    @ui.page("/", title=f"console: {params.robot}")
    def page() -> None:
        ui.add_css(style)
        ui.dark_mode(None)
        with ui.element("main").classes("ac-page"):
            with ui.element("div").classes("ac-top"):
                tabs = ui.tabs().props("dense inline-label mobile-arrows")
                with tabs:
                    watch = ui.tab("Watch")
                    teach = ui.tab("Teach")
            body = ui.element("div").classes("ac-body")
            with body:
                with ui.element("div").classes("ac-scene"):
                    _Twin()
                with ui.tab_panels(tabs, value=watch, animated=False).classes("ac-panels"):
                    with ui.tab_panel(watch):
                        _Watch()
                    with ui.tab_panel(teach):
                        _Teach()
        _Stop()
