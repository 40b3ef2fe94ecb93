"""Modes are found by name; what is wrong with one is said before anything moves."""

from __future__ import annotations

from pathlib import Path

import pytest
from act_bringup.launch_arguments import EXECUTION_ARGUMENTS
from act_core.errors import ConfigurationError
from act_core.policy_spec import ExecutionSpec
from act_policy.modes import MODES, make_mode, text_of

from tests.act_policy.policies import make_spec

ROOT = Path(__file__).resolve().parents[2]


def test_the_modes_that_ship():
    assert MODES.names() == [
        "append", "blended", "ensemble", "newest", "open_loop", "replan", "weighted"
    ]  # fmt: skip
    assert text_of(ExecutionSpec("ensemble", m=-0.1)) == "ensemble m=-0.1"
    assert text_of(ExecutionSpec("newest")) == "newest chunk"
    assert text_of(ExecutionSpec("open_loop")) == "open loop, all rows"
    assert text_of(ExecutionSpec("open_loop", open_loop_rows=3)) == "open loop, 3 rows"


def test_the_documentation_and_the_launch_files_know_them_all():
    documented = (ROOT / "docs/policy_bundle.md").read_text()
    (launched,) = (text for name, _, text in EXECUTION_ARGUMENTS if name == "mode")
    for text in (documented, launched):
        assert [mode for mode in MODES.names() if mode not in text] == []


def test_how_long_a_chunk_is_played():
    spec = make_spec()  # 4 rows at 10 Hz
    played = {mode: make_mode(ExecutionSpec(mode), spec).plays_s for mode in MODES.names()}
    assert played == {
        "append": 0.4, "blended": 0.0, "ensemble": 0.0, "newest": 0.0, "open_loop": 0.4,
        "replan": 0.4, "weighted": 0.2,
    }  # fmt: skip
    assert make_mode(ExecutionSpec("open_loop", open_loop_rows=3), spec).plays_s == pytest.approx(
        0.3
    )


@pytest.mark.parametrize(
    ("execution", "text"),
    [
        (ExecutionSpec("ensembel"), "unknown execution mode 'ensembel'; did you mean 'ensemble'"),
        (
            ExecutionSpec("ensembel"),
            "newest, open_loop, replan, weighted; one of your own",
        ),
        (ExecutionSpec("nowhere.of:Mine"), "cannot import 'nowhere.of'"),
        (ExecutionSpec("pathlib:Path"), "pathlib:Path lacks clear"),
        (ExecutionSpec("newest", options={"share": 1.0}), "unknown parameter 'share'"),
        (ExecutionSpec("ensemble", options={"m": float("nan")}), "m"),
    ],
)
def test_what_is_no_mode_is_named(execution, text):
    with pytest.raises(ConfigurationError, match=text):
        make_mode(execution, make_spec())
