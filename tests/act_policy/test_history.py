"""Several observation steps, and noise: what a policy of either kind is given."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from act_core.policy_json import spec_from_json, spec_to_json
from act_core.policy_spec import BundleError, NoiseInput
from act_policy.history import History, stacked
from act_policy.inference_worker import VirtualWorker
from act_policy.noise import noise_of
from act_policy.observation import Observation
from act_policy.policy_runner import PolicyRunner
from hypothesis import given
from hypothesis import strategies as st

from tests.act_policy.policies import FunctionPolicy, H, W, make_spec, observation_at

MS = 1_000_000


def stamps(spec, arrivals_ms) -> dict[int, list[int]]:
    """For each arrival the stamps of its steps [ms]."""
    history = History(spec)
    return {
        at: [step.stamp_ns // MS for step in history.add(observation_at(at * MS))]
        for at in arrivals_ms
    }


def test_the_example_of_the_docstring():
    seen = stamps(make_spec(rate_hz=10.0, n_obs_steps=3), range(0, 201, 40))
    assert (seen[0], seen[120], seen[200]) == ([0, 0, 0], [0, 0, 120], [0, 80, 200])


def test_at_its_own_rate_a_policy_sees_what_training_showed_it():
    """The frames before, and before the first one that one again, as `ChunkSampler` draws them."""
    seen = stamps(make_spec(rate_hz=10.0, n_obs_steps=2), range(0, 401, 100))
    assert seen == {0: [0, 0], 100: [0, 100], 200: [100, 200], 300: [200, 300], 400: [300, 400]}


@given(
    gaps_ms=st.lists(st.integers(1, 300), min_size=1, max_size=40),
    steps=st.integers(2, 5),
)
def test_every_step_is_the_nearest_that_ever_came(gaps_ms, steps):
    spec = make_spec(rate_hz=10.0, n_obs_steps=steps)
    history, came = History(spec), []
    for at_ms in np.cumsum(gaps_ms).tolist():
        came.append(at_ms)
        chosen = [seen.stamp_ns // MS for seen in history.add(observation_at(at_ms * MS))]
        assert chosen[-1] == at_ms
        for number, stamp_ms in enumerate(reversed(chosen)):
            wanted = at_ms - 100 * number
            assert abs(stamp_ms - wanted) == min(abs(other - wanted) for other in came)
        assert len(history._seen) <= 100 * (steps - 1) + 2, "bounded: no more than are needed"


def test_one_step_is_the_observation_itself():
    seen = observation_at(0)
    assert stacked(History(make_spec()).add(seen)) is seen


def test_the_runner_stacks_and_forgets_with_an_episode():
    shapes, joints = [], []

    def rows(seen: Observation) -> np.ndarray:
        shapes.append((seen.joint_position.shape, seen.images["front"].shape))
        joints.append(seen.joint_position[:, 0].tolist())
        return np.zeros((4, 2))

    spec = make_spec(n_obs_steps=2, rate_hz=10.0)
    runner = PolicyRunner(spec, VirtualWorker(FunctionPolicy(spec, rows)))
    for at_ms in (0, 100, 200):
        runner.observe(observation_at(at_ms * MS, (at_ms / 1000, 0.0)), at_ms * MS)
        runner.act(at_ms * MS)
    runner.reset(300 * MS)
    runner.observe(observation_at(300 * MS, (0.3, 0.0)), 300 * MS)
    runner.act(300 * MS)
    assert shapes == [((2, 2), (2, H, W, 3))] * 4
    expected = [[0.0, 0.0], [0.0, 0.1], [0.1, 0.2], [0.3, 0.3]]
    assert np.array(joints) == pytest.approx(np.array(expected))


def test_noise_depends_on_the_stamp_alone():
    spec = make_spec(noise_inputs=(NoiseInput("noise", (4, 2)), NoiseInput("more", (50_000,))))
    first, again, later = (noise_of(spec, observation_at(at)) for at in (5, 5, 6))
    assert first["noise"].shape == (4, 2)
    assert first["noise"].dtype == np.float32
    assert np.array_equal(first["noise"], again["noise"])
    assert not np.array_equal(first["noise"], later["noise"])
    assert abs(first["more"].mean()) < 0.02
    assert abs(first["more"].std() - 1) < 0.02
    given = dataclasses.replace(observation_at(5), noise={"noise": np.ones((4, 2), np.float32)})
    assert noise_of(spec, given)["noise"].tolist() == np.ones((4, 2)).tolist()
    assert noise_of(make_spec(), observation_at(5)) == {}


def test_the_spec_of_such_a_policy_is_written_and_read():
    spec = make_spec(n_obs_steps=3, noise_inputs=(NoiseInput("noise", (4, 2)),))
    content = spec_to_json(spec)
    assert content["n_obs_steps"] == 3
    assert [each["shape"] for each in content["inputs"]] == [[3, 2], [3, H, W, 3], [4, 2]]
    assert spec_from_json(content) == spec
    assert {name: array.shape for name, array in spec.input_types.items()} == {
        "joint_position": (3, 2), "image_front": (3, H, W, 3), "noise": (4, 2),
    }  # fmt: skip
    assert "n_obs_steps" not in spec_to_json(make_spec()), "old runtimes read what they can run"


def change(index: int, **values):
    def apply(content):
        content["inputs"][index].update(values)

    return apply


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda c: c.update(n_obs_steps=0), "n_obs_steps|expected 0 first"),
        (lambda c: c.update(n_obs_steps=2), r"shape is \(3, 2\), expected 2 first: n_obs_steps"),
        (lambda c: c.update(n_obs_steps=1), r"shape"),
        (lambda c: c.pop("n_obs_steps"), r"shape"),
        (lambda c: c.update(n_obs_steps=2.0), "n_obs_steps is 2.0, expected a int"),
        (lambda c: c.update(rate_hz=0.1), "expected a history of at most 10 s"),
        (change(2, shape=[]), r"shape is \(\), expected positive sizes"),
        (change(2, shape=[4, 0]), "expected positive sizes"),
        (change(2, shape=[10**6, 10**6]), "expected positive sizes"),
        (change(2, dtype="float64"), "dtype is 'float64', expected 'float32'"),
        (change(2, name="image_front"), "image_front appears twice"),
        (change(2, kind="nois"), "unknown kind of input 'nois'; did you mean 'noise'"),
        (change(2, mean=0), "unknown key 'mean'"),
    ],
)
def test_what_does_not_fit_is_refused(damage, text):
    content = spec_to_json(make_spec(n_obs_steps=3, noise_inputs=(NoiseInput("noise", (4, 2)),)))
    damage(content)
    with pytest.raises(BundleError, match=text):
        spec_from_json(content)
