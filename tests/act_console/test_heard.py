"""What is said of a robot, in words, and the plans and mailboxes of the page."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest
from act_console.heard import MOST_STATUSES, SILENT_S, Heard
from act_console.live import Pages
from act_console.plans import POINTS, Plans
from act_core.timing import NS_PER_S, to_ns

from tests.act_console.test_drag import Clock


@pytest.fixture
def heard():
    return Heard(Clock())


def test_with_nobody_there_the_page_says_what_to_do_and_what_works(heard):
    (hint,) = heard.hints()
    assert "ros2 launch act_bringup sim.launch.py" in hint
    assert "ROS_DOMAIN_ID" in hint
    assert "without it" in hint


def test_the_worst_is_first_and_a_hold_is_told_in_words(heard):
    heard.status("/act_sim: control", "ok", "following", {})
    heard.status("/act_policy: control", "warn", "holding: no_plan (waiting)", {})
    heard.status("/so101_driver: bus", "error", "the port is gone", {})
    state = heard.state()
    assert [one["level"] for one in state["statuses"]] == ["error", "warn", "ok"]
    assert state["reasons"][1]["text"] == "act_policy: holding: no_plan (waiting)"
    json.dumps(state, allow_nan=False)


def test_a_status_that_falls_silent_is_stale(heard):
    heard.status("/act_sim: control", "ok", "following", {"commands_rate_hz": "100.0"})
    assert heard.figures()[0]["text"] == "100.0 Hz"
    heard.clock.ns += to_ns(SILENT_S) + 1
    assert heard.statuses()[0].level == "stale"
    assert "following" in heard.statuses()[0].text
    assert heard.figures() == []  # of then, not of now


def test_what_others_send_is_bounded(heard):
    for number in range(2 * MOST_STATUSES):
        heard.status(f"/node{number}: x", "ok", "y" * 10_000, {str(k): "v" for k in range(500)})
    assert len(heard.statuses()) == MOST_STATUSES
    assert len(json.dumps(heard.state())) < 500_000


def test_joints_that_stopped_are_said(heard):
    heard.status("/act_sim: control", "ok", "following", {})
    assert "No joint states" in heard.hints()[0]
    heard.joints_ns = heard.clock.now_ns()
    heard.cameras = ["front"]
    assert heard.hints() == []
    heard.clock.ns += to_ns(2.0)
    assert "the past" in heard.hints()[0]


def test_the_curves_are_what_is_still_to_come():
    plans = Plans()
    rows = np.linspace(0.0, 1.0, 11)[:, None] * [1.0, 2.0]
    plans.add(("a", "b"), 0, rows, 0.1)
    curves = plans.curves(NS_PER_S // 2)
    assert len(curves["newest"]) == POINTS
    assert curves["newest"][0] == pytest.approx([0.5, 1.0])
    assert curves["newest"][-1] == pytest.approx([1.0, 2.0])
    plans.add(("a", "b"), NS_PER_S // 10, rows + 1.0, 0.1)
    curves = plans.curves(NS_PER_S // 2)
    assert curves["newest"][0] == pytest.approx([1.4, 1.8])
    assert 0.5 < curves["mean"][0][0] < 1.4
    assert plans.curves(100 * NS_PER_S) == {"newest": [], "mean": []}


@pytest.mark.parametrize(
    ("joints", "rows", "row_s"),
    [
        (("a",), [[1.0, 2.0]], 0.1),
        (("a",), [], 0.1),
        (("a",), [[float("nan")]], 0.1),
        (("a",), [[1.0]], 0.0),
        (("a",), [[1.0]], float("nan")),
    ],
)
def test_what_is_no_chunk_is_refused(joints, rows, row_s):
    with pytest.raises(ValueError, match="chunk"):
        Plans().add(joints, 0, rows, row_s)


def test_another_robot_or_a_clock_that_began_again_starts_afresh():
    plans = Plans()
    plans.add(("a",), NS_PER_S, [[0.0], [1.0]], 1.0)
    plans.add(("b",), NS_PER_S, [[5.0], [5.0]], 1.0)
    assert plans.curves(NS_PER_S)["mean"][0] == [5.0]
    plans.add(("b",), 0, [[7.0], [7.0]], 1.0)
    assert plans.curves(0)["mean"][0] == [7.0]


def test_a_page_that_sleeps_keeps_the_newest_of_each_kind_and_holds_up_nobody():
    async def look() -> None:
        pages = Pages()
        asleep, awake = pages.join(), pages.join()
        for number in range(1000):
            pages.publish("pose", f"pose {number}")
            pages.publish("picture front", f"picture {number}")
        pages.publish("state", "state", lasting=True)
        await asyncio.sleep(0)
        assert await asleep.take() == ["pose 999", "picture 999", "state"]
        assert await awake.take() == ["pose 999", "picture 999", "state"]
        late = pages.join()
        assert await late.take() == ["state"]
        for page in (asleep, awake, late):
            pages.leave(page)
        assert pages.count == 0

    asyncio.run(look())


def test_every_page_is_greeted_also_one_that_comes_when_the_last_has_just_gone():
    async def look() -> None:
        pages = Pages("hello")
        for _ in range(3):
            page = pages.join()
            assert await page.take() == ["hello"]
            pages.leave(page)

    asyncio.run(look())


def test_so_many_pages_and_no_more():
    async def look() -> None:
        pages = Pages()
        joined = [pages.join() for _ in range(30)]
        assert joined[-1] is None
        assert pages.count == len([page for page in joined if page is not None])

    asyncio.run(look())
