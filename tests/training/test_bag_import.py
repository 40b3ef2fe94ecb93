"""Bags become episodes: exactly what the policy node would have seen, and nothing else silently."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from act_core import ros, topics
from act_core.policy_spec import ImageInput
from act_core.robots import find_robot
from act_core.robots.so101 import JOINT_NAMES
from act_policy.observation import Observation
from act_policy.observation_sync import ObservationSync
from act_record import cdr
from act_record.bag_reader import open_bag
from act_record.contract import CONTRACT, contract_text
from act_record.episode_recorder import write_outcome
from act_record.timeline import camera_of
from act_training.datasets.bag.source import BagSource, _spec
from act_training.datasets.episode_file import Episode, read_episode
from act_training.datasets.errors import DatasetError
from act_training.datasets.source import Declared
from act_training.export_lerobot import check_stamps
from act_training.import_dataset import ImportOptions, detect_layout, import_dataset, import_source
from rosbag_lite import BagMessage
from sensor_msgs.msg import JointState

from pip_ros2.tests.rosbag_lite import test_dress as dress
from tests.act_record import bags
from tests.act_record.bags import MS, T0

CONTRACTS = {CONTRACT: contract_text("wave", ("front", "wrist"), "raw", 30.0, JOINT_NAMES)}


def source_of(*paths: Path, **options) -> BagSource:
    declared = Declared(**options.pop("declared", {}))
    return BagSource(paths, declared, **options)


def converted(path: Path, messages: list[BagMessage], **options) -> Episode:
    bags.write_bag(path, messages, CONTRACTS)
    source = source_of(path, **options)
    assert source.names == [path.name]
    return source.read(0)


def lived(messages: list[BagMessage], shape=(48, 64)) -> list[Observation]:
    """What a policy node makes of these messages as they come, by the code of its callbacks."""
    images = tuple(ImageInput(c, c, *shape) for c in ("front", "wrist"))
    spec = _spec(bags.JOINT_NAMES, images, 30.0)
    sync = ObservationSync(spec)
    found = []
    for message in messages:
        camera = camera_of(message.topic.lstrip("/"), message.type_name)
        if camera is not None:
            pixels = cdr.read_image(message.data, message.type_name)
            sync.add_image(camera, cdr.stamp_ns(message.data), pixels)
        elif message.topic == "/joint_states":
            read = cdr.read_joints(message.data)
            sync.add_joints(read.stamp_ns, read.position)
        else:
            continue
        taken = sync.take(message.log_ns)
        if isinstance(taken, Observation):
            found.append(taken)
    return found


def rough(seed: int, length_s: float = 6.0) -> list[BagMessage]:
    """An episode with jitter of stamps and of arrival, so that messages overtake each other."""
    rng = np.random.default_rng(seed)
    found = []
    for message in bags.episode(length_s):
        stamp_ns = cdr.stamp_ns(message.data)
        delay_ns = int(rng.gamma(2.0, 4.0) * MS)
        jitter_ns = int(rng.normal(0.0, 1.5) * MS)
        if "image" in message.topic:
            read = cdr.read_image(message.data, message.type_name)
            camera = message.topic.split("/")[2]
            at = stamp_ns + jitter_ns
            found.append(bags.image(camera, at, read, at + 5 * MS + delay_ns))
        else:
            found.append(message._replace(log_ns=stamp_ns + delay_ns))
    return sorted(found, key=lambda message: message.log_ns)


@pytest.mark.parametrize("seed", range(5))
def test_a_bag_is_what_the_live_node_would_have_seen_bit_for_bit(tmp_path, seed):
    messages = rough(seed)
    bags.write_bag(tmp_path / "run", messages)
    source = source_of(tmp_path / "run", declared={"rate_hz": 30.0})
    seen = {observation.stamp_ns: observation for observation in lived(messages)}
    rows = bridged = 0
    for position, name in enumerate(source.names):
        try:
            episode = source.read(position)
        except DatasetError:
            assert name.endswith("/short")
            continue
        rows += len(episode)
        for row, stamp_ns in enumerate(episode.stamps_ns.tolist()):
            if stamp_ns not in seen:
                bridged += 1
                continue
            observation = seen[stamp_ns]
            assert episode.joints[row].tobytes() == observation.joint_position.tobytes()
            for camera in ("front", "wrist"):
                assert np.array_equal(episode.images[camera][row], observation.images[camera])
    (counts,) = source.statistics.values()
    assert counts["observations"] == len(seen)
    assert counts["kept"] == rows - bridged > 0.5 * len(seen)
    assert counts["bridged"] == bridged
    dropped = ("thinned", "before_first_command", "no_command_in_force", "in_short_pieces", "kept")
    assert counts["observations"] == sum(counts.get(name, 0) for name in dropped)


def test_two_arms_that_tell_of_themselves_become_episodes_of_both(tmp_path):
    """Two drivers and two leaders, each with messages of its own on the same topics."""
    messages = [m for m in bags.episode(3.0) if m.type_name != cdr.JOINT_STATE]
    for k in range(300):
        at, wanted = bags.T0 + 10 * MS * k, bags.target(k / 100)
        for prefix, later, sign in (("right_", 0, -1.0), ("left_", 4 * MS, 1.0)):
            log_ns = at + later + MS
            for topic, position in ((topics.JOINT_STATES, bags.target(k / 100 - 0.04)),
                                    (topics.JOINT_COMMANDS, wanted)):  # fmt: skip
                message = bags.joints(topic, at + later, sign * position, log_ns, prefix=prefix)
                messages.append(message)
    joints = find_robot("so101_bimanual").joint_names
    contract = {CONTRACT: contract_text("fold", ("front", "wrist"), "raw", 30.0, joints)}
    bags.write_bag(tmp_path, sorted(messages, key=lambda message: message.log_ns), contract)
    episode = source_of(tmp_path).read(0)
    assert episode.features.joints == joints
    left, right = np.split(episode.joints, 2, axis=1)
    # A reading is as old as its older half, and the other one is 4 ms newer.
    assert np.abs(left + right).max() < 0.8 * 0.004 + 1e-3
    left, right = np.split(episode.actions, 2, axis=1)
    assert np.allclose(left, -right, atol=0.8 * 0.010)
    assert len(episode) > 80


def test_what_was_handed_over_late_came_when_its_log_time_says(tmp_path):
    """A recorder in simulated time that lags: the log times are right, the order of the file not"""
    in_order = bags.episode(3.0)
    late = np.random.default_rng(3).uniform(0, 500 * MS, len(in_order))
    order = np.argsort([m.log_ns + by for m, by in zip(in_order, late, strict=True)])
    expected = converted(tmp_path / "in_order", in_order)
    episode = converted(tmp_path / "late", [in_order[i] for i in order])
    assert np.array_equal(episode.stamps_ns, expected.stamps_ns)
    assert np.array_equal(episode.joints, expected.joints)
    assert np.array_equal(episode.actions, expected.actions)
    for camera in ("front", "wrist"):
        assert np.array_equal(episode.images[camera], expected.images[camera])


def test_an_episode_holds_true_times_and_the_commands_in_force(tmp_path):
    episode = converted(tmp_path / "run", bags.episode(3.0))
    assert (episode.task, episode.success, episode.simulated) == ("wave", None, False)
    assert episode.features.rate_hz == 30.0
    assert episode.features.camera_names == ("front", "wrist")
    seconds = (episode.stamps_ns - T0) / 1e9
    # The newer of the two images tells the time: the wrist's, 4 ms after the front's.
    assert np.allclose(seconds[:3], [0.004, 0.004 + 1 / 30, 0.004 + 2 / 30], atol=1e-6)
    positions = np.array([bags.target(t - 0.04) for t in seconds])
    assert np.abs(episode.joints - positions).max() < 1e-4  # between samples 10 ms apart
    in_force = np.array([bags.target(np.floor(t * 100 + 1e-6) / 100) for t in seconds])
    assert np.allclose(episode.actions, in_force, atol=1e-6)
    for row in (0, 7, len(episode) - 1):
        number = round((seconds[row] - 0.004) * 30)
        assert np.array_equal(episode.images["front"][row], bags.picture(2 * number))
        assert np.array_equal(episode.images["wrist"][row], bags.picture(2 * number + 1))
    check_stamps(episode)


def test_velocities_are_those_of_the_same_instant_by_name(tmp_path):
    messages = bags.episode(3.0)
    episode = converted(tmp_path / "run", messages)
    seconds = (episode.stamps_ns - T0) / 1e9
    wanted = np.array([bags.target_velocity(t - 0.04) for t in seconds])
    assert np.abs(episode.joint_velocities - wanted).max() < 1e-4  # between samples 10 ms apart
    # 4 ms after one sample, 6 ms before the next.
    samples = [cdr.read_joints(m.data) for m in messages if m.topic == "/joint_states"]
    linear = 0.6 * samples[0].velocity + 0.4 * samples[1].velocity
    assert episode.joint_velocities[0] == pytest.approx(linear, abs=1e-6)
    reversed_ = [in_reverse(m) if m.topic == "/joint_states" else m for m in messages]
    again = converted(tmp_path / "reversed", reversed_)
    assert np.array_equal(again.joints, episode.joints)
    assert np.array_equal(again.joint_velocities, episode.joint_velocities)


def in_reverse(message: BagMessage) -> BagMessage:
    """The same joint message with its joints in reverse order."""
    read = cdr.read_joints(message.data)
    turned = ros.joint_state(
        read.names[::-1], read.position[::-1], read.stamp_ns, read.velocity[::-1]
    )
    return message._replace(data=bytes(bags.serialize_message(turned)))


@pytest.mark.parametrize("velocity", [None, np.full(6, np.nan), np.zeros(5)])
@pytest.mark.parametrize("number", [None, 7])  # all joint messages, or this one
def test_velocities_that_are_not_known_throughout_are_left_out_and_noted(
    tmp_path, velocity, number
):
    messages = bags.episode(2.0)
    states = [i for i, m in enumerate(messages) if m.topic == "/joint_states"]
    for i in states if number is None else [states[number]]:
        m = messages[i]
        read = cdr.read_joints(m.data)
        messages[i] = bags.joints(
            topics.JOINT_STATES, read.stamp_ns, read.position, m.log_ns, velocity
        )
    whole = converted(tmp_path / "whole", bags.episode(2.0))
    bags.write_bag(tmp_path / "run", messages, CONTRACTS)
    source = source_of(tmp_path / "run")
    episode = source.read(0)
    assert episode.joint_velocities is None
    assert np.array_equal(episode.joints, whole.joints)
    count = 200 if number is None else 1
    assert source.statistics["run"]["joint_samples_without_velocities"] == count
    assert source.notes == [
        f"run: no joint velocities in 1 of 1 episodes: {count} of 200 messages on joint_states do "
        "not tell them"
    ]


def test_a_command_of_the_future_is_never_used(tmp_path):
    """The step's action does not change when all that comes after it does."""
    messages = bags.episode(3.0)
    first = converted(tmp_path / "one", messages)
    cut_ns = int(first.stamps_ns[40])
    changed = [
        bags.joints(topics.JOINT_COMMANDS, at, np.full(6, 1.2), m.log_ns)
        if m.topic == "/joint_commands" and (at := cdr.stamp_ns(m.data)) > cut_ns
        else m
        for m in messages
    ]
    second = converted(tmp_path / "two", changed)
    assert np.array_equal(first.actions[:41], second.actions[:41])
    assert not np.array_equal(first.actions[41:], second.actions[41:])


def test_jpeg_is_close_and_stays_as_the_policy_sees_it(tmp_path):
    messages = bags.episode(2.0, jpeg=True)
    episode = converted(tmp_path / "jpeg", messages)
    raw = converted(tmp_path / "raw", bags.episode(2.0))
    error = episode.images["front"].astype(float) - raw.images["front"]
    assert 10 * np.log10(255**2 / np.mean(error**2)) > 38.0  # dB
    assert np.array_equal(episode.images["front"][1], lived(messages)[1].images["front"])


def test_images_shrink_as_in_the_policy_node(tmp_path):
    from act_policy.image_fit import resize

    episode = converted(tmp_path / "run", bags.episode(2.0), size=(24, 32))
    wanted = resize(bags.picture(0), ImageInput("front", "front", 24, 32))
    assert np.array_equal(episode.images["front"][0], wanted)
    bags.write_bag(tmp_path / "wide", bags.episode(2.0))
    with pytest.raises(DatasetError, match="has other proportions"):
        source_of(tmp_path / "wide", size=(24, 24)).read(0)


@pytest.mark.parametrize(("rate_hz", "every"), [(30.0, 1), (15.0, 2), (10.0, 3)])
def test_lower_rates_take_every_nth_observation(tmp_path, rate_hz, every):
    messages = bags.episode(4.0)
    whole = converted(tmp_path / "whole", messages)
    bags.write_bag(tmp_path / "run", messages)
    source = source_of(tmp_path / "run", declared={"rate_hz": rate_hz})
    episode = source.read(0)
    assert episode.features.rate_hz == rate_hz
    assert np.array_equal(episode.stamps_ns, whole.stamps_ns[::every])
    assert np.array_equal(episode.images["front"], whole.images["front"][::every])


def test_pictures_on_the_grid_of_a_simulation_are_thirty_a_second(tmp_path):
    """30, 30 and 40 ms apart, as at a control rate of 100 Hz."""

    def on_grid(message: BagMessage) -> BagMessage:
        at = T0 + (cdr.stamp_ns(message.data) - T0) // (10 * MS) * (10 * MS)
        read = cdr.read_image(message.data, message.type_name)
        return bags.image(message.topic.split("/")[2], at, read)

    messages = [on_grid(m) if "image" in m.topic else m for m in bags.episode(4.0)]
    bags.write_bag(tmp_path / "run", sorted(messages, key=lambda m: m.log_ns), CONTRACTS)
    source = source_of(tmp_path / "run")
    assert (source.names, source.read(0).features.rate_hz) == (["run"], 30.0)
    assert len(source.read(0)) == 120
    check_stamps(source.read(0))


@pytest.mark.parametrize("rate_hz", [60.0, 20.0])
def test_a_rate_that_would_repeat_frames_is_refused(tmp_path, rate_hz):
    bags.write_bag(tmp_path / "run", bags.episode(2.0))
    source = source_of(tmp_path / "run", declared={"rate_hz": rate_hz})
    with pytest.raises(DatasetError, match=r"say --rate-hz \(possible: 30, 15, 10"):
        source.read(0)


def without_front(messages: list[BagMessage], numbers: set[int]) -> list[BagMessage]:
    """The recording without these images of the front camera."""
    front = [m for m in messages if m.topic.startswith("/camera/front")]
    gone = {id(front[number]) for number in numbers}
    return [m for m in messages if id(m) not in gone]


def test_one_or_two_lost_frames_are_bridged_with_what_was_true_then(tmp_path):
    messages = bags.episode(6.0)
    whole = converted(tmp_path / "whole", messages)
    bags.write_bag(tmp_path / "run", without_front(messages, {60, 61, 100}), CONTRACTS)
    source = source_of(tmp_path / "run")
    assert source.names == ["run"]
    episode = source.read(0)
    assert len(episode) == len(whole) == 180
    check_stamps(episode)
    for row in (60, 61, 100):
        # Joints and command of that instant, the newest pictures that had come.
        assert abs(episode.stamps_ns[row] - whole.stamps_ns[row]) < 4 * MS
        assert np.allclose(episode.joints[row], whole.joints[row], atol=4e-3)
        assert np.array_equal(episode.actions[row], whole.actions[row])
        assert np.allclose(episode.joint_velocities[row], whole.joint_velocities[row], atol=1e-2)
    assert np.array_equal(episode.images["front"][61], bags.picture(2 * 59))
    assert np.array_equal(episode.images["front"][62], bags.picture(2 * 62))
    counts = source.statistics["run"]
    assert (counts["bridged"], counts["kept"]) == (3, 177)
    assert source.notes == ["run: 3 lost steps bridged"]
    assert (episode.begun_by, episode.success) == ("", None)


def test_nothing_is_bridged_without_joints_or_a_command_of_that_time(tmp_path):
    lost = without_front(bags.episode(4.0), {60, 61})
    gap = T0 + 1990 * MS, T0 + 2110 * MS
    for topic in ("/joint_states", "/joint_commands"):
        messages = [
            m for m in lost if m.topic != topic or not gap[0] < cdr.stamp_ns(m.data) < gap[1]
        ]
        if topic == "/joint_commands":  # older than the watchdog lets them be
            late = T0 + 1800 * MS, T0 + 2110 * MS
            messages = [
                m for m in lost if m.topic != topic or not late[0] < cdr.stamp_ns(m.data) < late[1]
            ]
        name = topic.removeprefix("/")
        bags.write_bag(tmp_path / name, messages, CONTRACTS)
        assert source_of(tmp_path / name).names == [f"{name}/0", f"{name}/1"]


def test_a_longer_gap_parts_an_episode(tmp_path):
    """Only the piece with the first frame tells of the start, only the last one was judged."""
    messages = without_front(bags.episode(6.0), {60, 61, 62, 110, 111, 112})
    bags.write_bag(tmp_path / "run", messages, CONTRACTS)
    write_outcome(tmp_path / "run", success=True)
    source = source_of(tmp_path / "run")
    assert source.names == ["run/0", "run/1", "run/2"]
    episodes = [source.read(k) for k in range(3)]
    assert [len(episode) for episode in episodes] == [60, 47, 67]
    assert [episode.success for episode in episodes] == [None, None, True]
    assert [bool(episode.begun_by) for episode in episodes] == [False, True, True]
    for episode in episodes:
        check_stamps(episode)
    (counts,) = source.statistics.values()
    assert counts["images_received_front"] == 174
    assert counts["images_received_wrist"] == 180
    assert counts["kept"] == 174
    assert source.summary(source.names) == (
        "1 of 1 recordings in 3 pieces, 2 of them without the episode's beginning (no start for "
        "the policy)"
    )


@pytest.mark.parametrize(
    ("lost", "begins", "success"),
    [
        ({*range(2, 5), 8, 9, 10}, False, True),  # the first piece is too short: its start is gone
        ({*range(172, 176)}, True, None),  # so is the last one: the success was in it
        (set(range(20)), False, True),  # no picture of the beginning, which the arm moved through
        (set(range(160, 180)), True, None),
    ],
)
def test_what_is_missing_at_the_ends_is_no_start_and_no_success(tmp_path, lost, begins, success):
    bags.write_bag(tmp_path / "run", without_front(bags.episode(6.0), lost), CONTRACTS)
    write_outcome(tmp_path / "run", success=True)
    source = source_of(tmp_path / "run")
    episode = source.read(0)
    assert (episode.begun_by == "", episode.success) == (begins, success)


def test_a_recording_that_was_cut_off_has_no_success(tmp_path):
    bags.write_bag(tmp_path / "run", bags.episode(6.0), CONTRACTS)
    write_outcome(tmp_path / "run", success=True)
    path = tmp_path / "run/run_0.mcap"
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    episode = source_of(tmp_path / "run").read(0)
    assert (episode.begun_by, episode.success) == ("", None)


def test_what_is_to_be_recorded_again_is_not_imported(tmp_path):
    bags.write_bag(tmp_path / "run", bags.episode(2.0), CONTRACTS)
    for said in (
        {"verdict": {"keep": False, "problems": ["no commands for 0.30 s"]}},
        {"keep": False, "verdict": None},
    ):
        write_outcome(tmp_path / "run", **said)
        with pytest.raises(DatasetError, match=r"its verdict was REDO: .*\(--keep-redo takes it\)"):
            source_of(tmp_path / "run").read(0)
        assert len(source_of(tmp_path / "run", keep_redo=True).read(0)) == 60
    write_outcome(tmp_path / "run", keep=True)  # what a person writes counts
    assert source_of(tmp_path / "run").names == ["run"]
    for name in ("keep", "success"):
        write_outcome(tmp_path / "run", **{"keep": True, name: "false"})
        with pytest.raises(DatasetError, match=f"{name} is 'false', expected true, false or null"):
            source_of(tmp_path / "run").read(0)


def test_pieces_that_are_too_short_are_listed(tmp_path):
    lost = {20, 21, 22, 40, 41, 42}
    bags.write_bag(tmp_path / "run", without_front(bags.episode(3.0), lost), CONTRACTS)
    source = source_of(tmp_path / "run")
    assert source.names == ["run", "run/short"]
    assert len(source.read(0)) == 47
    assert source.read(0).begun_by
    with pytest.raises(DatasetError, match=r"2 pieces between gaps of at most 0\.67 s"):
        source.read(1)
    assert source.statistics["run"]["in_short_pieces"] == 37


def test_steps_without_a_command_in_force_are_dropped_and_counted(tmp_path):
    begin, silent = T0 + 500 * MS, (T0 + 2500 * MS, T0 + 3000 * MS)
    messages = [
        m for m in bags.episode(5.0)
        if m.topic != "/joint_commands"
        or (cdr.stamp_ns(m.data) >= begin and not silent[0] < cdr.stamp_ns(m.data) < silent[1])
    ]  # fmt: skip
    bags.write_bag(tmp_path / "run", messages, CONTRACTS)
    source = source_of(tmp_path / "run")
    counts = source.statistics["run"]
    assert counts["before_first_command"] == 15
    assert counts["no_command_in_force"] == 9  # from 0.2 s after the last one on: the watchdog
    assert source.names == ["run/0", "run/1"]
    assert source.read(0).stamps_ns[0] >= begin


def sim_bag(path: Path) -> None:
    """Two episodes of a simulation in one recording; the second fails, and a rest between them."""
    one, two = bags.episode(3.0), bags.episode(4.0, T0 + 5_000 * MS)
    old = bags.image("front", T0 + 2_990 * MS, bags.picture(0), T0 + 5_020 * MS)
    said = {"task": "reach", "seed": 4}
    statuses = [
        bags.status(T0 + 200 * MS, episode=0, finished=False, **said),
        bags.status(T0 + 2_000 * MS, "success", episode=0, finished=True, success=True, **said),
        bags.status(T0 + 5_010 * MS, episode=1, finished=False, **said),
        bags.status(T0 + 8_000 * MS, "lost", episode=1, finished=True, success=False, **said),
    ]
    messages = sorted([*one, *two, old, *statuses], key=lambda m: m.log_ns)
    bags.write_bag(path, messages)


def test_the_episodes_of_a_simulation_are_told_apart(tmp_path):
    sim_bag(tmp_path / "run")
    source = source_of(tmp_path / "run", keep_failures=True)
    assert source.names == ["run:0", "run:1"]
    one, two = source.read(0), source.read(1)
    assert (one.success, two.success) == (True, False)
    assert (one.task, one.simulated) == ("so101/reach", True)
    assert one.stamps_ns[0] >= T0 + 200 * MS
    assert T0 + 2_200 * MS < one.stamps_ns[-1] <= T0 + 2_250 * MS  # a quarter second of tail
    assert two.stamps_ns[0] >= T0 + 5_010 * MS  # and no picture of the episode before
    assert source.notes == []


def test_each_episode_of_a_recording_has_velocities_or_not(tmp_path):
    sim_bag(tmp_path / "whole")
    messages = [
        bags.joints(topics.JOINT_STATES, at, cdr.read_joints(m.data).position, m.log_ns)
        if m.topic == "/joint_states" and (at := cdr.stamp_ns(m.data)) >= T0 + 6_000 * MS
        else m
        for m in open_bag(tmp_path / "whole").messages()
    ]
    bags.write_bag(tmp_path / "run", messages)
    source = source_of(tmp_path / "run", keep_failures=True)
    assert source.read(0).joint_velocities is not None
    assert source.read(1).joint_velocities is None
    (note,) = source.notes
    assert "no joint velocities in 1 of 2 episodes: 300 of 700 messages on joint_states" in note


def test_what_the_operator_said_counts(tmp_path):
    bags.write_bag(tmp_path / "run", bags.episode(2.0), CONTRACTS)
    write_outcome(tmp_path / "run", success=False)
    assert source_of(tmp_path / "run", keep_failures=True).read(0).success is False
    with pytest.raises(DatasetError, match="judged a failure"):
        source_of(tmp_path / "run").read(0)


def test_bags_of_one_name_are_told_apart(tmp_path):
    paths = [tmp_path / "a/run", tmp_path / "b/run"]
    for path in paths:
        bags.write_bag(path, bags.episode(2.0))
    assert source_of(*paths).names == [str(path) for path in paths]


def test_pictures_that_do_not_fit_into_memory_are_refused(tmp_path, monkeypatch):
    bags.write_bag(tmp_path / "run", bags.episode(2.0))
    monkeypatch.setattr("act_training.datasets.bag.pictures.MEMORY_SHARE", 1e-6)
    with pytest.raises(DatasetError, match="shrink them with --height and --width"):
        source_of(tmp_path / "run").read(0)


def test_a_recording_that_was_cut_off_is_used_as_far_as_it_goes(tmp_path):
    bags.write_bag(tmp_path / "run", bags.episode(6.0), CONTRACTS)
    path = tmp_path / "run/run_0.mcap"
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    (tmp_path / "run/metadata.yaml").unlink()
    source = source_of(tmp_path / "run")
    episode = source.read(0)
    assert 60 < len(episode) < 160
    assert "has no metadata.yaml" in source.notes[0]
    assert "it was cut off or damaged" in source.notes[1]
    assert not open_bag(tmp_path / "run").is_whole


def test_another_clock_is_noticed(tmp_path):
    """Received on a computer that is 100 s ahead: converted, ages unknown, and that is said."""
    ahead = [m._replace(log_ns=m.log_ns + 100_000 * MS) for m in bags.episode(3.0)]
    bags.write_bag(tmp_path / "ahead", ahead, CONTRACTS)
    source = source_of(tmp_path / "ahead")
    assert "received on another clock, 100.0 s from the stamps" in source.notes[0]
    plain = converted(tmp_path / "plain", bags.episode(3.0))
    assert np.array_equal(source.read(0).stamps_ns, plain.stamps_ns)
    one_camera = [
        bags.image("wrist", cdr.stamp_ns(m.data) + 9_000 * MS, bags.picture(0), m.log_ns)
        if "wrist" in m.topic else m
        for m in bags.episode(2.0)
    ]  # fmt: skip
    bags.write_bag(tmp_path / "two", one_camera)
    with pytest.raises(DatasetError, match="camera 'wrist' and .* are stamped by different clocks"):
        source_of(tmp_path / "two").read(0)


def test_a_clock_that_was_set_back_is_refused(tmp_path):
    """A loop of `ros2 bag play`: the same stamps come again."""
    once = bags.episode(2.0)
    again = [m._replace(log_ns=m.log_ns + 2_000 * MS) for m in once]
    bags.write_bag(tmp_path / "run", [*once, *again], CONTRACTS)
    with pytest.raises(DatasetError, match="stamps went back"):
        source_of(tmp_path / "run").read(0)


def test_of_raw_and_compressed_images_the_raw_ones_are_taken(tmp_path):
    packed = [m for m in bags.episode(2.0, jpeg=True) if "compressed" in m.topic]
    both = sorted([*packed, *bags.episode(2.0)], key=lambda m: m.log_ns)
    episode = converted(tmp_path / "both", both)
    assert np.array_equal(episode.images["front"][3], bags.picture(6))
    assert len(episode) == 60


def test_what_cannot_be_used_says_why(tmp_path):
    whole = bags.episode(2.0)
    other = JointState(name=["hip", "knee"], position=[0.0, 1.0])
    other.header.stamp = ros.to_stamp(T0)
    data = bytes(bags.serialize_message(other))
    cases = {
        "no_joints": [m for m in whole if m.topic != "/joint_states"],
        "no_commands": [m for m in whole if m.topic != "/joint_commands"],
        "no_wrist": [m for m in whole if "wrist" not in m.topic],
        "other": [m._replace(data=data) if m.topic == "/joint_states" else m for m in whole],
        "short": bags.episode(0.5),
    }
    texts = {
        "no_joints": "it has no /joint_states; its topics are camera/front/image_raw",
        "no_commands": "it has no /joint_commands",
        "no_wrist": "unknown camera 'wrist'; known: front",
        "other": "it is of another robot: no joints shoulder_pan, .*; it has hip, knee",
        "short": "pieces between gaps of at most 0.50 s",
    }
    for name, messages in cases.items():
        bags.write_bag(tmp_path / name, messages, CONTRACTS)
        source = source_of(tmp_path / name)
        with pytest.raises(DatasetError, match=texts[name]):
            source.read(0)
    bags.write_bag(tmp_path / "future", whole, {CONTRACT: '{"version": 7}'})
    with pytest.raises(DatasetError, match="version 7, expected 1"):
        source_of(tmp_path / "future").read(0)


def test_the_command_imports_and_lists_what_it_refused(tmp_path, caplog):
    recordings = tmp_path / "recordings"
    for k in range(3):
        bags.write_bag(recordings / f"episode_{k:06d}", bags.episode(2.0), CONTRACTS)
    bags.write_bag(recordings / "short", bags.episode(0.3), CONTRACTS)
    assert detect_layout(recordings) == "bag"
    out = tmp_path / "out"
    caplog.set_level("INFO")
    record = import_dataset(ImportOptions("auto", str(recordings), out))
    assert (record.imported, len(record.refused)) == (3, 1)
    assert record.refused[0].episode == "short/short"
    statistics = json.loads((out / "statistics.json").read_text())
    assert statistics["episode_000001"]["kept"] == len(read_episode(out / "episode_000001.hdf5"))
    assert "refused short/short" in caplog.text
    assert f"3 of 4 episodes imported to {out}: 3 of 4 recordings" in caplog.text
    with pytest.raises(DatasetError, match="go together"):
        import_dataset(ImportOptions("bag", str(recordings), tmp_path / "o", height=24))
    with pytest.raises(DatasetError, match="only bags"):
        import_dataset(ImportOptions("demos", str(recordings), tmp_path / "o", more=(recordings,)))


def test_bags_become_a_lerobot_dataset(tmp_path):
    bags.write_bag(tmp_path / "recordings/one", bags.episode(2.0), CONTRACTS)
    options = ImportOptions("bag", str(tmp_path / "recordings"), tmp_path / "own")
    import_dataset(options)
    theirs = dataclasses.replace(options, out=tmp_path / "theirs", format="lerobot")
    assert import_source(theirs) == tmp_path / "theirs"
    assert json.loads((tmp_path / "theirs/import.json").read_text())["imported"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own", "recordings", "theirs"]
    back = ImportOptions("lerobot", str(tmp_path / "theirs"), tmp_path / "back", units="degrees")
    import_dataset(back)
    own = read_episode(tmp_path / "own/episode_000000.hdf5")
    again = read_episode(tmp_path / "back/episode_000000.hdf5")
    assert np.allclose(again.joints, own.joints, atol=1e-5)
    assert np.allclose(again.actions, own.actions, atol=1e-5)
    assert again.images["front"].shape == own.images["front"].shape


def test_a_recording_in_degrees_is_refused(tmp_path):
    in_degrees = [
        bags.joints(topics.JOINT_COMMANDS, cdr.stamp_ns(m.data),
                    np.degrees(cdr.read_joints(m.data).position), m.log_ns)
        if m.topic == "/joint_commands" else m
        for m in bags.episode(2.0)
    ]  # fmt: skip
    bags.write_bag(tmp_path / "run", in_degrees, CONTRACTS)
    with pytest.raises(DatasetError, match=r"actions are of another unit: .* probably degrees"):
        source_of(tmp_path / "run").read(0)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"unit": "deg"}, "unit 'deg', expected 'rad'"),
        ({"cameras": 5}, "cameras are 5, expected a list of names"),
        ({"joints": [1]}, "joints are .1., expected a list of names"),
        ({"rate_hz": "30"}, "rate_hz is 30, expected up to 1000"),
        ({"rate_hz": float("nan")}, "rate_hz is nan, expected"),
    ],
)
def test_a_contract_that_makes_no_sense_is_refused(tmp_path, values, text):
    contract = {**json.loads(CONTRACTS[CONTRACT]), **values}
    bags.write_bag(tmp_path / "run", bags.episode(1.5), {CONTRACT: json.dumps(contract)})
    with pytest.raises(DatasetError, match=text):
        source_of(tmp_path / "run").read(0)


@pytest.mark.parametrize("seed", range(12))
def test_messages_that_are_none_are_counted_or_refused(tmp_path, seed):
    """Bytes of messages are flipped, cut off and replaced by extremes."""
    rng = np.random.default_rng(seed)
    messages = bags.episode(1.5, jpeg=bool(seed % 2))
    messages.append(bags.status(T0 + 10 * MS, episode=0, finished=False, task="wave"))
    for index in rng.choice(len(messages), size=5 if seed < 6 else len(messages), replace=False):
        data = bytearray(messages[index].data)
        at = int(rng.integers(len(data)))
        kind = rng.integers(4)
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del data[at:]
        else:
            at = int(rng.integers(min(120, len(data))))
            data[at : at + 4] = (2**32 - 1 if kind == 2 else 2**31).to_bytes(4, "little")
        messages[index] = messages[index]._replace(data=bytes(data))
    messages.sort(key=lambda m: m.log_ns)
    bags.write_bag(tmp_path / "run", messages, CONTRACTS)
    source = source_of(tmp_path / "run")
    for position in range(len(source.names)):
        try:
            assert np.isfinite(source.read(position).actions).all()
        except DatasetError as error:
            assert str(error)  # noqa: PT017


@pytest.mark.parametrize(("storage", "compression"), dress.DRESSES)
def test_bags_of_others_in_every_dress_become_the_same_episode(tmp_path, storage, compression):
    messages = bags.episode(1.5)
    expected = converted(tmp_path / "ours", messages)
    rows = [(m.topic, m.data, m.log_ns) for m in messages]
    types = {m.topic: m.type_name for m in messages}
    folder = dress.write(tmp_path / "run", rows, storage, compression, types=types)
    assert detect_layout(folder) == "bag"
    assert detect_layout(next(p for p in folder.iterdir() if p.suffix != ".yaml")) == "bag"
    source = source_of(folder, declared={"rate_hz": 30.0})
    assert source.notes == []
    episode = source.read(0)
    assert np.array_equal(episode.stamps_ns, expected.stamps_ns)
    assert np.array_equal(episode.actions, expected.actions)
    assert np.array_equal(episode.images["front"], expected.images["front"])
