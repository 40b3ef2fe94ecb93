"""Cameras put where they were found, and the arm drawn over their pictures."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from act_core.camera_alignment import AlignedCamera
from act_core.errors import ConfigurationError
from act_sim.aligned_cameras import camera_quat, place_cameras
from act_sim.arm_overlay import COLOUR, ArmOverlay
from act_sim.simulation import Simulation
from scipy.spatial.transform import Rotation

SIZE = (120, 160)


def nominal(sim: Simulation, name: str, mounted_on: str) -> AlignedCamera:
    """A camera of the simulation as its alignment would tell it."""
    height, width = SIZE
    number = sim.model.camera(name).id
    turned = Rotation.from_quat(np.roll(sim.model.cam_quat[number], -1))
    x, y, z, w = (turned * Rotation.from_euler("x", 180, degrees=True)).as_quat()
    focal = 0.5 * height / np.tan(0.5 * np.radians(sim.model.cam_fovy[number]))
    return AlignedCamera(
        mounted_on,
        tuple(sim.model.cam_pos[number]),
        (w, x, y, z),
        width,
        height,
        (focal, focal),
        (0.5 * (width - 1), 0.5 * (height - 1)),
        (0.0,) * 5,
    )


@pytest.fixture(scope="module")
def cameras():
    sim = Simulation("reach")
    yield {"front": nominal(sim, "front", "base"), "wrist": nominal(sim, "wrist", "gripper")}
    sim.close()


def test_a_camera_where_it_was_shows_what_it_did(cameras):
    plain, placed = Simulation("reach"), Simulation("reach", camera_alignment=cameras)
    for name in cameras:
        before, after = plain.render(name, *SIZE), placed.render(name, *SIZE)
        # But for pixels at edges: the pose went through single precision on its way.
        assert (np.abs(before.astype(int) - after).max(axis=2) > 8).mean() < 0.002
    plain.close()
    placed.close()


def test_a_level_draws_around_the_alignment(cameras):
    moved = dataclasses.replace(cameras["front"], position_m=(0.5, 0.2, 0.4))
    sim = Simulation("pick_place", level=2, camera_alignment={"front": moved})
    sim.reset(3)
    shift = sim.record["randomization"]["cameras"]["front"]["shift_m"]
    number = sim.model.camera("front").id
    assert sim.model.cam_pos[number] == pytest.approx(np.add(moved.position_m, shift))


def test_the_axis_goes_through_the_middle_of_the_picture(cameras):
    """MuJoCo has no principal point: a shifted one turns the camera by as much."""
    front = cameras["front"]
    shifted = dataclasses.replace(front, principal_px=(front.principal_px[0] - 20.0, 59.5))
    turn = Rotation.from_quat(np.roll(camera_quat(front), -1)).inv() * Rotation.from_quat(
        np.roll(camera_quat(shifted), -1)
    )
    forwards = turn.apply((0.0, 0.0, -1.0))
    assert np.arctan2(forwards[0], -forwards[2]) == pytest.approx(
        np.arctan(20.0 / front.focal_px[0])
    )
    assert forwards[1] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "mount", "text"),
    [
        ("frnt", "base", "unknown camera of the alignment 'frnt'; did you mean 'front'"),
        ("wrist", "base", "wrist of the alignment is mounted on the base, that of the simulation "
         "on the gripper"),
    ],
)  # fmt: skip
def test_refuses_a_camera_that_is_elsewhere(cameras, name, mount, text):
    sim = Simulation("reach")
    camera = dataclasses.replace(cameras["front"], mounted_on=mount)
    with pytest.raises(ConfigurationError, match=text):
        place_cameras(sim.model, {name: camera})


def test_two_arms_are_refused(cameras):
    with pytest.raises(ConfigurationError, match="those of one arm"):
        Simulation("reach", arms=2, camera_alignment=cameras)


def test_the_outlines_lie_on_the_arm(cameras):
    sim = Simulation("reach")
    image = sim.render("front", 240, 320)
    with ArmOverlay(cameras) as overlay:
        right = overlay.draw("front", image, sim.joint_position)
        wrong = overlay.draw("front", image, sim.joint_position + np.eye(6)[0] * 0.3)
    yellow = (image[..., 0] > 100) & (image[..., 2] < 90)  # the printed parts
    near = {}
    for name, drawn in (("right", right), ("wrong", wrong)):
        outline = (drawn == COLOUR).all(axis=2)
        assert outline.sum() > 200
        rows, columns = np.nonzero(outline)
        near[name] = np.mean(
            [yellow[max(r - 2, 0) : r + 3, max(c - 2, 0) : c + 3].any()
             for r, c in zip(rows, columns, strict=True)]
        )  # fmt: skip
    assert near["right"] > 0.85
    assert near["wrong"] < near["right"] - 0.15
    sim.close()
