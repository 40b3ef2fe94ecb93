"""Identifies arms with hidden parameters over the whole real path. One JSON line.

    python -m bench.twin --arms 3
    python -m bench.twin --arms 10 --first-seed 100 --keep out/twins

Each arm is another process behind a pseudo-terminal (bench._hidden_arm), which tells what it had
drawn only when everything is over. `ros2 launch act_bringup identify.launch.py` drives it through
driver, limiter and topics as a real one and records a bag; `act-identify` sees the bag, and nothing
else. A second bag of another motion is what the tracking errors are of. About four minutes an arm.

--profile: the emulated firmware's own ramps between goals are in the way as well, which the model
of the simulation does not have.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from act_core.robots.so101 import JOINT_NAMES
from act_sim.identified_arm import NOMINAL_ARM, PARAMETERS, read_arm
from act_training.identify.bag_log import read_log
from act_training.identify.fit import tracking_rms
from so101_driver.emulator.pty_port import wait_for_port

CLOSE = 0.10  # "within 10 %"
OFFSET_CLOSE_DEG = 0.3
# The others' zero offsets turn nothing that gravity pulls at: a joint bag does not tell them.
SEEN_BY_GRAVITY = ("shoulder_lift", "elbow_flex", "wrist_flex")
SECOND_MOTION = ("motion_seed:=1", "duration_s:=20.0")


def record(port: Path, calibration: Path, bag: Path, *arguments: str) -> None:
    """A bag of one motion, by the launch file. Raises SystemExit with its end where it failed."""
    command = [
        "ros2", "launch", "act_bringup", "identify.launch.py", f"port:={port}",
        f"calibration:={calibration}", f"bag:={bag}", "exit_policy:=hold", *arguments,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the launch has failed:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")


def identify_twin(seed: int, folder: Path, profile: bool) -> dict[str, Any]:
    """Drives, records and identifies one hidden arm; what came of it."""
    folder.mkdir(parents=True, exist_ok=True)
    port, calibration, truth = (folder / name for name in ("port", "arm.json", "truth.json"))
    options = ["--profile"] if profile else []
    hidden = subprocess.Popen(
        [sys.executable, "-m", "bench._hidden_arm", "--pty", str(port), "--seed", str(seed),
         "--calibration", str(calibration), "--truth", str(truth), *options],
    )  # fmt: skip
    try:
        if not wait_for_port(port, 60.0):
            raise SystemExit("the hidden arm did not start")
        record(port, calibration, folder / "bag")
        record(port, calibration, folder / "second_bag", *SECOND_MOTION)
    finally:
        hidden.send_signal(signal.SIGTERM)
        hidden.wait()
    out = folder / "arm.yaml"
    subprocess.run(
        ["act-identify", str(folder / "bag"), "--out", str(out)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return judge(out, json.loads(truth.read_text()), folder / "second_bag")


def judge(out: Path, truth: dict[str, dict[str, float]], second_bag: Path) -> dict[str, Any]:
    """Compares what was identified with what was hidden."""
    found = read_arm(out)
    told = yaml.safe_load(out.read_text())
    within, covered, offsets_deg = {}, {}, {}
    for parameter in PARAMETERS:
        close, inside = [], []
        for name in JOINT_NAMES:
            value, true = getattr(found.joints[name], parameter), truth[name][parameter]
            low, high = told["intervals_95"][f"{name}.{parameter}"]
            close.append(abs(value - true) <= CLOSE * abs(true))
            inside.append(low <= true <= high)
        within[parameter], covered[parameter] = close, inside
    for name in SEEN_BY_GRAVITY:
        error = found.joints[name].zero_offset_rad - truth[name]["zero_offset_rad"]
        offsets_deg[name] = abs(float(np.degrees(error)))
    before, after = tracking_rms(read_log(second_bag), [NOMINAL_ARM, found])
    return {
        "within": within,
        "covered": covered,
        "offset_error_deg": offsets_deg,
        "nominal_mrad": _milli(before),
        "identified_mrad": _milli(after),
    }


def summary(arms: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts over all arms and joints."""
    count = len(arms) * len(JOINT_NAMES)

    def good(parameter: str) -> str:
        either = sum(
            close or inside
            for arm in arms
            for close, inside in zip(
                arm["within"][parameter], arm["covered"][parameter], strict=True
            )
        )
        close = sum(sum(arm["within"][parameter]) for arm in arms)
        inside = sum(sum(arm["covered"][parameter]) for arm in arms)
        return f"{either}/{count} ({close} within 10 %, {inside} covered)"

    offsets = [error for arm in arms for error in arm["offset_error_deg"].values()]
    ratios = [arm["identified_mrad"] / arm["nominal_mrad"] for arm in arms]
    return {
        **{parameter: good(parameter) for parameter in PARAMETERS},
        "offsets_within_0.3_deg": f"{sum(e <= OFFSET_CLOSE_DEG for e in offsets)}/{len(offsets)}",
        "offset_error_deg_max": round(max(offsets), 3),
        "tracking_mrad_nominal": [arm["nominal_mrad"] for arm in arms],
        "tracking_mrad_identified": [arm["identified_mrad"] for arm in arms],
        "tracking_ratio_worst": round(max(ratios), 3),
    }


def _milli(rms_rad: np.ndarray) -> float:
    return round(1000.0 * float(np.sqrt((rms_rad**2).mean())), 3)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arms", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder for bags, files and reports")
    arguments = parser.parse_args()
    work = arguments.keep or Path(tempfile.mkdtemp(prefix="twin_"))
    arms = []
    try:
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.arms):
            arms.append(identify_twin(seed, work / f"arm_{seed}", arguments.profile))
            print(f"arm {seed}: {json.dumps(summary(arms[-1:]))}", file=sys.stderr, flush=True)
    finally:
        if arguments.keep is None:
            shutil.rmtree(work, ignore_errors=True)
    settings = {"arms": arguments.arms, "first_seed": arguments.first_seed,
                "profile": arguments.profile}  # fmt: skip
    print(json.dumps({"bench": "twin", **settings, **summary(arms)}))


if __name__ == "__main__":
    main()
