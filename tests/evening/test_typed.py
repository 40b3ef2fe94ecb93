"""The evening in short, on an emulated arm, with the commands that a person types and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evening.evening import ended, interrupt, lines_until, run

COMMANDS = (
    "so101-setup save kitchen --emulated --episodes 2",
    "act teach",
    "act train kitchen --preset debug",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("act")


@pytest.mark.timeout(3600)
def test_from_nothing_to_a_policy_that_acts(home):
    """Each command's last line is the next command to type."""
    assert "There is no set-up yet" in ended(run(home, "act"))[1]
    for command, following in zip(COMMANDS, ("teach", "train", "run"), strict=True):
        code, said = ended(run(home, command))
        assert code == 0, said
        assert said.splitlines()[-1] == f"next: act {following} kitchen", said

    said = ended(run(home, "act"))[1]
    assert "✓ demonstrations  2 of 2" in said
    assert "✓ policy          'kitchen', from 1 demonstration\n" in said  # one was held out

    process = run(home, "act run")
    seen = lines_until(process, "drives", "acting")
    interrupt(process)
    code, rest = ended(process)
    assert code == 0, seen + rest
    assert "acting: policy 'kitchen' (/act_policy) drives" in seen + rest
