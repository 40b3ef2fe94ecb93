"""Units and names of imported values: an arm must never be driven in the wrong unit.

Whatever a dataset calls its values and however it orders them: what is imported is the right joint
in radians, or nothing is, and the text says what to do.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
from act_core.robots.so101 import JOINT_NAMES, JOINTS
from act_training.datasets.episode_file import (
    episode_files,
    episode_path,
    read_episode,
    write_episode,
)
from act_training.datasets.errors import DatasetError
from act_training.datasets.hdf5_source import Hdf5Source, demo_places
from act_training.datasets.lerobot.arm_names import find_arm
from act_training.datasets.lerobot.reader import LerobotSource
from act_training.datasets.lerobot.so101_units import so101_units
from act_training.datasets.lerobot.unit_evidence import Recorded, find_scheme
from act_training.datasets.source import Declared
from act_training.export_lerobot import ExportLerobotOptions, export_lerobot
from act_training.import_dataset import ImportOptions, import_dataset

from tests.cases.foreign_datasets import (
    POSITIONS,
    RATE_HZ,
    arm_degrees,
    make_dataset,
    own_episode,
    picture,
    targets,
)
from tests.training.test_so101_units import calibration

DEGREES = Declared(units="degrees")
ALPHABET = sorted(range(6), key=lambda i: JOINT_NAMES[i])
EXPECTED = so101_units("degrees")


def columns(values, order):
    return lambda episode, steps: values(episode, steps)[:, order]


def check_arm(source, steps: int = 5) -> None:
    """The first episode is `arm_degrees` and its targets in rad, in our order."""
    episode = source.read(0)
    assert episode.features.joints == episode.features.actions == JOINT_NAMES
    assert set(episode.features.joint_units + episode.features.action_units) == {"rad"}
    np.testing.assert_allclose(episode.joints, EXPECTED.to_rad(arm_degrees(0, steps)), atol=1e-6)
    np.testing.assert_allclose(episode.actions, EXPECTED.to_rad(targets(0, steps)), atol=1e-6)


NAMES = {
    "as LeRobot": (POSITIONS, range(6)),
    "in the alphabet's order": ([POSITIONS[i] for i in ALPHABET], ALPHABET),
    "backwards": (POSITIONS[::-1], range(5, -1, -1)),
    "without .pos": (list(JOINT_NAMES), range(6)),
    "a list in a list": ([POSITIONS], range(6)),
    "motors": ({"motors": POSITIONS}, range(6)),
    "axes in a list": ([{"axes": POSITIONS}], range(6)),
    "places by name": (dict(sorted((n, i) for i, n in enumerate(POSITIONS))), range(6)),
    "names by place": (
        {"motors": {str(i): POSITIONS[i] for i in (5, 0, 3, 1, 4, 2)}},
        range(6),
    ),
    "arm and gripper": ({"arm": POSITIONS[:5], "hand": POSITIONS[5:]}, range(6)),
    "position": ([f"{n}.position" for n in JOINT_NAMES], range(6)),
    "capitals": ([n.upper() for n in JOINT_NAMES], range(6)),
}


@pytest.mark.parametrize("version", ["v2.0", "v2.1", "v3.0"])
def test_lerobots_own_names_in_every_version(tmp_path, version):
    check_arm(LerobotSource(make_dataset(tmp_path / "d", version), DEGREES))


@pytest.mark.parametrize("form", NAMES)
def test_joints_are_found_by_name(tmp_path, form):
    names, order = NAMES[form]
    order = list(order)
    folder = make_dataset(
        tmp_path / "d", names=names, state=columns(arm_degrees, order),
        action=columns(targets, order),
    )  # fmt: skip
    check_arm(LerobotSource(folder, DEGREES))


def test_state_and_action_may_be_in_different_orders(tmp_path):
    folder = make_dataset(
        tmp_path / "d", names=[POSITIONS[i] for i in ALPHABET], action_names=POSITIONS,
        state=columns(arm_degrees, ALPHABET),
    )  # fmt: skip
    check_arm(LerobotSource(folder, DEGREES))


@pytest.mark.parametrize("other", [".vel", ".current", "_load", ".effort"])
def test_a_state_with_more_than_positions(tmp_path, other):
    """Speeds between the positions are left out, and a person is told."""
    names = [name for pair in zip(POSITIONS, JOINT_NAMES, strict=True) for name in pair]
    names[1::2] = [f"{name}{other}" for name in names[1::2]]

    def state(episode, steps):
        values = np.full((steps, 12), 7.0)
        values[:, ::2] = arm_degrees(episode, steps)
        return values

    folder = make_dataset(tmp_path / "d", names=names, action_names=POSITIONS, state=state)
    source = LerobotSource(folder, DEGREES)
    check_arm(source)
    assert f"shoulder_pan{other}" in source.warnings[0]
    assert source.warnings[0].startswith("values of the state left out, no positions: ")


def test_two_arms_are_two_arms(tmp_path):
    """Right before left, each in an order of its own."""
    right = [f"right_{POSITIONS[i]}" for i in ALPHABET]
    names = [*right, *(f"left_{name}" for name in POSITIONS)]

    def both(values):
        return lambda e, n: np.hstack([values(e, n)[:, ALPHABET], values(e + 1, n)])

    folder = make_dataset(
        tmp_path / "d", names=names, state=both(arm_degrees), action=both(targets)
    )
    episode = LerobotSource(folder, DEGREES).read(0)
    assert episode.features.joints == tuple(
        f"{side}_{name}" for side in ("right", "left") for name in JOINT_NAMES
    )
    for half, number in ((slice(0, 6), 0), (slice(6, 12), 1)):
        expected = EXPECTED.to_rad(arm_degrees(number, 5))
        np.testing.assert_allclose(episode.joints[:, half], expected, atol=1e-6)
    with pytest.raises(DatasetError, match="a calibration is of one arm, and this dataset is of"):
        LerobotSource(folder, DEGREES, calibration())


def test_values_without_names_are_taken_in_lerobots_order_aloud(tmp_path):
    folder = make_dataset(tmp_path / "d", names=None)
    source = LerobotSource(folder, DEGREES)
    check_arm(source)
    assert "taken for shoulder_pan shoulder_lift elbow_flex" in source.warnings[0]
    said = Declared(units="degrees", joints=tuple(JOINT_NAMES[i] for i in ALPHABET))
    folder = make_dataset(
        tmp_path / "e", names=None, state=columns(arm_degrees, ALPHABET),
        action=columns(targets, ALPHABET),
    )  # fmt: skip
    check_arm(LerobotSource(folder, said))


REFUSED_NAMES = {
    "a difference": (["delta_shoulder_pan", *POSITIONS[1:]], "'delta_shoulder_pan' is not under"),
    "twice": ([POSITIONS[0], *POSITIONS[:5]], "has a name twice"),
    "twice in two ways": (["shoulder_pan", "shoulder_pan.pos", *POSITIONS[2:]], "are one joint"),
    "of other robots": ([f"j{i}" for i in range(6)], "--units degrees converts the joints of an"),
    "too few": (POSITIONS[:5], "has 6 values but 5 names"),
    "places twice": (dict.fromkeys(POSITIONS, 0), r"have the places \[0, 0, 0, 0, 0, 0\]"),
    "numbers": ([1, 2, 3, 4, 5, 6], "expected a list of names"),
    "a text": ("shoulder_pan.pos", "expected a list of names"),
}


@pytest.mark.parametrize("case", REFUSED_NAMES)
def test_names_that_say_something_else_are_refused(tmp_path, case):
    names, message = REFUSED_NAMES[case]
    with pytest.raises(DatasetError, match=message):
        LerobotSource(make_dataset(tmp_path / "d", names=names), DEGREES)


def test_an_action_beyond_the_joints_is_refused(tmp_path):
    """A base, or the hand's pose: a policy would have to command it."""
    names = [*POSITIONS, "x.vel", "theta.vel"]

    def wider(values):
        return lambda e, n: np.hstack([values(e, n), np.zeros((n, 2))])

    folder = make_dataset(
        tmp_path / "d", names=names, state=wider(arm_degrees), action=wider(targets)
    )
    with pytest.raises(DatasetError, match=r"the action has x.vel, theta.vel beside the joints"):
        LerobotSource(folder, DEGREES)
    folder = make_dataset(tmp_path / "e", action_names=[f"ee.{c}" for c in "xyzabc"])
    with pytest.raises(DatasetError, match=r"'action' is ee.x, .*expected joints of an SO-101 in"):
        LerobotSource(folder, DEGREES)


@pytest.mark.parametrize("robot", ["so100", "so101_follower", "bi_so_follower", "so_follower"])
def test_another_robot_with_the_same_names_is_told(tmp_path, robot):
    """The Koch arm's joints have them, too, and another zero."""
    own = LerobotSource(make_dataset(tmp_path / "d", info={"robot_type": robot}), DEGREES)
    koch = make_dataset(tmp_path / "e", info={"robot_type": "koch_follower"})
    assert own.warnings == []
    assert LerobotSource(koch, DEGREES).warnings == [
        "the robot is a 'koch_follower' whose joints are called as an SO-101's: read as one"
    ]


def test_a_gripper_alone_makes_no_so101():
    assert find_arm(["joint_1", "joint_2", "joint_3", "gripper"]) is None
    assert find_arm(JOINT_NAMES[:5]).names == JOINT_NAMES[:5]


@pytest.mark.parametrize("said", [{"units": "degrees"}, {"units": "percent"}, {"gripper_open": 1}])
def test_an_option_that_converts_nothing_is_an_error(tmp_path, said):
    names = [f"joint_{i}.pos" for i in range(6)]
    folder = make_dataset(tmp_path / "d", names=names)
    with pytest.raises(DatasetError, match="would convert nothing: .*joint_0, joint_1"):
        LerobotSource(folder, Declared(**said))
    rad = make_dataset(tmp_path / "r", state=in_rad(arm_degrees), action=in_rad(targets))
    with pytest.raises(DatasetError, match="--gripper-open converts nothing"):
        LerobotSource(rad, Declared(units="rad", gripper_open=1))


def in_rad(values):
    return lambda episode, steps: EXPECTED.to_rad(values(episode, steps))


def scaled(values, **joints: float):
    factors = np.array([joints.get(name, 1.0) for name in JOINT_NAMES])
    return lambda episode, steps: values(episode, steps) * factors


# What a recording proves by itself: a function of degrees, and the scheme or the question.
EVIDENCE = {
    "fits degrees and percent": (lambda v: v, None),
    "roll beyond 100": (lambda v: v * [1, 1, 1, 1, 2.2, 1], "degrees"),
    "radians": (EXPECTED.to_rad, "rad"),
    "clipped at 100": (lambda v: np.clip(v * 3, [-100] * 5 + [0], 100), "percent"),
    "lift up to 150, before June 2025": (
        lambda v: np.c_[v[:, :1], 90 - v[:, 1], 90 + v[:, 2], v[:, 3:]], "old_degrees",
    ),
    "counts of servos": (lambda v: v * 11 + 2048, "none"),
    "a gripper below zero": (lambda v: v - [0, 0, 0, 0, 0, 60], "none"),
}  # fmt: skip


@pytest.mark.parametrize("case", EVIDENCE)
def test_what_values_prove(case):
    change, scheme = EVIDENCE[case]
    evidence = [Recorded.of("the state", JOINTS, change(np.vstack([arm_degrees(e, 40)
                for e in range(3)])))]  # fmt: skip
    if scheme in (None, "none"):
        expected = "its values fit several" if scheme is None else "fit no units that are known"
        with pytest.raises(DatasetError, match=expected):
            find_scheme(None, evidence)
    else:
        assert find_scheme(None, evidence) == scheme


def test_the_question_names_what_is_left(tmp_path):
    folder = make_dataset(tmp_path / "d")
    with pytest.raises(DatasetError) as caught:
        LerobotSource(folder, Declared())
    assert "--units degrees (LeRobot's default since 0.4.4), --units percent" in str(caught.value)
    assert "--units rad" not in str(caught.value)  # -80 is no angle in rad


def test_old_recordings_are_known_by_name_and_by_value(tmp_path):
    def old(values):
        def at(episode, steps):
            rows = values(episode, steps).copy()
            rows[:, 1], rows[:, 2] = 90 - rows[:, 1], 90 + rows[:, 2]
            return rows

        return at

    for name, names in (("d", JOINT_NAMES), ("e", [f"main_{n}" for n in JOINT_NAMES])):
        folder = make_dataset(
            tmp_path / name, names=list(names), state=old(arm_degrees), action=old(targets)
        )
        check_arm(LerobotSource(folder, Declared()))
    new_names = make_dataset(tmp_path / "f", state=old(arm_degrees), action=old(targets))
    with pytest.raises(DatasetError, match=r"not degrees \(the state of .*not old_degrees \(names"):
        LerobotSource(new_names, Declared())
    check_arm(LerobotSource(new_names, Declared(units="old_degrees")))
    with pytest.raises(DatasetError) as caught:
        LerobotSource(new_names, DEGREES)
    assert str(caught.value).startswith(
        "--units degrees does not fit: the state of episode 0: shoulder_lift goes from "
    )
    assert "They fit --units old_degrees: say that" in str(caught.value)
    trusted = LerobotSource(new_names, replace(DEGREES, trust_units=True)).warnings
    assert any(line.startswith("shoulder_lift reaches 2.") for line in trusted)


@pytest.mark.parametrize(("factor", "is_beyond"), [(1.3, False), (1.8, True)])
def test_values_beyond_the_limits(tmp_path, factor, is_beyond):
    """A little: a warning, also where units are said; beyond the joint's travel: refused, unless a
    person knows better. Said or found, and whether it is one frame of one episode."""

    def last_episode(episode, steps):
        rows = arm_degrees(episode, steps)
        rows[-1, 2] = 96.85 * factor / 1.25 if episode else rows[-1, 2]
        return rows

    folder = make_dataset(tmp_path / "d", state=last_episode)
    if is_beyond:
        with pytest.raises(DatasetError, match="does not fit: the state of episode 1: elbow_flex"):
            LerobotSource(folder, DEGREES)
        with pytest.raises(DatasetError, match="say --units and --trust-units"):
            LerobotSource(folder, Declared())
    source = LerobotSource(folder, replace(DEGREES, trust_units=is_beyond))
    assert len(source.warnings) == 1
    assert source.warnings[0].startswith("elbow_flex reaches ")
    assert "its limits are -1.69 to 1.69" in source.warnings[0]
    folder = make_dataset(tmp_path / "e", state=in_rad(arm_degrees), action=in_rad(targets))
    with pytest.raises(DatasetError, match="so they are probably radians"):  # nobody knows better
        LerobotSource(folder, replace(DEGREES, trust_units=True))


IMPOSSIBLE = {
    "degrees said to be rad": (arm_degrees, "rad", "--units rad cannot be: .* than a full turn"),
    "rad said to be degrees": (in_rad(arm_degrees), "degrees", "so they are probably radians"),
    "rad said to be percent": (in_rad(arm_degrees), "percent", "so they are probably radians"),
    "degrees beyond 100 said to be percent": (
        scaled(arm_degrees, wrist_roll=2.2), "percent", "wrist_roll reaches 1.*percentages end",
    ),
    "counts said to be degrees": (
        lambda e, n: arm_degrees(e, n) * 11 + 2048, "degrees", "more than a full turn",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_units_that_no_servo_can_have_recorded_are_refused(tmp_path, case):
    values, units, message = IMPOSSIBLE[case]
    folder = make_dataset(tmp_path / "d", state=values, action=values)
    with pytest.raises(DatasetError, match=message):
        LerobotSource(folder, Declared(units=units))


MIXED = {
    "action in rad": (arm_degrees, in_rad(targets)),
    "state in rad": (in_rad(arm_degrees), targets),
    "action as differences": (arm_degrees, lambda e, n: targets(e, n) - arm_degrees(e, n)),
    "action before June 2025": (
        arm_degrees, lambda e, n: targets(e, n) * [1, -1, 1, 1, 1, 1] + [0, 90, 90, 0, 0, 0],
    ),
    "a gripper of 0..1 in the action": (arm_degrees, scaled(targets, gripper=0.01)),
}  # fmt: skip


@pytest.mark.parametrize("case", MIXED)
def test_state_and_action_in_different_units_are_refused(tmp_path, case):
    state, action = MIXED[case]
    folder = make_dataset(tmp_path / "d", lengths=(20, 20), state=state, action=action)
    for units in ("degrees", None):
        with pytest.raises(DatasetError):
            LerobotSource(folder, Declared(units=units))


def test_units_that_change_between_episodes_are_refused(tmp_path):
    """Episode 1 is in radians, as after a change of the recorder's settings."""

    def changing(values):
        return lambda e, n: in_rad(values)(e, n) if e else values(e, n)

    folder = make_dataset(tmp_path / "d", state=changing(arm_degrees), action=changing(targets))
    with pytest.raises(DatasetError, match="episode 1"):
        LerobotSource(folder, DEGREES)
    with pytest.raises(DatasetError, match=r"not rad \(the state of episode 0.*"):
        LerobotSource(folder, Declared())


def test_a_gripper_of_0_to_1_is_asked_about(tmp_path):
    folder = make_dataset(
        tmp_path / "d", state=scaled(arm_degrees, gripper=0.01),
        action=scaled(targets, gripper=0.01),
    )  # fmt: skip
    with pytest.raises(DatasetError, match=r"the gripper goes from .* only: say --gripper-open 1"):
        LerobotSource(folder, DEGREES)
    check_arm(LerobotSource(folder, replace(DEGREES, gripper_open=1.0)))
    closed = LerobotSource(folder, replace(DEGREES, gripper_open=100.0)).read(0)
    assert closed.joints[:, 5].max() < -0.15


@pytest.mark.parametrize("units", ["nan", "", "degree"])
def test_units_that_nobody_knows(tmp_path, units):
    with pytest.raises(DatasetError, match=f"unknown units '{units}'"):
        LerobotSource(make_dataset(tmp_path / "d"), Declared(units=units))


@pytest.fixture
def demos(tmp_path) -> Path:
    """Two SO-101 demonstrations in degrees, as people write HDF5 with LeRobot's robot class."""
    path = tmp_path / "demos.hdf5"
    with h5py.File(path, "w") as file:
        for e in range(2):
            group = file.create_group(f"demo_{e}")
            group["observations/image"] = np.stack([picture(e, i) for i in range(5)])
            group["observations/qpos"] = arm_degrees(e, 5)
            group["actions"] = targets(e, 5)
        file.attrs.update(num_demos=2, fps=RATE_HZ)
    return path


def test_hdf5_in_degrees(demos):
    source = Hdf5Source(demo_places(demos), DEGREES)
    check_arm(source)
    assert "taken for shoulder_pan" in source.warnings[0]
    named = Declared(units="degrees", joints=JOINT_NAMES)
    assert Hdf5Source(demo_places(demos), named).warnings == []
    with pytest.raises(DatasetError, match="more than a full turn"):
        Hdf5Source(demo_places(demos), Declared(units="rad", joints=JOINT_NAMES))
    with pytest.raises(DatasetError, match="its values fit several"):
        Hdf5Source(demo_places(demos), Declared(joints=JOINT_NAMES))
    other = Hdf5Source(demo_places(demos), Declared(units="rad", joints=tuple("abcdef")))
    assert other.warnings[-1].startswith("values in rad reach 79.7")


def test_hdf5_with_names_in_the_file(demos):
    with h5py.File(demos, "a") as file:
        file.attrs["joint_names"] = file.attrs["action_names"] = [JOINT_NAMES[i] for i in ALPHABET]
        for e in range(2):
            for name in ("observations/qpos", "actions"):
                rows = file[f"demo_{e}/{name}"][:]
                del file[f"demo_{e}/{name}"]
                file[f"demo_{e}/{name}"] = rows[:, ALPHABET]
    check_arm(Hdf5Source(demo_places(demos), DEGREES))


def test_the_dataset_says_the_unit_that_is_in_it(demos, tmp_path, caplog):
    """By the command: rad in the files, what was assumed in the last line."""
    options = ImportOptions("demos", str(demos), out=tmp_path / "out", units="degrees")
    import_dataset(options)
    episodes = [read_episode(path) for path in episode_files(tmp_path / "out")]
    assert {unit for e in episodes for unit in e.features.joint_units} == {"rad"}
    np.testing.assert_array_equal(episodes[1].images["camera"][3], picture(1, 3))
    assert caplog.messages[-1].startswith("warning: nothing names the six values: taken for")


ORDERS = {
    "in the alphabet's order": tuple(JOINT_NAMES[i] for i in ALPHABET),
    "two arms": tuple(f"{side}_{name}" for side in ("left", "right") for name in JOINT_NAMES),
}


@pytest.mark.parametrize("case", ORDERS)
@pytest.mark.parametrize("units", ["degrees", "percent"])
def test_an_export_converts_every_arm_and_comes_back(tmp_path, case, units):
    """Joints by name: values in LeRobot's units there, the same radians here again."""
    episode = own_episode(ORDERS[case])
    write_episode(episode_path(tmp_path, 0), episode)
    options = ExportLerobotOptions(tmp_path, tmp_path / "lerobot", units, codec="h264")
    stored = pq.read_table(export_lerobot(options) / "data/chunk-000/file-000.parquet")
    roll = next(i for i, name in enumerate(ORDERS[case]) if name.endswith("wrist_roll"))
    scale = 180 / np.pi * 4096 / 4095 if units == "degrees" else 100 / (np.pi * 4095 / 4096)
    rows = np.array(stored["observation.state"].to_pylist())
    np.testing.assert_allclose(rows[:, roll], episode.joints[:, roll] * scale, rtol=1e-5)
    back = LerobotSource(tmp_path / "lerobot", Declared()).read(0)
    assert back.features.joints == ORDERS[case]
    np.testing.assert_allclose(back.joints, episode.joints, atol=1e-5)


def test_an_export_of_an_arm_in_other_units_is_refused(tmp_path):
    """As an older release imported it: degrees, called degrees, and never converted."""
    write_episode(episode_path(tmp_path, 0), own_episode(JOINT_NAMES, "degrees"))
    with pytest.raises(DatasetError, match=r"in degrees: expected .*Import it again from its"):
        export_lerobot(ExportLerobotOptions(tmp_path, tmp_path / "lerobot"))


def test_an_export_of_another_robot_converts_nothing(tmp_path):
    write_episode(episode_path(tmp_path, 0), own_episode())
    with pytest.raises(DatasetError, match="--units and --calibration are for an SO-101 arm, and"):
        export_lerobot(ExportLerobotOptions(tmp_path, tmp_path / "lerobot", units="degrees"))
