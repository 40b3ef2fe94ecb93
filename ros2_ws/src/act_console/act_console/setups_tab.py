"""The tab about set-ups: what stands on the table, what is missing, and the robot that runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from act_core.errors import ConfigurationError
from act_core.setup_file import EMULATED, home, names, read_setup
from nicegui import ui

from act_console.controls import button, card, told
from act_console.journey import DONE, OPEN, WRONG, Step, journey, next_command
from act_console.qr_code import qr_svg
from act_console.work import Robot

MARKS = {DONE: "✓", OPEN: "·", WRONG: "✗"}
LEVELS = {DONE: "ok", OPEN: "warn", WRONG: "error"}
SILENT_WITHIN_S = 4.0  # after its end: `ConsoleNode.arm_is_heard`, and the launch that ends
POLL_S = 0.2
ALREADY = (
    "an arm is heard already: end what moves it first (Stop here, or Ctrl-C in its terminal); two "
    "programs for one arm would hold it still"
)


class _Shown(NamedTuple):
    """A set-up as the page shows it."""

    name: str
    is_emulated: bool
    steps: list[Step]
    following: str  # the command that leads on


class SetupsTab:
    """What stands on the table, under a name, what is missing of it, and its robot.

    arm_is_heard: whether any arm runs, whoever has started it.
    link: of this page for a telephone; empty where none reaches it.
    """

    def __init__(self, robot: Robot, arm_is_heard: Callable[[], bool], link: str) -> None:
        self._robot = robot
        self._arm_is_heard = arm_is_heard
        with card("The robot"):
            self._state = ui.label()
            with ui.element("div").classes("ac-buttons"):
                button("Stop", self._stop)
            self._log = ui.element("pre").classes("ac-log")
            with self._log:
                self._tail = ui.label()
        if link and (picture := qr_svg(link)):
            with card("This page on a telephone"):
                ui.html(picture, sanitize=False).classes("ac-qr")
                ui.label("Whoever has this code moves the arm.").classes("dim")
        self._list = ui.element("div")

    async def show_robot(self) -> None:
        """What the robot's command says."""
        doing, ended = self._robot.doing, self._robot.ended()
        running = f"{doing}: it runs" if self._robot.running else ""
        nothing = "no robot was started from here"
        self._state.set_text(running or (f"{doing}: {ended}" if ended else nothing))
        name = doing.split()[2] if doing else ""
        try:
            self._tail.set_text(await asyncio.to_thread(self._robot.tail, read_setup(name)))
        except ConfigurationError:
            self._tail.set_text("")
        self._log.set_visibility(bool(name))

    async def show(self) -> None:
        """Looks at files and devices anew."""
        await self.show_robot()
        found = await asyncio.to_thread(_set_ups)
        self._list.clear()
        with self._list:
            if not found:
                with card("No set-up yet"):
                    ui.label(f"They are kept in {home()}. With an arm: act save kitchen; without "
                             "one, to see how it goes: act save kitchen --emulated")  # fmt: skip
            for one in found:
                self._card(one)
            button("Look again", self.show)

    def _card(self, one: _Shown) -> None:
        with card(one.name):
            with ui.element("ul").classes("ac-reasons"):
                for step in one.steps:
                    with ui.element("li").classes(LEVELS.get(step.state, "error")):
                        with ui.element("i"):
                            ui.label(MARKS.get(step.state, "✗"))
                        ui.label(f"{step.name}: {step.text}")
            ui.label(f"next: {one.following}").classes("ac-next")
            with ui.element("div").classes("ac-buttons"):
                button("Start the robot", lambda: self._begin(one, self._robot.start), go=True)
                button("Let the policy act", lambda: self._begin(one, self._robot.act))
                if one.is_emulated:
                    count = ui.number("episodes", value=3, min=1, max=200, step=1).props("dense")
                    button(
                        "Let the expert show it",
                        lambda: self._begin(one, self._robot.show, int(count.value or 0)),
                    )

    async def _begin(self, one: _Shown, work: Callable[..., str], *arguments: Any) -> None:
        if not self._robot.running and await self._is_still_heard():
            ui.notify(
                ALREADY, type="negative", timeout=12000, close_button="close", multi_line=True
            )
        elif one.is_emulated or await self._is_sure(one):
            await told(work, one.name, *arguments)
            await self.show_robot()

    async def _is_still_heard(self) -> bool:
        """Whether an arm runs; one that has just ended is heard for a little longer."""
        for _ in range(round(SILENT_WITHIN_S / POLL_S)):
            if not self._arm_is_heard():
                return False
            await asyncio.sleep(POLL_S)
        return self._arm_is_heard()

    async def _is_sure(self, one: _Shown) -> bool:
        """Asks before a real arm gets force."""
        with ui.dialog() as asking, ui.card():
            ui.label(
                f"{one.name} is a real arm. It gets force now, and moves if a policy acts or a "
                "leader is moved. Is its table clear, and the power switch within reach?"
            )
            with ui.element("div").classes("ac-buttons"):
                button("Yes, go on", lambda: asking.submit(True), go=True)
                button("No", lambda: asking.submit(False))
        sure = await asking
        asking.delete()
        return sure is True

    async def _stop(self) -> None:
        await told(self._robot.stop)
        await asyncio.sleep(0.2)
        await self.show_robot()


def _set_ups() -> list[_Shown]:
    found = []
    for name in names():
        try:
            setup = read_setup(name)
            steps = journey(setup)
            is_emulated = setup.hardware == EMULATED
            found.append(_Shown(name, is_emulated, steps, next_command(setup, steps)))
        except ConfigurationError as error:
            wrong = [Step("set-up", WRONG, str(error))]
            found.append(_Shown(name, False, wrong, f"act save {name}"))
    return found
