from __future__ import annotations

import numpy as np
import pytest
from act_core.policy_spec import ImageInput
from act_policy.image_fit import resize
from act_policy.observation import Observation
from act_policy.observation_sync import (
    MissingStream,
    NothingNew,
    ObservationSync,
    SkewTooLarge,
    SyncLimits,
    TooOld,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.act_policy.policies import H, W, make_spec

MS = 1_000_000
TWO_CAMERAS = (
    ImageInput("image_front", "front", H, W),
    ImageInput("image_wrist", "wrist", H, W),
)


def picture(value: int = 0) -> np.ndarray:
    return np.full((H, W, 3), value, dtype=np.uint8)


def make_sync(**limits) -> ObservationSync:
    return ObservationSync(make_spec(image_inputs=TWO_CAMERAS), SyncLimits(**limits))


def test_the_example_of_the_docstring():
    sync = make_sync()
    sync.add_joints(95 * MS, [0.0, 1.0])
    sync.add_image("front", 100 * MS, picture(1))
    assert sync.take(101 * MS) == MissingStream(("camera 'wrist'",))
    sync.add_image("wrist", 104 * MS, picture(2))
    assert sync.take(105 * MS) == NothingNew("joints")
    sync.add_joints(105 * MS, [1.0, 1.0])
    observation = sync.take(106 * MS)
    assert observation.stamp_ns == 104 * MS
    np.testing.assert_allclose(observation.joint_position, [0.9, 1.0], rtol=1e-6)
    assert observation.joint_position.dtype == np.float32
    assert observation.images["front"][0, 0, 0] == 1
    assert observation.images["wrist"][0, 0, 0] == 2
    # The same images are not used again, nor one new image with one old.
    assert sync.take(107 * MS) == NothingNew("camera 'front'")
    sync.add_image("front", 133 * MS, picture(3))
    assert sync.take(134 * MS) == NothingNew("camera 'wrist'")


def test_joints_at_the_very_stamp_are_taken_as_they_are():
    sync = ObservationSync(make_spec())
    sync.add_joints(90 * MS, [9.0, 9.0])
    sync.add_joints(100 * MS, [1.0, 2.0])
    sync.add_image("front", 100 * MS, picture())
    np.testing.assert_array_equal(sync.take(101 * MS).joint_position, [1.0, 2.0])


def test_reasons_name_the_stream_and_the_limit():
    sync = make_sync(max_image_age_s=0.2, max_joint_age_s=0.1, max_skew_s=0.05)
    nothing = sync.take(0)
    assert nothing == MissingStream(("joints", "camera 'front'", "camera 'wrist'"))
    assert str(nothing) == "nothing from joints, camera 'front', camera 'wrist' yet"

    sync.add_joints(0, [0.0, 0.0])
    sync.add_image("front", 0, picture())
    sync.add_image("wrist", 60 * MS, picture())
    sync.add_joints(60 * MS, [0.0, 0.0])
    skew = sync.take(60 * MS)
    assert skew == SkewTooLarge("camera 'front'", "camera 'wrist'", 0.06, 0.05)
    assert str(skew) == "camera 'front' and camera 'wrist' are 60 ms apart (limit 50 ms)"

    sync.add_joints(240 * MS, [0.0, 0.0])
    old = sync.take(250 * MS)
    assert old == TooOld("camera 'front'", 0.25, 0.2)
    assert str(old) == "newest of camera 'front' is 0.25 s old (limit 0.2 s)"
    assert sync.take(350 * MS) == TooOld("joints", pytest.approx(0.11), 0.1)


def test_a_hole_in_the_joints_is_not_interpolated():
    sync = ObservationSync(make_spec(), SyncLimits(max_joint_age_s=1.0, max_skew_s=0.05))
    sync.add_joints(0, [0.0, 0.0])
    sync.add_image("front", 60 * MS, picture())
    sync.add_joints(120 * MS, [1.0, 1.0])
    assert sync.take(121 * MS) == SkewTooLarge("camera 'front'", "joints", 0.06, 0.05)


def test_an_image_from_before_the_first_joints_waits_for_the_next():
    sync = ObservationSync(make_spec())
    sync.add_image("front", 0, picture())
    sync.add_joints(5 * MS, [0.0, 0.0])
    assert sync.take(6 * MS) == NothingNew("joints")
    sync.add_image("front", 33 * MS, picture())
    sync.add_joints(35 * MS, [0.0, 0.0])
    assert isinstance(sync.take(36 * MS), Observation)


def test_without_cameras_every_joint_sample_is_an_observation():
    sync = ObservationSync(make_spec(image_inputs=()))
    sync.add_joints(0, [1.0, 2.0])
    assert sync.take(0).images == {}
    assert sync.take(0) == NothingNew("joints")
    sync.add_joints(10 * MS, [1.0, 3.0])
    assert sync.take(10 * MS).stamp_ns == 10 * MS


def test_overtaken_messages_are_dropped_and_counted():
    sync = ObservationSync(make_spec())
    sync.add_image("front", 100 * MS, picture(1))
    sync.add_image("front", 67 * MS, picture(2))
    sync.add_joints(100 * MS, [0.0, 0.0])
    sync.add_joints(100 * MS, [5.0, 5.0])
    assert sync.out_of_order == 2
    assert sync.clock_jumps == 0
    observation = sync.take(101 * MS)
    assert observation.images["front"][0, 0, 0] == 1
    np.testing.assert_array_equal(observation.joint_position, [0.0, 0.0])


def test_a_clock_that_goes_back_starts_afresh():
    sync = ObservationSync(make_spec())
    for stamp_ms in (10_000, 10_010):
        sync.add_joints(stamp_ms * MS, [0.0, 0.0])
    sync.add_image("front", 10_005 * MS, picture())
    assert isinstance(sync.take(10_010 * MS), Observation)
    sync.add_joints(1_000 * MS, [1.0, 1.0])
    assert sync.clock_jumps == 1
    assert sync.take(1_000 * MS) == MissingStream(("camera 'front'",))
    sync.add_image("front", 1_000 * MS, picture())
    assert sync.take(1_001 * MS).stamp_ns == 1_000 * MS


def test_history_is_bounded():
    sync = ObservationSync(make_spec(), SyncLimits(joint_history_s=0.5))
    for sample in range(1000):
        sync.add_joints(sample * 10 * MS, [0.0, 0.0])
    assert len(sync._streams._joints) == 51


def test_bad_messages_are_refused_by_name():
    sync = ObservationSync(make_spec())
    with pytest.raises(ValueError, match="position of right is not finite"):
        sync.add_joints(0, [0.0, np.nan])
    with pytest.raises(ValueError, match=r"\(3,\) joint positions, expected \(2,\)"):
        sync.add_joints(0, [0.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="unknown camera 'frnt'; did you mean 'front'"):
        sync.add_image("frnt", 0, picture())
    with pytest.raises(ValueError, match=r"uint8 \(3, 3, 3\), expected uint8 \(6, 8, 3\)"):
        sync.add_image("front", 0, np.zeros((3, 3, 3), np.uint8))
    with pytest.raises(ValueError, match=r"float32 \(6, 8, 3\), expected uint8"):
        sync.add_image("front", 0, np.zeros((H, W, 3), np.float32))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_replaying_a_recording_gives_the_same_observations(seed):
    """And each of them is made of unused images, in order, within the limits."""
    random = np.random.default_rng(seed)
    messages = [("joints", t) for t in range(0, 1000, 10)]
    for camera in ("front", "wrist"):
        phase = int(random.integers(0, 33))
        messages += [(camera, t) for t in range(phase, 1000, 33) if random.random() > 0.1]
    arrival = {m: m[1] + int(random.integers(0, 40)) for m in messages}
    messages.sort(key=lambda m: (arrival[m], m))

    def replay() -> list[Observation]:
        sync, made = make_sync(), []
        for message in messages:
            stream, t_ms = message
            if stream == "joints":
                sync.add_joints(t_ms * MS, [np.sin(t_ms / 100), t_ms])
            else:
                sync.add_image(stream, t_ms * MS, picture(t_ms % 251))
            taken = sync.take(arrival[message] * MS)
            if isinstance(taken, Observation):
                made.append(taken)
        return made

    first, second = replay(), replay()
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.stamp_ns == other.stamp_ns
        assert one.joint_position.tobytes() == other.joint_position.tobytes()
        # The second joint is the time itself: interpolation is to the stamp.
        assert one.joint_position[1] == pytest.approx(one.stamp_ns / MS, abs=1e-3)
    stamps = [o.stamp_ns for o in first]
    assert stamps == sorted(set(stamps))


def test_resize():
    wanted = ImageInput("image_front", "front", 2, 2)
    fits = np.zeros((2, 2, 3), np.uint8)
    assert resize(fits, wanted) is fits
    checks = np.kron([[0, 100], [200, 50]], np.ones((4, 4)))[..., None].repeat(3, axis=2)
    small = resize(checks.astype(np.uint8), wanted)
    np.testing.assert_array_equal(small[..., 0], [[0, 100], [200, 50]])
    assert resize(np.zeros((1, 1, 3), np.uint8), wanted).shape == (2, 2, 3)
    with pytest.raises(ValueError, match="'front' is 4x2, which has other proportions"):
        resize(np.zeros((2, 4, 3), np.uint8), wanted)
