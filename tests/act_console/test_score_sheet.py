"""The score sheet: what is tried next, what it comes to, and that no trial is lost or mixed up."""

from __future__ import annotations

from collections import Counter

import pytest
from act_console.judge import judge
from act_console.score_sheet import (
    FAILURE,
    SUCCESS,
    ScoreSheet,
    Trial,
    outcome_of,
    read_sheet,
    sheet_for,
)
from act_core.errors import ConfigurationError


def filled(outcomes: dict[str, str]) -> ScoreSheet:
    """policy -> one letter for each placement."""
    sheet = ScoreSheet(tuple(outcomes), len(next(iter(outcomes.values()))))
    for policy, letters in outcomes.items():
        for placement, letter in enumerate(letters):
            outcome, _ = outcome_of(letter)
            sheet.add(Trial(policy, placement, outcome, 5.0))
    return sheet


def made(sheet: ScoreSheet) -> list[tuple[int, str]]:
    found = []
    while (following := sheet.next()) is not None:
        found.append(following)
        sheet.add(Trial(following[1], following[0], SUCCESS, 1.0))
    return found


def test_every_policy_is_tried_at_every_placement_in_an_order_of_its_own():
    order = made(ScoreSheet(("a", "b"), 40, seed=3))
    assert Counter(order) == Counter((k, p) for k in range(40) for p in "ab")
    assert [placement for placement, _ in order] == sorted(k for k in range(40) for _ in "ab")
    assert 10 < sum(policy == "a" for _, policy in order[::2]) < 30
    assert order == made(ScoreSheet(("a", "b"), 40, seed=3))
    assert order != made(ScoreSheet(("a", "b"), 40, seed=4))


def test_placements_lie_in_the_region():
    sheet = ScoreSheet(("a", "b"), 100, seed=1)
    texts = [sheet.placement_text(k) for k in range(100)]
    assert len(set(texts)) > 80
    for text in texts:
        ahead, left = int(text.split()[0]), int(text.split(", ")[1].split()[0])
        assert 15 <= ahead <= 27
        assert left <= 10


def test_the_report_counts_and_compares():
    assert filled({"old": "sfffsffsff", "new": "ssssssssfi"}).report() == [
        "old: 3 of 10 (30%, 95 % interval 11% to 60%), 0 with an intervention",
        "new: 8 of 10 (80%, 95 % interval 49% to 94%), 1 with an intervention",
        "old against new at 10 same placements: only old 0, only new 5, p = 0.0625: "
        "no difference is shown",
    ]
    (*_, last) = filled({"old": "f" * 10, "new": "s" * 10}).report()
    assert last.endswith("p = 0.00195: new is better")
    assert ScoreSheet(("a",), 3).report() == ["a: not tried yet"]


def test_what_is_saved_is_gone_on_with(tmp_path):
    file = tmp_path / "sheet.json"
    sheet = sheet_for(file, ["a", "b"], 5, seed=8)
    placement, policy = sheet.next()
    sheet.add(Trial(policy, placement, FAILURE, 3.5, "dropped it"))
    sheet.save(file)
    again = sheet_for(file, ["a", "b"], 5)
    assert again == sheet
    assert again.next() == sheet.next() != (placement, policy)
    assert sheet_for(file, ["a", "b"], 9).placements == 9
    with pytest.raises(ConfigurationError, match="is of a, b, not of a, c: name another"):
        sheet_for(file, ["a", "c"], 5)


REGION = '"region": {"ahead": [1, 2], "left": [1, 2]}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"version": 2}',
        '{"version": 1, "policies": 3}',
        '{"version": 1, "policies": ["a"], "placements": 2, "region": {}, "trials": []}',
        '{"version": 1, "policies": ["a"], "placements": 2, ' + REGION + ', "trials": [{}]}',
        '{"version": 1, "policies": ["a"], "placements": 2, ' + REGION + ', "trials": [{"policy": '
        '"b", "placement": 0, "outcome": "success", "seconds": 1.0}]}',
    ],
)
def test_what_is_no_sheet_is_refused_by_name(tmp_path, text):
    file = tmp_path / "sheet.json"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="sheet"):
        read_sheet(file)


def test_a_trial_is_taken_down_once():
    sheet = ScoreSheet(("a",), 2)
    sheet.add(Trial("a", 0, SUCCESS, 1.0))
    with pytest.raises(ConfigurationError, match="a was tried at 0 already"):
        sheet.add(Trial("a", 0, FAILURE, 1.0))
    with pytest.raises(ConfigurationError, match="no trial of b at 1 is planned"):
        sheet.add(Trial("b", 1, SUCCESS, 1.0))
    for policies, placements in (((), 1), (("a", "a"), 1), (("a",), 0)):
        with pytest.raises(ConfigurationError, match="expected"):
            ScoreSheet(policies, placements)


@pytest.mark.parametrize(
    ("answer", "means"),
    [("s", (SUCCESS, "")), ("F dropped it", (FAILURE, "dropped it")), ("", None), ("x", None)],
)
def test_answers(answer, means):
    assert outcome_of(answer) == means


class Person:
    """Answers in order, and hits Ctrl-C when there is nothing left to say."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)

    def say(self, text: str) -> None: ...

    def ask(self, prompt: str) -> str:
        if not self.answers:
            raise KeyboardInterrupt
        return self.answers.pop(0)

    def watch(self, lines) -> bool:
        raise AssertionError


class Place:
    """Remembers what was done with the arm."""

    def __init__(self, arrives: list[bool] | None = None) -> None:
        self.log: list[str] = []
        self.arrives = arrives or []

    def go_to_start(self, bundle) -> bool:
        self.log.append("start")
        return self.arrives.pop(0) if self.arrives else True

    def begin(self, bundle) -> None:
        self.log.append(f"begin {bundle}")

    def end(self) -> None:
        self.log.append("end")


def test_trials_with_a_person(tmp_path):
    file, place = tmp_path / "sheet.json", Place()
    sheet = ScoreSheet(("a",), 3)
    judge(sheet, file, Person("", "s", "", "what", "f fell", "", "i"), place)
    assert place.log == ["start", "begin a", "end"] * 3
    assert [(t.outcome, t.note) for t in read_sheet(file).trials] == [
        ("success", ""), ("failure", "fell"), ("intervention", ""),
    ]  # fmt: skip


def test_a_trial_that_is_left_out_is_made_again(tmp_path):
    sheet, place = ScoreSheet(("a",), 1), Place()
    judge(sheet, tmp_path / "sheet.json", Person("", "l", "q"), place)
    assert sheet.trials == []
    assert place.log == ["start", "begin a", "end"]


def test_ctrl_c_in_a_trial_ends_the_policy(tmp_path):
    place = Place()
    with pytest.raises(KeyboardInterrupt):
        judge(ScoreSheet(("a",), 1), tmp_path / "sheet.json", Person(""), place)
    assert place.log == ["start", "begin a", "end"]


def test_no_policy_acts_from_elsewhere_than_its_start(tmp_path):
    place = Place(arrives=[False, False])
    judge(ScoreSheet(("a",), 1), tmp_path / "sheet.json", Person("", "", "", "q"), place)
    assert place.log == ["start", "start"]
