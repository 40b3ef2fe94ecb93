"""Run by the Python of an environment that has LeRobot: what LeRobot itself reads and writes.

python lerobot_reference.py read FOLDER OUT.npz      every frame of a dataset, as LeRobot gives it
python lerobot_reference.py write FOLDER OUT.npz     a dataset of LeRobot's, and what went in
"""

from __future__ import annotations

import sys

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
CAMERAS = ("front", "wrist")
VECTORS = ("observation.state", "action")


def read(folder: str) -> dict[str, np.ndarray]:
    """Per feature the values of all frames; images (T, H, W, 3) uint8."""
    dataset = LeRobotDataset("local/written", root=folder, video_backend="pyav")
    items = [dataset[i] for i in range(len(dataset))]
    found = {key: np.stack([item[key].numpy() for item in items]) for key in VECTORS}
    for key in ("timestamp", "frame_index", "episode_index", "index"):
        found[key] = np.array([item[key].item() for item in items])
    found["task"] = np.array([item["task"] for item in items])
    for name in CAMERAS:
        images = np.stack([item[f"observation.images.{name}"].numpy() for item in items])
        found[name] = np.rint(images.transpose(0, 2, 3, 1) * 255).astype(np.uint8)
    found["action_mean"] = np.asarray(dataset.meta.stats["action"]["mean"])
    return found


def write(folder: str) -> dict[str, np.ndarray]:
    """Three episodes of an SO-101 with two cameras; returns all frames that went in."""
    names = [f"{name}.pos" for name in JOINTS]
    vector = {"dtype": "float32", "shape": (6,), "names": names}
    image = {"dtype": "video", "shape": (64, 96, 3), "names": ["height", "width", "channels"]}
    features = dict.fromkeys(VECTORS, vector)
    features |= {f"observation.images.{name}": image for name in CAMERAS}
    dataset = LeRobotDataset.create("local/made", fps=30, features=features, root=folder)
    y, x = np.mgrid[0:64, 0:96]
    given: dict[str, list] = {key: [] for key in (*VECTORS, *CAMERAS, "episode_index")}
    for episode in range(3):
        rng = np.random.default_rng(episode)
        for step in range(9 + episode):
            state = np.append(rng.uniform(-95, 150, 5), rng.uniform(0, 100)).astype(np.float32)
            frame = {"observation.state": state, "action": state / 2, "task": "pick"}
            for i, name in enumerate(CAMERAS):
                planes = [127 + 100 * np.sin(x / 40 + y / 30 + step / 10 + c + i) for c in range(3)]
                frame[f"observation.images.{name}"] = np.stack(planes, -1).astype(np.uint8)
                given[name].append(frame[f"observation.images.{name}"])
            for key in VECTORS:
                given[key].append(frame[key])
            given["episode_index"].append(episode)
            dataset.add_frame(frame)
        dataset.save_episode()
    dataset.finalize()
    return {key: np.stack(values) for key, values in given.items()}


if __name__ == "__main__":
    action, folder, out = sys.argv[1:]
    np.savez_compressed(out, **{"read": read, "write": write}[action](folder))
