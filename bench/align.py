"""Aligns cameras of hidden arms from pictures alone. One JSON line.

    python -m bench.align --arms 10
    python -m bench.align --arms 3 --first-seed 50 --height 960

Each arm is an episode of ``look_around`` in a stranger's room (level 3): its cameras stand and see
otherwise than nominal, its joints have zero offsets, play and delays, its pictures are blurred,
noisy and late. A bag is recorded of it, `act-align-camera` sees the bag and nothing else, and what
was drawn is read when everything is over. Half a minute an arm.

Errors are against where the camera is relative to the arm *as it reports its angles*: the zeros of
shoulder_pan and wrist_roll turn everything alike, and no picture tells them
(docs/camera_alignment.md).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from act_core import topics
from act_core.camera_alignment import read_alignment
from act_sim.arm_model import ARM
from act_sim.simulation import Simulation
from act_sim.tasks.look_around import LOOKING_S
from act_training.align.poses import Hand, inverse, pose
from act_training.align.solve import OFFSET_JOINTS
from scipy.spatial.transform import Rotation

from tests.act_record import bags

CAMERAS = ("front", "wrist")
HZ = 10
PICTURE_EVERY = 3  # periods
CLOSE_M, CLOSE_DEG, CLOSE_OFFSET_DEG = 0.005, 0.7, 0.3


def record(sim: Simulation, seed: int, folder: Path, height: int) -> None:
    """A bag of one episode."""
    sim.reset(seed)
    expert = sim.task.make_expert(sim)
    messages = []
    for period in range(round(LOOKING_S * HZ)):
        at = bags.T0 + round(period * 1e9 / HZ)
        messages.append(bags.joints(topics.JOINT_STATES, at, sim.joint_position))
        if period % PICTURE_EVERY == PICTURE_EVERY - 1:
            for name in CAMERAS:
                image = sim.render(name, height, height * 4 // 3)
                messages.append(bags.image(name, at, image, jpeg=True))
        sim.step(expert.act())
    bags.write_bag(folder, messages)


def truth(sim: Simulation, name: str) -> np.ndarray:
    """(4, 4) where a camera's optical frame is, relative to the arm as it reports its angles."""
    number = sim.model.camera(name).id
    body = "gripper" if name == "wrist" else "base"
    frame = pose(sim.data.body(body).xpos, Rotation.from_matrix(sim.rotation(body)))
    optical = Rotation.from_matrix(sim.data.cam_xmat[number].reshape(3, 3)) * Rotation.from_euler(
        "x", 180, degrees=True
    )
    really = inverse(frame) @ pose(sim.data.cam_xpos[number], optical)
    hand, angles = Hand(), np.zeros(6)
    turned = angles.copy()
    joint = ARM.index("wrist_roll" if name == "wrist" else "shoulder_pan")
    turned[joint] = sim.joint_offset_rad[joint]
    if name == "wrist":
        return inverse(hand.pose(angles)) @ hand.pose(turned) @ really
    return hand.pose(angles) @ inverse(hand.pose(turned)) @ really


def judge(sim: Simulation, out: Path) -> dict[str, Any]:
    """Compares what was found with what was hidden."""
    found, told = read_alignment(out), yaml.safe_load(out.read_text())
    result: dict[str, Any] = {}
    for name in CAMERAS:
        where = truth(sim, name)
        away = np.subtract(found[name].position_m, where[:3, 3])
        turn = Rotation.from_quat(np.roll(found[name].quaternion_wxyz, -1)).inv()
        turn = turn * Rotation.from_matrix(where[:3, :3])
        result[name] = {
            "off_mm": round(1000.0 * float(np.linalg.norm(away)), 2),
            "off_deg": round(float(np.degrees(turn.magnitude())), 3),
            "covered": bool(
                (np.abs(away) <= np.array(told["within_95"][name]["position_m"])).all()
            ),
        }
    offsets = [sim.joint_offset_rad[ARM.index(joint)] for joint in OFFSET_JOINTS]
    errors = np.degrees(np.subtract(list(told["zero_offsets_rad"].values()), offsets))
    result["offset_error_deg"] = round(float(np.abs(errors).max()), 3)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arms", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=900_000)
    parser.add_argument("--height", type=int, default=480, help="rows of the pictures")
    parser.add_argument("--level", type=int, default=3)
    options = parser.parse_args()
    sim = Simulation("look_around", level=options.level, control_hz=HZ)
    arms: dict[int, Any] = {}
    for seed in range(options.first_seed, options.first_seed + options.arms):
        with tempfile.TemporaryDirectory() as folder:
            bag, out = Path(folder, "bag"), Path(folder, "cameras.yaml")
            record(sim, seed, bag, options.height)
            done = subprocess.run(
                ["act-align-camera", str(bag), "--out", str(out)],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                arms[seed] = {"refused": done.stderr.strip().splitlines()[-1]}
                continue
            arms[seed] = judge(sim, out)
    good = [each for each in arms.values() if "refused" not in each]
    summary = {
        name: {
            "worst_mm": max((each[name]["off_mm"] for each in good), default=None),
            "worst_deg": max((each[name]["off_deg"] for each in good), default=None),
            "close": sum(
                each[name]["off_mm"] <= 1000.0 * CLOSE_M and each[name]["off_deg"] <= CLOSE_DEG
                for each in good
            ),
            "covered": sum(each[name]["covered"] for each in good),
        }
        for name in CAMERAS
    }
    summary["offsets_close"] = sum(e["offset_error_deg"] <= CLOSE_OFFSET_DEG for e in good)
    print(json.dumps({"bench": "align", "of": options.arms, "height": options.height,
                      **summary, "arms": arms}))  # fmt: skip


if __name__ == "__main__":
    main()
