"""What the virtual network does, by known answers: in time, in order, lost, in bursts, stalled."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.policy_spec import ExecutionSpec
from act_policy.inference_worker import Failure, VirtualWorker
from act_training.network import Network, VirtualNetwork
from act_training.rollout import Condition, run_episode, smoothness

from tests.act_policy.policies import FunctionPolicy, make_spec, observation_at
from tests.training.test_rollout import Point, Ramp

MS = 1_000_000


def zeros(observation) -> np.ndarray:
    return np.zeros((4, 2))


def worker(latency_s=0.0, seed=0, asks_again=False, policy=zeros, **network) -> VirtualNetwork:
    spec = make_spec()
    return VirtualNetwork(
        FunctionPolicy(spec, policy), latency_s, Network(**network), seed, asks_again
    )


def arrivals(link, observed_ms, until_ms, tick_ms=1):
    """When (ms) the chunk of which observation (ms) was there."""
    found = []
    for t_ms in range(0, until_ms, tick_ms):
        if t_ms in observed_ms:
            link.submit(observation_at(t_ms * MS), t_ms * MS)
        found += [(t_ms, o.chunk.stamp_ns // MS) for o in link.collect(t_ms * MS)]
    return found


def test_a_network_that_does_nothing_is_the_worker_of_before():
    plain = VirtualWorker(FunctionPolicy(make_spec(), zeros), 0.075)
    observed = range(0, 1000, 33)
    assert arrivals(worker(0.075), observed, 1000) == arrivals(plain, observed, 1000)


def test_the_wire_delays_and_does_not_keep_inference_waiting():
    found = arrivals(worker(0.01, delay_s=0.1), range(0, 200, 50), 400)
    assert found == [(110, 0), (160, 50), (210, 100), (260, 150)]


def test_jitter_stays_within_its_share_and_is_seeded():
    observed = range(0, 100_000, 100)
    one, again, other = (
        arrivals(worker(0.04, seed, jitter=0.5), observed, 100_100) for seed in (1, 1, 2)
    )
    assert one == again != other
    took = np.array([there - seen for there, seen in one])
    assert len(took) == 1000
    assert (took.min(), took.max()) == (21, 60)  # 20 to 60 ms, seen at the next whole one
    assert took.mean() == pytest.approx(40.5, abs=1.0)


def test_a_chunk_that_is_overtaken_is_refused():
    """Delays of 0 to 200 ms, an observation every 10 ms: many are overtaken, none comes late."""
    link = worker(0.0, delay_s=0.1, jitter=1.0)
    found = arrivals(link, range(0, 2000, 10), 2300)
    seen = [stamp for _, stamp in found]
    assert seen == sorted(set(seen))
    assert len(seen) + link.lost == 200
    assert 20 < len(seen) < 150


def test_a_chunk_that_is_lost_is_never_seen():
    link = worker(0.0, loss=0.3)
    found = arrivals(link, range(0, 10_000, 10), 20_000)
    assert len(found) + link.lost == 1000
    assert 250 < link.lost < 350
    assert all(there == seen for there, seen in found)
    kept = [seen for _, seen in found]
    assert kept == [
        seen for _, seen in arrivals(worker(0.0, loss=0.3), range(0, 10_000, 10), 11_000)
    ]


@pytest.mark.parametrize(("burst", "mean"), [(0.0, 1.25), (1.25, 1.25), (5.0, 5.0)])
def test_losses_come_in_bursts_of_that_length_and_are_as_many(burst, mean):
    link = worker(0.0, loss=0.2, burst=burst)
    kept = {seen // 10 for _, seen in arrivals(link, range(0, 200_000, 10), 200_000, 10)}
    lost = [n not in kept for n in range(20_000)]
    bursts = sum(now and not before for before, now in zip([False, *lost], lost, strict=False))
    assert sum(lost) / len(lost) == pytest.approx(0.2, abs=0.02)
    assert sum(lost) / bursts == pytest.approx(mean, rel=0.08)


def test_in_a_stall_nothing_comes_and_then_all_at_once():
    found = arrivals(worker(stall_every_s=1.0, stall_s=0.3), range(0, 3000, 50), 3500)
    assert len(found) == 60
    late = [(there, seen) for there, seen in found if there != seen and 1000 <= seen < 3000]
    assert len(late) == 12  # 6 of 20 a second, for two seconds
    begins = sorted({there for there, _ in late})  # moments at which what was held up came
    assert {b - a for a, b in itertools.pairwise(begins)} == {1000}
    assert all(0 < there - seen <= 300 for there, seen in late)


def test_who_asks_once_is_told_that_nothing_came_and_asks_again():
    link = worker(0.05, asks_again=True, loss=0.999)
    link.submit(observation_at(0), 0)
    assert link.collect(249 * MS) == []
    (told,) = link.collect(250 * MS)
    assert isinstance(told, Failure)
    assert told.reason == "no answer came for 0.2 s after it was due"
    assert link.lost == 1


def test_a_reset_leaves_nothing_on_the_wire():
    link = worker(0.0, delay_s=0.1)
    link.submit(observation_at(0), 0)
    link.reset()
    assert link.collect(1000 * MS) == []


@pytest.mark.parametrize(
    ("network", "text"),
    [
        ({"jitter": 1.5}, "jitter is 1.5, expected a share, 0 to 1"),
        ({"loss": 1.0}, "loss is 1, expected a share below 1"),
        ({"loss": -0.1}, "loss is -0.1"),
        ({"loss": 0.5, "burst": 1.5}, "burst is 1.5, expected 0 or at least 2"),
        ({"delay_s": -1.0}, "network delay is -1, expected 0 to 60 s"),
        ({"stall_s": 1.0}, "stall is 1, expected less than the time between two stalls"),
        ({"stall_s": 2.0, "stall_every_s": 2.0}, "stall is 2"),
    ],
)
def test_what_no_network_can_be(network, text):
    with pytest.raises(ConfigurationError, match=text):
        Network(**network)


def condition(mode="newest", latency_s=0.0, **network) -> Condition:
    return Condition(ExecutionSpec(mode, max_jump=None), latency_s, network=Network(**network))


def test_an_episode_over_a_bad_network_is_its_seed():
    bad = condition(latency_s=0.1, jitter=0.5, loss=0.3, stall_every_s=1.0, stall_s=0.2)
    runs = [run_episode(Point(), Ramp(), bad, seed) for seed in (3, 4, 3)]
    assert runs[0] == runs[2] != runs[1]
    assert runs[0].lost > 0
    assert str(bad) == (
        "newest chunk, latency 100 ms, jitter 50%, loss 0.3, stalls of 200 ms every 1 s"
    )


def test_a_mode_that_waits_for_its_answer_goes_on_when_that_is_lost():
    """At 10 Hz: asked at a step, told two steps later, asked anew with the next observation."""
    execution = ExecutionSpec("replan", max_jump=None, options={"replan_rows": 2})
    result = run_episode(Point(), Ramp(), Condition(execution, network=Network(loss=0.2)), seed=1)
    assert result.success
    assert result.lost > 0
    assert result.holds == 3 * result.lost
    assert result.failure == "no answer came for 0.2 s after it was due"


def test_smoothness_in_numbers():
    """Steps of 0, 0, 1 and 0: the third differences are 1 and -2."""
    step, jerk = smoothness(np.array([[0.0], [0.0], [0.0], [1.0], [1.0]]), 10.0)
    assert step == 1.0
    assert jerk == pytest.approx(1000 * np.sqrt((1 + 4) / 2))
    assert smoothness(np.zeros((1, 2)), 10.0) == smoothness(np.array([]), 10.0) == (None, None)
    assert smoothness(np.zeros((2, 2)), 10.0) == (0.0, None)


def test_a_point_at_a_steady_pace_has_one_step_and_hardly_any_jerk():
    result = run_episode(Point(), Ramp(), condition(), seed=3)
    assert result.largest_step == pytest.approx(0.1, abs=1e-6)
    assert result.jerk == pytest.approx(0.0, abs=20.0)
    assert (result.lost, result.holds) == (0, 0)


def test_the_first_command_is_counted_apart():
    """With 200 ms at 10 Hz the first plan that is followed begins at its third row."""
    late = run_episode(Point(), Ramp(), condition(latency_s=0.2), seed=3)
    assert late.holds == 2
    assert late.start_step == pytest.approx(0.3, abs=1e-6)
    assert late.largest_step == pytest.approx(0.1, abs=1e-6)
