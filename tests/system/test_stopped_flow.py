"""A flow that stops is told of by who suffers, with the true reason, and is OK again by itself.

The delays are measured by `bench.stopped_flow`; here a busy machine may take longer.
"""

from __future__ import annotations

import pytest

from bench._stopped_flow import SYSTEMS, stop_in_every_way


@pytest.mark.parametrize("kind", SYSTEMS)
def test_each_way_to_stop_is_told_and_over_when_its_cause_is(kind, tmp_path):
    outcomes = list(stop_in_every_way(kind, tmp_path, patience_s=60.0))
    assert [outcome.way for outcome in outcomes] == list(SYSTEMS[kind].ways)
    for outcome in outcomes:
        assert outcome.level == outcome.way.level, outcome
