"""The second arm is the mirror image of the first: in its motion and in every camera."""

from __future__ import annotations

import numpy as np
import pytest
from act_sim.mirror import MIRROR_SIGNS
from act_sim.simulation import START_POSE_RAD, Simulation

LEFT, RIGHT = slice(0, 6), slice(6, 12)
MARKER = np.array([0.25, -0.2, 0.08])  # from the left arm's base: the plane between the arms


@pytest.fixture(scope="module")
def sim() -> Simulation:
    sim = Simulation("reach", arms=2)
    yield sim
    sim.close()


def mirrored(joints_rad: np.ndarray) -> np.ndarray:
    """(12,) -> (12,): what is on the left goes to the right and the other way round."""
    return np.concatenate([joints_rad[RIGHT] * MIRROR_SIGNS, joints_rad[LEFT] * MIRROR_SIGNS])


def start(sim: Simulation, joints_rad: np.ndarray) -> None:
    """An episode that begins at rest with these joints and the marker between the arms."""
    record = sim.reset(0)
    sim.replay(
        record | {"arm_start_rad": joints_rad.tolist(), "objects": {"marker": MARKER.tolist()}}
    )


def some_pose(rng: np.random.Generator) -> np.ndarray:
    both = np.concatenate([START_POSE_RAD, START_POSE_RAD * MIRROR_SIGNS])
    return both + rng.uniform(-0.3, 0.3, 12)


def test_limits_are_mirrored(sim):
    lower, upper = sim.limits.lower_rad, sim.limits.upper_rad
    ends = np.stack([lower[LEFT], upper[LEFT]]) * MIRROR_SIGNS
    assert np.sort(ends, axis=0) == pytest.approx(np.stack([lower[RIGHT], upper[RIGHT]]))


def test_mirrored_commands_give_mirrored_motion(sim):
    rng = np.random.default_rng(0)
    pose = some_pose(rng)
    targets = np.clip(
        pose + rng.uniform(-0.5, 0.5, (20, 12)),
        sim.limits.lower_rad,
        sim.limits.upper_rad,
    )

    def motion(first: np.ndarray, commands: np.ndarray) -> np.ndarray:
        start(sim, first)
        path = []
        for target in commands:
            sim.step(target)
            path.append(np.concatenate([sim.joint_position, sim.joint_velocity]))
        return np.array(path)

    there = motion(pose, targets)
    back = motion(mirrored(pose), np.array([mirrored(target) for target in targets]))
    assert np.ptp(there[:, :12], axis=0).max() > 0.1, "the arms move"
    for part in (slice(0, 12), slice(12, 24)):
        expected = np.array([mirrored(row) for row in there[:, part]])
        assert back[:, part] == pytest.approx(expected, abs=1e-6)


def test_mirrored_states_give_mirrored_images(sim):
    """Up to the pixels on edges, which a rasterizer gives to one side: at most 1 % of them."""
    pose = some_pose(np.random.default_rng(1))
    pairs = {"front": "front", "top": "top", "left_wrist": "right_wrist"}
    pairs |= {"right_wrist": "left_wrist"}
    assert set(pairs) == set(sim.cameras)
    start(sim, pose)
    seen = {camera: sim.render(camera, 240, 320) for camera in pairs}
    start(sim, mirrored(pose))
    for camera, other in pairs.items():
        image = sim.render(other, 240, 320)[:, ::-1]
        difference = np.abs(image.astype(int) - seen[camera]).max(axis=2)
        assert (difference > 8).mean() < 0.01, camera
        assert np.median(difference) == 0.0, camera
        unmirrored = np.abs(image[:, ::-1].astype(int) - seen[camera]).max(axis=2)
        assert (unmirrored > 8).mean() > 0.05, f"{camera}: the test would notice"
