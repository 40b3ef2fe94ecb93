"""Cameras found from corners whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_sim.arm_model import ARM
from act_sim.calibration_board import Board
from act_sim.tasks.look_around.expert import choose_views
from act_training.align.poses import Hand, from_vector, inverse, pose
from act_training.align.solve import (
    OFFSET_JOINTS,
    Camera,
    View,
    _project,
    calibrate_lens,
    hand_eye,
    solve,
)
from scipy.spatial.transform import Rotation

BOARD = Board()
FRONT, WRIST = Camera("front", "base", 640, 480), Camera("wrist", "gripper", 640, 480)
FRONT_LENS = np.array([585.0, 585.0, 326.0, 236.0, -0.08, 0.05, 0.0, 0.0, 0.0])
WRIST_LENS = np.array([350.0, 350.0, 315.0, 245.0, 0.03, -0.02, 0.0, 0.0, 0.0])
ON_TABLE = pose((0.25, -0.01, 0.001), Rotation.from_euler("z", 80, degrees=True))
OFFSETS_RAD = np.radians([1.2, -0.8, 1.5])
START = np.array([0.0, -1.2, 0.8, 1.3, -1.57, 0.3])


def look_at(position, target, up=(0.0, 0.0, 1.0)):
    """The pose of an optical frame: z forwards, y down."""
    forwards = np.subtract(target, position) / np.linalg.norm(np.subtract(target, position))
    right = np.cross(forwards, up) / np.linalg.norm(np.cross(forwards, up))
    matrix = np.column_stack([right, np.cross(forwards, right), forwards])
    return pose(position, Rotation.from_matrix(matrix))


BESIDE = look_at((0.62, -0.10, 0.42), (0.2, 0.0, 0.03))
# The shipped arm's wrist camera, moved a little.
IN_HAND = pose(
    (0.003, 0.057, -0.047),
    Rotation.from_euler("x", -0.57)
    * Rotation.from_euler("x", 180, degrees=True)
    * Rotation.from_rotvec((0.03, -0.05, 0.04)),
)


def really(joints_rad):
    """Where the joints are that report these angles."""
    angles = joints_rad.copy()
    angles[[ARM.index(name) for name in OFFSET_JOINTS]] += OFFSETS_RAD
    return angles


def sighting(where, lens, rng, noise_px=0.2):
    """Numbers and pixels of the corners that a picture of 640 x 480 shows."""
    points = BOARD.corners_m
    pixels = _project(points, where, lens)
    inside = ((pixels > 2) & (pixels < (637, 477))).all(axis=1)
    ids = np.flatnonzero(inside)
    return ids, pixels[ids] + rng.normal(0.0, noise_px, (len(ids), 2))


def shown_views(rng, count=12):
    """The board held before the front camera."""
    views = []
    for number in range(count):
        turn = Rotation.from_euler("xyz", [np.pi, 0, 0]) * Rotation.from_rotvec(
            0.6 * np.array([np.cos(number), np.sin(number), 0.2])
        )
        where = pose((*rng.uniform(-0.04, 0.04, 2), rng.uniform(0.28, 0.45)), turn)
        ids, pixels = sighting(where, FRONT_LENS, rng)
        views.append(View("front", ids, pixels, START, False, number))
    return views


def table_views(rng, poses):
    hand, views = Hand(), []
    for number, joints in enumerate(poses):
        camera = hand.pose(really(joints)) @ IN_HAND
        for name, where, lens in (
            ("wrist", camera, WRIST_LENS), ("front", BESIDE, FRONT_LENS),
        ):  # fmt: skip
            ids, pixels = sighting(inverse(where) @ ON_TABLE, lens, rng)
            if len(ids) >= 6:
                views.append(View(name, ids, pixels, joints, True, 100 + number))
    return views


@pytest.fixture(scope="module")
def views():
    rng = np.random.default_rng(0)
    poses = choose_views(START, ON_TABLE[:3, 3], ARM.limits)
    return shown_views(rng) + table_views(rng, poses)


def off(found, truth):
    """(metres, degrees) between a camera and where it is."""
    away = np.linalg.norm(np.subtract(found.position_m, truth[:3, 3]))
    turn = Rotation.from_quat(np.roll(found.quaternion_wxyz, -1)).inv() * Rotation.from_matrix(
        truth[:3, :3]
    )
    return float(away), float(np.degrees(turn.magnitude()))


def test_finds_cameras_lenses_and_the_arms_zeros(views):
    found = solve([FRONT, WRIST], views, BOARD)
    for name, truth in (("front", BESIDE), ("wrist", IN_HAND)):
        metres, degrees = off(found.cameras[name].camera, truth)
        assert metres < 0.005, name
        assert degrees < 0.7, name
        # And it knows how sure it is.
        sigma = found.cameras[name].sigma_m
        error = np.subtract(found.cameras[name].camera.position_m, truth[:3, 3])
        assert (np.abs(error) < 4.0 * sigma).all()
        assert (sigma < 0.006).all()
    assert np.degrees(found.offsets_rad) == pytest.approx(np.degrees(OFFSETS_RAD), abs=0.3)
    wrist = found.cameras["wrist"].camera
    assert wrist.focal_px[0] == pytest.approx(WRIST_LENS[0], rel=0.01)
    assert found.left_out == ()


def test_a_view_that_fits_nothing_is_left_out(views):
    wrong = next(i for i, view in enumerate(views) if view.camera == "wrist")
    moved = views[wrong].joints_rad + np.array(
        [0.15, 0.0, 0.0, 0.0, 0.0, 0.0]
    )  # read at another time
    other = [*views[:wrong], views[wrong]._replace(joints_rad=moved), *views[wrong + 1 :]]
    found = solve([FRONT, WRIST], other, BOARD)
    assert found.left_out == (("wrist", views[wrong].stamp_ns),)
    assert off(found.cameras["wrist"].camera, IN_HAND)[0] < 0.005


def test_a_board_that_the_gripper_holds(views):
    """Without a camera at the wrist: the board moves before one that stands beside the arm."""
    rng, hand = np.random.default_rng(1), Hand()
    held = pose((0.0, 0.0, -0.10), Rotation.from_euler("xyz", [0.3, 1.4, 0.0]))
    seen = []
    for number in range(4000):
        joints = rng.uniform(ARM.limits.lower_rad, ARM.limits.upper_rad)
        where = inverse(BESIDE) @ hand.pose(really(joints)) @ held
        # In the picture, and not from behind.
        if where[2, 3] < 0.15 or where[2, 2] > -0.5:
            continue
        ids, pixels = sighting(where, FRONT_LENS, rng)
        if len(ids) >= 12:
            seen.append(View("front", ids, pixels, joints, True, number))
    found = solve([FRONT], seen[:20], BOARD, board_on="gripper")
    metres, degrees = off(found.cameras["front"].camera, BESIDE)
    assert metres < 0.006
    assert degrees < 0.7


def test_hand_eye_without_noise_is_exact():
    rng = np.random.default_rng(2)
    hands = [from_vector(rng.uniform(-1.0, 1.0, 6)) for _ in range(5)]
    boards = [inverse(hand @ IN_HAND) @ ON_TABLE for hand in hands]
    assert hand_eye(hands, boards, camera_in_hand=True) == pytest.approx(IN_HAND, abs=1e-9)


@pytest.mark.parametrize("which", ["few", "alike", "one axis", "never at rest", "no camera moves"])
def test_views_that_are_missing_are_named(views, which):
    of_wrist = [view for view in views if view.camera == "wrist"]
    of_front = [view for view in views if view.camera == "front"]
    cameras, board_on = [FRONT, WRIST], "base"
    if which == "few":
        views, text = of_front + of_wrist[:4], "wrist: the board was seen in 4 different pictures"
    elif which == "alike":
        same = [of_wrist[0]._replace(stamp_ns=k) for k in range(8)]
        views, text = of_front + same, "wrist: the arm turned the gripper about one axis only"
    elif which == "one axis":
        hand = Hand()
        rng = np.random.default_rng(4)
        turned = []
        for number, angle in enumerate(np.linspace(-0.3, 0.3, 12)):
            joints = of_wrist[0].joints_rad + np.array([0, 0, 0, 0, angle, 0])
            where = inverse(hand.pose(really(joints)) @ IN_HAND) @ ON_TABLE
            ids, pixels = sighting(where, WRIST_LENS, rng)
            if len(ids) >= 6:
                turned.append(View("wrist", ids, pixels, joints, True, 500 + number))
        # Others tell the lens, but the arm moved meanwhile.
        others = [view._replace(at_rest=False) for view in of_wrist]
        views, text = of_front + turned + others, "turned the gripper about one axis only"
    elif which == "never at rest":
        moving = [view._replace(at_rest=False) for view in of_front]
        views, text = moving + of_wrist, "front: it never saw the board where it stayed"
    else:
        cameras, views, text = [FRONT], of_front, "no camera moves against the board"
    with pytest.raises(ConfigurationError, match=text):
        solve(cameras, views, BOARD, board_on)


def test_the_lens_of_pictures_alone(views):
    shown = [view for view in views if view.camera == "front" and not view.at_rest]
    lens, sigma, poses = calibrate_lens(FRONT, shown, BOARD)
    assert lens[0] == pytest.approx(FRONT_LENS[0], rel=0.02)
    assert np.abs(lens[:4] - FRONT_LENS[:4]).max() < 4.0 * sigma[:4].max()
    assert len(poses) == len(shown)
