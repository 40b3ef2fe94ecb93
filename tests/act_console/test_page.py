"""The page in a real browser, headless, among real nodes."""

from __future__ import annotations

import json
import os
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.act_console.consoles import PATIENCE_S, browser, console, running

pytest.importorskip("rclpy", reason="run `make setup`: rclpy is not installed")
from tests.act_record import bags

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
PATIENCE_MS = 5000 * PATIENCE_S  # browser, nodes and WebGL in software share the machine
NO_GL = ("--disable-gpu", "--disable-3d-apis")
MARKUP = "<img src=x onerror='window.executed = true'>"


@pytest.fixture(scope="module")
def browsers():
    with browser() as start:
        yield start


@pytest.fixture(scope="module")
def chromium(browsers):
    return browsers()


@pytest.fixture(scope="module")
def robot(chromium, tmp_path_factory):
    os.environ["ACT_HOME"] = str(tmp_path_factory.mktemp("act"))
    camera = {"camera": "front", "source": "synthetic", "width": 320, "height": 240}
    folder = recordings(tmp_path_factory.mktemp("recordings"))
    with (
        running("act_sim.mock_arm_node", "mock_arm") as arm,
        running("act_camera.camera_node", "camera_front", **camera),
        running("act_record.record_node", "act_record", out=folder, cameras="[front]"),
        console(recordings=folder) as one,
    ):
        arm.wait_for("waiting for commands")
        yield one
    del os.environ["ACT_HOME"]


def recordings(folder):
    """Two episodes; what others wrote into one of them would be a script if it were not text."""
    for number, task in enumerate(("wipe the table", MARKUP)):
        episode = folder / f"episode_{number:06d}"
        bags.write_bag(episode, bags.episode(2.0), {})
        verdict = {"length_s": 2.0, "keep": True, "problems": []}
        (episode / "episode.json").write_text(json.dumps({"task": task, "verdict": verdict}))
    return folder


@pytest.fixture
def page(chromium, robot):
    context = chromium.new_context(viewport=DESK)
    one = context.new_page()
    one.set_default_timeout(PATIENCE_MS)
    errors: list[str] = []
    one.on("pageerror", lambda error: errors.append(str(error)))
    one.goto(robot.url)
    one.locator("#owner b", has_text="policy").wait_for()
    yield one
    context.close()
    assert errors == []


def until(page, script: str) -> None:
    page.wait_for_function(script, timeout=PATIENCE_MS)


def test_it_shows_the_arm_a_picture_and_what_the_nodes_say(page):
    until(page, "Number(document.querySelector('.ac-twin').dataset.drawn) > 1")
    until(page, "document.querySelector('.ac-picture img')?.naturalWidth > 0")
    page.get_by_text("front", exact=True).wait_for()
    page.locator("summary", has_text="/mock_arm: control").first.wait_for()
    page.locator("#reasons").get_by_text("no command").first.wait_for()
    assert page.locator("#enable").is_disabled()  # no policy is there


def test_the_space_bar_stops_the_arm_whatever_has_the_focus(page):
    page.get_by_role("tab", name="Teach").focus()
    page.keyboard.press("Space")
    page.locator("#estop.stopped").wait_for()
    assert "engaged" in page.locator("#said").inner_text()
    page.keyboard.press("Space")  # never releases
    page.locator("#release").click()
    page.locator("#estop:not(.stopped)").wait_for()
    page.locator("#estop").click()
    page.locator("#estop.stopped").wait_for()
    page.locator("#release").click()
    page.locator("#estop:not(.stopped)").wait_for()


def test_a_slider_moves_the_arm_and_it_holds_when_the_page_is_closed(page, chromium, robot):
    other = chromium.new_context(viewport=PHONE)
    dragging = other.new_page()
    dragging.set_default_timeout(PATIENCE_MS)
    dragging.goto(robot.url)
    dragging.get_by_role("tab", name="Teach").click()
    dragging.locator("#take:enabled").click()
    page.get_by_text("taken over by").wait_for()
    slider = dragging.locator("#joint-wrist_roll")
    slider.fill("1.5")
    output = "document.querySelector('#joint-wrist_roll + output').innerText"
    until(dragging, f"Number({output}.split(' ')[0]) > 0.2")
    other.close()
    page.get_by_text("it holds").first.wait_for()
    page.get_by_role("button", name="Hand it back").click()
    page.get_by_text("handed back by").wait_for()


def test_a_browser_that_falls_asleep_lets_go_and_holds_up_nobody(page, browsers, robot):
    """A laptop that is shut while its page drags: three browsers, of which one sleeps."""
    third = browsers(*NO_GL).new_page()
    third.goto(robot.url, timeout=PATIENCE_MS)
    sleeper = browsers(*NO_GL, "--act-sleeper")
    dragging = sleeper.new_page()
    dragging.set_default_timeout(PATIENCE_MS)
    dragging.goto(robot.url)
    dragging.get_by_role("tab", name="Teach").click()
    dragging.locator("#take:enabled").click()
    page.get_by_text("taken over by").wait_for()
    dragging.locator("#joint-shoulder_pan").fill("1.5")
    with asleep("--act-sleeper"):
        page.get_by_text("it holds").first.wait_for()
        page.get_by_role("tab", name="Teach").click()
        page.locator("#take:enabled").click()
        page.locator("#joint-wrist_flex").fill("0.9")
        shown = "document.querySelector('#joint-wrist_flex + output').innerText"
        until(page, f"Math.abs(Number({shown}.split(' ')[0]) - 0.9) < 0.1")
        for other in (page, third):
            other.locator("#estop:not(.stopped)").wait_for()
    page.get_by_role("button", name="Hand it back").click()
    sleeper.close()


@contextmanager
def asleep(argument: str):
    """The browser that was started with that argument gets no processor, nor do its children."""
    browser = next(
        int(file.parent.name)
        for file in Path("/proc").glob("[0-9]*/cmdline")
        if argument.encode() in file.read_bytes() and b"--type=" not in file.read_bytes()
    )
    group = os.getpgid(browser)
    assert group != os.getpgid(0)
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)


def test_an_episode_is_recorded_judged_and_redone(page):
    page.get_by_role("tab", name="Teach").click()
    page.locator("#record-start:enabled").click()
    page.locator("#recorder b", has_text="not recording").wait_for(state="detached")
    page.locator("#record-stop:enabled").click()
    until(page, "document.querySelector('#verdict').innerText.length > 3")
    page.locator("#record-discard:enabled", has_text="Redo").click()
    page.locator("#verdict", has_text="episode_000002").wait_for()
    page.get_by_role("tab", name="Episodes").click()
    page.get_by_role("button", name="Take it out").wait_for()


def test_an_episode_is_played_thrown_away_and_taken_out_again(page):
    page.get_by_role("tab", name="Episodes").click()
    row = page.get_by_role("row", name="episode_000000")
    row.get_by_role("checkbox").click()
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, "document.querySelector('video')?.readyState >= 2")
    page.get_by_role("button", name="To the bin").click()
    row.wait_for(state="detached")
    binned = page.locator(".ac-buttons", has_text="episode_000000")
    binned.get_by_role("button", name="Take it out").click()
    row.wait_for()


def test_an_episode_is_replayed_in_place_of_the_arm(page):
    page.get_by_role("tab", name="Episodes").click()
    page.get_by_role("row", name="episode_000000").get_by_role("checkbox").click()
    page.get_by_role("button", name="Replay in 3D").click()
    page.get_by_text("A recording, not the arm: episode_000000").wait_for()
    page.locator("#replay-time").fill("1.5")
    page.get_by_text("1.5 of 1.9").or_(page.get_by_text("1.5 of 2.0")).wait_for()
    until(page, "Math.abs(document.querySelector('.ac-replay video').currentTime - 1.5) < 0.2")
    until(page, "document.querySelector('.ac-replay video').readyState >= 2")
    page.locator("#replay-play").click()
    until(page, "document.querySelector('#replay-play').innerText === 'Play'")  # at its end
    page.locator("#estop").click()  # is the arm's, whatever is shown
    page.locator("#estop.stopped").wait_for()
    page.locator("#release").click()
    page.locator("#estop:not(.stopped)").wait_for()
    page.locator("#replay-end").click()
    page.locator(".ac-replay").wait_for(state="detached")


def test_who_looks_at_a_recording_does_not_hold_the_arm(page):
    page.get_by_role("tab", name="Teach").click()
    page.locator("#take:enabled").click()
    page.get_by_text("taken over by").or_(page.locator("#hand-back:enabled")).first.wait_for()
    page.get_by_role("tab", name="Episodes").click()
    page.get_by_role("row", name="episode_000000").get_by_role("checkbox").click()
    page.get_by_role("button", name="Replay in 3D").click()
    page.get_by_text("A recording, not the arm").wait_for()
    page.locator(".ac-legend").get_by_text("drag the gripper").wait_for(state="detached")
    page.get_by_role("tab", name="Teach").click()
    page.locator("#hand-back:disabled").wait_for()
    page.locator("#take:enabled").click()  # it ends the recording
    page.locator(".ac-legend").get_by_text("drag the gripper").wait_for()
    page.get_by_role("button", name="Hand it back").click()
    page.get_by_role("tab", name="Watch").click()
    page.locator(".ac-replay").wait_for(state="detached")


def test_the_gripper_is_dragged_in_the_3d_view(page):
    page.get_by_role("tab", name="Teach").click()
    page.locator("#take:enabled").click()
    until(page, "document.querySelector('.ac-twin').dataset.handle")
    x, y = map(float, page.locator(".ac-twin").get_attribute("data-handle").split(","))
    box = page.locator(".ac-twin canvas").bounding_box()
    ball = box["x"] + (1 + x) / 2 * box["width"], box["y"] + (1 - y) / 2 * box["height"]
    goal = "[...document.querySelectorAll('.ac-joint input')].map((one) => Number(one.value))"
    before = page.evaluate(goal)
    page.mouse.move(*ball)
    page.mouse.down()
    page.mouse.move(ball[0] - 60, ball[1] - 40, steps=4)
    page.mouse.up()
    until(page, f"{goal}.some((value, i) => Math.abs(value - {before}[i]) > 0.1)")
    after = page.evaluate(goal)
    assert after[-1] == pytest.approx(before[-1], abs=0.01), "the jaw is not the arm's reach"
    page.mouse.move(box["x"] + 20, box["y"] + 20)  # beside the ball the view turns
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 60, steps=4)
    page.mouse.up()
    assert page.evaluate(goal) == after
    page.get_by_role("button", name="Hand it back").click()
    page.get_by_role("tab", name="Watch").click()
    page.get_by_text("handed back by").wait_for()


def test_what_others_wrote_is_text(page):
    page.get_by_role("tab", name="Episodes").click()
    page.get_by_text(MARKUP).wait_for()
    assert page.evaluate("window.executed") is None


def test_without_a_set_up_the_page_says_how_to_make_one(page):
    page.get_by_role("tab", name="Set up").click()
    page.get_by_text("act save kitchen").first.wait_for()
    page.get_by_role("tab", name="Train").click()
    page.get_by_role("button", name="Start, or go on").click()
    page.get_by_text("there is no set-up to train").wait_for()


@pytest.mark.parametrize(
    ("size", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk", "phone"]
)
def test_nothing_overlaps(chromium, robot, size, scheme):
    context = chromium.new_context(viewport=size, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(robot.url)
    page.locator("#owner b", has_text="policy").wait_for()
    for tab in page.get_by_role("tab").all():
        tab.click()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert page.evaluate(OVERLAPS) == []
    context.close()


# Cards, pictures and buttons of the tab in sight that lie on each other; the bar below and the top
# lie on what is scrolled under them.
OVERLAPS = """() => {
  const kinds = '.ac-card, .ac-picture, .ac-twin, .ac-hint, .ac-button, .ac-joint';
  const shown = [...document.querySelectorAll(kinds)]
    .filter(e => e.offsetParent !== null && !e.closest('.ac-bar'));
  const found = [];
  for (const a of shown) for (const b of shown) {
    if (a === b || a.contains(b) || b.contains(a)) continue;
    const p = a.getBoundingClientRect(), q = b.getBoundingClientRect();
    if (p.left < q.right - 1 && q.left < p.right - 1
        && p.top < q.bottom - 1 && q.top < p.bottom - 1)
      found.push(`${a.className}/${b.className}: ${a.innerText} / ${b.innerText}`.slice(0, 200));
  }
  return found;
}"""


def test_a_browser_without_webgl_keeps_everything_else(browsers, robot):
    page = browsers(*NO_GL).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(robot.url)
    page.get_by_text("this browser has no WebGL").wait_for()
    page.locator("#estop").click()
    page.locator("#estop.stopped").wait_for()
    page.locator("#release").click()
    page.locator("#estop:not(.stopped)").wait_for()


def test_a_console_that_has_gone_is_said_at_once(chromium):
    context = chromium.new_context(viewport=DESK)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    with console() as alone:
        page.goto(alone.url)
        until(page, "!document.querySelector('#said').classList.contains('bad')")
    page.get_by_text("its e-stop does not reach the arm").wait_for()
    context.close()
