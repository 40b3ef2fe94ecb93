"""The evening in short, on an emulated arm: one command opens the page, and the rest is clicked."""

from __future__ import annotations

import re

import pytest
import yaml
from act_console.journey import demonstrations
from act_record.episodes import episodes_in

from tests.act_console.consoles import browser
from tests.evening.evening import ended, interrupt, lines_until, run

PATIENCE_MS = 600_000  # of a busy machine
TRIES = 20
TimeoutError = pytest.importorskip("playwright.sync_api", reason="run `make training`").TimeoutError
pytest.importorskip("nicegui", reason="run `make setup`: nicegui is not installed")


@pytest.fixture
def home(tmp_path):
    """A set-up with few and small pictures."""
    process = run(tmp_path, "act save kitchen --emulated --task lift_cube --episodes 3")
    assert ended(process)[0] == 0
    file = tmp_path / "kitchen" / "setup.yaml"
    setup = yaml.safe_load(file.read_text())
    setup["simulation"] = {"width": 128, "height": 96, "camera_rate_hz": 10.0}
    file.write_text(yaml.safe_dump(setup))
    return tmp_path


@pytest.fixture
def page(home):
    with browser() as start:
        process = run(home, "act console kitchen console_port:=0")
        link = re.search(r"the page: (\S+)", lines_until(process, "the page:"))[1]
        one = start().new_page(viewport={"width": 1280, "height": 800})
        one.set_default_timeout(PATIENCE_MS)
        errors: list[str] = []
        one.on("pageerror", lambda error: errors.append(str(error)))
        one.goto(link)
        yield one
        interrupt(process)  # and with it whatever it has started
        code, said = ended(process)
        assert (code, errors) == (0, []), said


def tab(page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def click(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


@pytest.mark.timeout(3600)
def test_taught_trained_run_and_stopped(page, home):
    episodes = home / "kitchen" / "episodes"

    tab(page, "Set up")
    page.get_by_text("demonstrations: 0 of 3").wait_for()
    click(page, "Let the expert show it")
    page.get_by_text("act teach kitchen --episodes 3: done").wait_for()
    assert demonstrations(episodes).kept == 3
    dragged = f"episode_{len(list(episodes.glob('episode_*'))):06d}"

    click(page, "Start the robot")
    tab(page, "Teach")
    page.locator("#recorder", has_text="idle").wait_for()  # all that it needs has come
    page.locator("#record-start").click()
    page.locator("#recorder b", has_text="not recording").wait_for(state="detached")
    drag_until_it_moves(page)
    page.locator("#record-stop:enabled").click()
    page.wait_for_function("document.querySelector('#verdict').innerText.length > 3")
    click(page, "Hand it back")

    tab(page, "Episodes")
    page.get_by_role("row", name=dragged).wait_for()
    name = next(one.name for one in episodes_in(episodes) if one.said == "kept")
    rejected = page.get_by_role("row", name=name)
    rejected.get_by_role("checkbox").click()
    click(page, "To the bin")
    rejected.wait_for(state="detached")

    tab(page, "Set up")
    click(page, "Stop")
    page.get_by_text(re.compile("act up kitchen: (done|ended)")).wait_for()

    tab(page, "Train")
    click(page, "Convert only")
    page.get_by_text("act convert kitchen: done").wait_for()
    # The expert's two that are left; on a busy machine what was dragged may be one to redo.
    assert len(list((home / "kitchen" / "dataset").glob("*.hdf5"))) >= 2
    page.get_by_label("preset").click()
    page.get_by_role("option", name="debug").click()
    click(page, "Start, or go on")
    page.get_by_text("act train kitchen --preset debug: done").wait_for()

    tab(page, "Set up")
    click(page, "Look again")
    page.get_by_text("policy: 'kitchen'").wait_for()
    click(page, "Let the policy act")
    tab(page, "Watch")
    page.locator("#owner b", has_text=re.compile("^policy$")).wait_for()
    while not page.locator("#estop.stopped").is_visible():  # its service may be known late
        page.keyboard.press("Space")
        page.wait_for_timeout(1000)
    page.locator("#reasons").get_by_text("e-stop").first.wait_for()


JOINTS = (
    "[...document.querySelectorAll('.ac-joint output')].map((one) => Number.parseFloat(one.value))"
)


def drag_until_it_moves(page) -> None:
    """As a person does: on a busy machine servos answer late, and the arm holds meanwhile."""
    page.wait_for_function(f"{JOINTS}.every(Number.isFinite)")
    before = page.evaluate(JOINTS)
    for _ in range(TRIES):
        if page.locator("#take").is_enabled():
            page.locator("#take").click()
        drag_the_gripper(page)
        try:
            page.wait_for_function(
                f"{JOINTS}.some((value, i) => Math.abs(value - {before}[i]) > 0.1)",
                timeout=PATIENCE_MS / TRIES,
            )
            return
        except TimeoutError:
            continue
    raise AssertionError("the arm does not follow: " + page.locator("main").inner_text())


def drag_the_gripper(page) -> None:
    """By the ball at it, in the 3D view, a fifth of the picture towards the upper left."""
    page.wait_for_function("document.querySelector('.ac-twin').dataset.handle")
    x, y = map(float, page.locator(".ac-twin").get_attribute("data-handle").split(","))
    box = page.locator(".ac-twin canvas").bounding_box()
    begin = box["x"] + (1 + x) / 2 * box["width"], box["y"] + (1 - y) / 2 * box["height"]
    page.mouse.move(*begin)
    page.mouse.down()
    page.mouse.move(begin[0] - box["width"] / 5, begin[1] - box["height"] / 5, steps=5)
    page.mouse.up()
