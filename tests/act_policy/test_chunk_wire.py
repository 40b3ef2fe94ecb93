"""Chunks that come from another computer: taken as they are, or refused with what is wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest
from act_core.policy_spec import BundleError
from act_core.stamps import StampCheck
from act_core.timing import FakeClock
from act_policy.chunk_wire import KINDS, Arrival, ChunkGate, Refusal, Tag, bundle_mark, read_tag
from act_policy.inference_worker import Failure
from act_policy.policy import Inference
from act_policy.policy_runner import Action, Hold, PolicyRunner
from act_policy.remote_worker import RemoteWorker

from tests.act_policy.policies import make_bundle, make_spec, observation_at

MS = 1_000_000
T0 = 1_700_000_000 * 1000 * MS
MARK = "0123456789abcdef"
SPEC = make_spec()
ROWS = [[0.1, 0.2], [0.2, 0.3], [0.3, 0.4], [0.4, 0.5]]


def arrival(stamp_ns: int = T0, **changes: object) -> Arrival:
    values = {
        "stamp_ns": stamp_ns, "joints": ["left", "right"],
        "times_ns": [0, 100 * MS, 200 * MS, 300 * MS], "rows": ROWS,
        "tag": Tag(MARK, 0.03).text(), **changes,
    }  # fmt: skip
    return Arrival(**values)


@pytest.fixture
def gate() -> ChunkGate:
    return ChunkGate(SPEC, MARK, 1.0, StampCheck(zero_passes=False))


def test_a_chunk_is_taken_with_its_stamp_and_what_it_took(gate):
    found = gate.take(arrival(), T0 + 80 * MS)
    assert isinstance(found, Inference)
    assert found.chunk.stamp_ns == T0
    assert found.latency_s == 0.03
    np.testing.assert_array_equal(found.chunk.rows, ROWS)
    swapped = arrival(T0 + MS, joints=["right", "left"])
    found = gate.take(swapped, T0 + 80 * MS)
    np.testing.assert_array_equal(found.chunk.rows, np.array(ROWS)[:, ::-1])  # by name
    assert gate.values()["chunks"] == "2"
    assert gate.values()["chunk_age_p50_ms"] == "79.5"


@pytest.mark.parametrize(
    ("changes", "now_ns", "kind", "text"),
    [
        ({"tag": ""}, T0, "malformed", "frame_id is '', expected e.g. 'bundle="),
        ({"tag": "base_link"}, T0, "malformed", "frame_id is 'base_link'"),
        ({"tag": f"bundle={MARK} inference_s=nan"}, T0, "malformed", "inference_s is nan"),
        ({"tag": f"bundle={MARK} inference_s=-1"}, T0, "malformed", "expected seconds"),
        ({"tag": "x" * 100_000}, T0, "malformed", "frame_id is"),
        ({"tag": Tag("f" * 16, 0.0).text()}, T0, "bundle", "it is of bundle ffffffffffffffff"),
        ({"joints": ["left", "up"]}, T0, "malformed", "its joints are left, up, expected left"),
        ({"joints": ["left", "left"]}, T0, "malformed", "its joints are left, left"),
        ({"rows": ROWS[:3]}, T0, "malformed", "it has 3 rows, expected 4"),
        ({"rows": []}, T0, "malformed", "it has 0 rows"),
        ({"rows": [[0.1]] * 4}, T0, "malformed", "not of 2 positions each"),
        ({"rows": [*ROWS[:3], [np.nan, 0.0]]}, T0, "malformed", "not finite"),
        ({"times_ns": [0, 33 * MS, 66 * MS, 99 * MS]}, T0, "malformed", "not 1/10 s apart"),
        ({"stamp_ns": 0}, T0, "clock", ""),
        ({"stamp_ns": T0 - 3_600_000 * MS}, T0, "clock", "h"),
        ({"stamp_ns": T0 + 3_600_000 * MS}, T0, "clock", "h"),
        ({"stamp_ns": T0 + 200 * MS}, T0, "future", "0.2 s ahead of this clock"),
        ({"stamp_ns": T0 - 1500 * MS}, T0, "late", "1.5 s old (limit 1 s), of which inference"),
    ],
)  # fmt: skip
def test_what_is_refused_is_counted_by_its_kind(gate, changes, now_ns, kind, text):
    found = gate.take(arrival(**changes), now_ns)
    assert isinstance(found, Refusal)
    assert (found.kind, text in found.text) == (kind, True), found
    assert len(found.text) < 400
    values = gate.values()
    assert values[f"chunks_refused_{kind}"] == "1"
    assert sum(int(values[f"chunks_refused_{each}"]) for each in KINDS) == 1
    assert values["last_refused_chunk"].startswith(f"{kind}: ")


def test_what_was_observed_before_a_reset_is_of_another_epoch(gate):
    gate.begin(T0)
    assert gate.take(arrival(T0 - MS), T0 + 50 * MS).kind == "epoch"
    assert isinstance(gate.take(arrival(T0), T0 + 50 * MS), Inference)


def test_an_older_chunk_and_the_same_again_are_passed_over(gate):
    assert isinstance(gate.take(arrival(T0 + 30 * MS), T0 + 60 * MS), Inference)
    assert gate.take(arrival(T0 + 30 * MS), T0 + 61 * MS).kind == "order"
    assert gate.take(arrival(T0), T0 + 62 * MS).kind == "order"
    gate.begin(T0 - MS)
    assert isinstance(gate.take(arrival(T0), T0 + 62 * MS), Inference)


def test_a_tag_survives_the_way():
    tag = Tag(MARK, 0.1234)
    assert read_tag(tag.text()) == tag


def test_a_bundle_is_known_by_what_it_computes_and_not_by_where_it_runs(tmp_path):
    folder = make_bundle(tmp_path / "one").folder
    mark = bundle_mark(folder)
    file = folder / "policy.json"
    content = json.loads(file.read_text())
    content["execution"]["m"] = 0.5
    content["provenance"]["success"] = {"reach": {}}
    file.write_text(json.dumps(content, indent=1))
    assert bundle_mark(folder) == mark
    file.write_text(json.dumps({**content, "rate_hz": 11.0}))
    assert bundle_mark(folder) != mark
    assert bundle_mark(make_bundle(tmp_path / "two", nan_above=1.0).folder) != mark  # its graph
    with pytest.raises(BundleError, match="no policy.json in"):
        bundle_mark(tmp_path)


def inference(stamp_ns: int) -> Inference:
    found = ChunkGate(SPEC, MARK, 1.0, StampCheck()).take(arrival(stamp_ns), stamp_ns)
    assert isinstance(found, Inference)
    return found


def test_chunks_from_elsewhere_are_followed_and_their_end_is_a_hold():
    steady = FakeClock()
    worker = RemoteWorker(clock=steady)
    runner = PolicyRunner(SPEC, worker)
    runner.start(T0)
    runner.observe(observation_at(T0), T0)
    hold = runner.act(T0)
    assert isinstance(hold, Hold)
    assert hold.reason == "no_plan"
    worker.receive(inference(T0))
    assert isinstance(runner.act(T0 + 50 * MS), Action)
    runner.observe(observation_at(T0 + 2000 * MS), T0 + 2000 * MS)
    steady.sleep_until_ns(steady.now_ns() + 2000 * MS)
    hold = runner.act(T0 + 2000 * MS)  # the cable was cut
    assert isinstance(hold, Hold)
    assert "no chunk has come from the inference side for 2.0 s" in hold.detail
    worker.receive(Failure("its chunk was refused: it is of bundle f"))
    hold = runner.act(T0 + 2010 * MS)
    assert hold.reason == "inference_failed"
    assert "of bundle f" in hold.detail
    worker.receive(inference(T0 + 2000 * MS))
    assert isinstance(runner.act(T0 + 2050 * MS), Action)  # by itself


def test_a_mode_that_plays_its_chunks_takes_one_when_it_asks():
    worker = RemoteWorker(on_demand=True)
    worker.receive(inference(T0))
    assert worker.collect(T0) == []
    worker.submit(observation_at(T0), T0)
    worker.receive(inference(T0))
    worker.receive(inference(T0 + MS))
    assert len(worker.collect(T0)) == 1
