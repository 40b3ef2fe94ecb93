"""Demonstrations of touching a ball with either hand.

python -m examples.humanoid.demonstrate OUT --episodes 120
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from act_training.datasets.episode_file import Episode, episode_path, write_episode
from act_training.features import Camera, Features
from tqdm import tqdm

from examples.humanoid.world import CAMERAS, HEIGHT, RATE_HZ, ROBOT, WIDTH, World, reach

MOVE, STAY = 20, 10  # steps
NOISE_RAD = 0.002  # of what is measured
UNITS = ("rad",) * len(ROBOT.joints)
FEATURES = Features(
    ROBOT.joint_names,
    UNITS,
    ROBOT.joint_names,
    UNITS,
    tuple(Camera(name, HEIGHT, WIDTH) for name in CAMERAS),
    RATE_HZ,
)


def demonstration(world: World, seed: int) -> Episode:
    """One episode of 30 steps: from about home to the ball, and a while there."""
    random = np.random.default_rng((seed, 1))
    ball, goal = reach(world, seed)
    begin = ROBOT.pose("home") + random.normal(0.0, 0.02, len(ROBOT.joints))
    time = np.minimum(np.arange(MOVE + STAY + 1) / MOVE, 1.0)[:, None]
    path = begin + (goal - begin) * (10 * time**3 - 15 * time**4 + 6 * time**5)  # least jerk
    path = np.clip(path, ROBOT.limits.lower_rad, ROBOT.limits.upper_rad)
    world.put_ball(ball)
    images: dict[str, list[np.ndarray]] = {camera: [] for camera in CAMERAS}
    for joints in path[:-1]:
        world.pose(joints)
        for camera, frames in images.items():
            frames.append(world.image(camera))
    return Episode(
        FEATURES,
        "humanoid/touch",
        seed,
        True,
        (path[:-1] + random.normal(0.0, NOISE_RAD, path[:-1].shape)).astype(np.float32),
        path[1:].astype(np.float32),
        (np.arange(len(path) - 1) * 1e9 / RATE_HZ).astype(np.int64),
        {camera: np.array(frames) for camera, frames in images.items()},
        placement={"ball_x": ball[0], "ball_y": ball[1], "ball_z": ball[2]},
        simulated=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--episodes", type=int, default=60)
    parser.add_argument("--first-seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    world = World()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.episodes)
    for seed in tqdm(seeds, desc="demonstrate", unit="episode"):
        write_episode(episode_path(arguments.out, seed), demonstration(world, seed))
    world.close()


if __name__ == "__main__":
    main()
