"""Who drives: said in words, never somebody else in place of what was asked for."""

from __future__ import annotations

import json

import pytest
from act_bringup import who_drives as module
from act_bringup.who_drives import EXPERT, NOBODY, who_drives

from tests.act_policy.policies import make_bundle

ANYBODY = (EXPERT, NOBODY)


@pytest.fixture
def share(monkeypatch, tmp_path):
    """The share folder of an installed act_bringup, with a policy for pick_place."""
    monkeypatch.setattr(module, "get_package_share_directory", lambda _: str(tmp_path))
    make_bundle(tmp_path / "policies" / "so101_pick_place")
    return tmp_path


def said(drive) -> str:
    return drive.announcement().msg[0].text


def test_what_ships_for_the_task_drives(share):
    drive = who_drives("", "pick_place", without=EXPERT, choices=ANYBODY)
    assert drive.bundle == str(share / "policies/so101_pick_place")
    assert drive.cameras == ["front"]
    assert not drive.is_expert
    assert said(drive) == (
        f"who drives: policy 'toy' in {share}/policies/so101_pick_place (it ships for pick_place)"
    )


def test_the_look_is_the_one_that_the_policy_was_trained_in(share):
    assert who_drives("", "pick_place", EXPERT, ANYBODY).look == ""
    assert who_drives(EXPERT, "pick_place", EXPERT, ANYBODY).look == ""
    path = share / "policies" / "so101_pick_place" / "policy.json"
    spec = json.loads(path.read_text())
    path.write_text(json.dumps(spec | {"provenance": {"look": "room"}}))
    assert who_drives("", "pick_place", EXPERT, ANYBODY).look == "room"


@pytest.mark.parametrize(
    ("without", "is_expert", "words"),
    [
        (EXPERT, True, "the task's scripted expert"),
        (NOBODY, False, "nobody; the arm follows whoever publishes joint_commands"),
    ],
)
def test_where_no_policy_ships_for_the_task_that_is_said(share, without, is_expert, words):
    drive = who_drives("", "lift_cube", without, choices=ANYBODY)
    assert (drive.is_expert, drive.spec) == (is_expert, None)
    assert said(drive) == (
        f"who drives: {words} (no policy ships for lift_cube, only for pick_place)"
    )
    assert said(who_drives(without, "lift_cube", EXPERT, ANYBODY)) == f"who drives: {words}"


@pytest.mark.parametrize("task", ["pick_place", "lift_cube"])
def test_a_build_without_the_policies_is_told_of(monkeypatch, tmp_path, task):
    monkeypatch.setattr(module, "get_package_share_directory", lambda _: str(tmp_path))
    with pytest.raises(RuntimeError, match="no policies in .*: build the workspace again, or say"):
        who_drives("", task, without=EXPERT, choices=ANYBODY)
    assert who_drives(EXPERT, task, without=EXPERT, choices=ANYBODY).is_expert


def test_a_policy_of_ones_own_drives(share, tmp_path):
    bundle = make_bundle(tmp_path / "mine").folder
    drive = who_drives(str(bundle), "lift_cube", without=EXPERT, choices=ANYBODY)
    assert drive.bundle == str(bundle)
    assert said(drive).endswith(f"{bundle} (asked for with policy:=)")


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ("/no/bundle", "expected expert, none or the folder of a policy bundle"),
        ("exprt", "did you mean 'expert'"),
    ],
)
def test_what_is_no_bundle_is_refused(share, policy, text):
    with pytest.raises(RuntimeError, match=text):
        who_drives(policy, "lift_cube", without=EXPERT, choices=ANYBODY)
