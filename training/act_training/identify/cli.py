"""How one arm's servos really are, from a recorded motion: `act-identify BAG --out my_arm.yaml`.

Writes the file that the simulation reads (`arm_parameters:=my_arm.yaml`, `--arm-parameters`), and a
folder beside it with the report: report.html, which holds all of it, and its pictures as PNG.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
import yaml
from act_core.errors import ConfigurationError
from act_core.files import write_file
from act_sim.identified_arm import JOINT_NAMES, NOMINAL_ARM, ROBOT, VERSION, VERSION_KEY, parse_arm

from act_training.cli import run_command
from act_training.identify.bag_log import read_log
from act_training.identify.fit import Fit, fit, tracking_rms
from act_training.identify.motion_log import Array, MotionLog
from act_training.identify.report import write_report
from act_training.sharing import shared_command

HELD_OUT = 0.2  # of the recording, its end: not fitted, but predicted
DIGITS = 6  # that a file keeps


@dataclass(frozen=True)
class IdentifyOptions:
    """What to identify, and where to."""

    bag: tyro.conf.Positional[Path]
    """A bag of identify.launch.py, or another with joint_states and joint_commands/applied of a
    motion of 20 s or more."""
    out: Path = Path("my_arm.yaml")
    """File for the parameters; the report goes into a folder of the same name beside it."""
    namespace: str = ""
    """Of the arm's topics, e.g. left for /left/joint_states."""

    @property
    def report(self) -> Path:
        return self.out.with_name(f"{self.out.stem}_report")


@dataclass(frozen=True)
class Identified:
    """All that is known at the end."""

    log: MotionLog
    fit: Fit
    held_out_s: tuple[float, float]
    before_rad: Array  # (6,) tracking error of the nominal arm, where nothing was fitted
    after_rad: Array  # (6,) and of the identified one

    @property
    def gain(self) -> float:
        """How many times smaller the error of the whole arm has become."""
        return float(np.linalg.norm(self.before_rad) / np.linalg.norm(self.after_rad))


def identify_log(log: MotionLog, progress: Any = print) -> Identified:
    """Fits the beginning of a recording and judges by its end."""
    begin_s, end_s = float(log.state_s[0]), float(log.state_s[-1])
    cut_s = end_s - HELD_OUT * (end_s - begin_s)
    found = fit(log.between(begin_s, cut_s), progress)
    after_cut = log.state_s >= cut_s
    before, after = tracking_rms(log, [NOMINAL_ARM, found.arm], after_cut)
    return Identified(log, found, (cut_s, end_s), before, after)


def identify(options: IdentifyOptions) -> Identified:
    """Find gain, damping, friction, armature, play, delay and zero offset of each joint."""
    if options.out.is_dir():
        raise ConfigurationError(f"--out {options.out} is a folder, expected a file's name")
    log = read_log(options.bag, options.namespace)
    print(
        f"{options.bag}: {log.duration_s:.0f} s, {len(log.state_s)} joint states, "
        f"{len(log.command_s)} commands; fitting takes one to three minutes"
    )
    result = identify_log(log)
    text = as_yaml(result)
    parse_arm(yaml.safe_load(text))  # what is written can be read
    write_file(options.out, text)
    write_report(result.fit, log, result.before_rad, result.after_rad, result.held_out_s,
                 options.report)  # fmt: skip
    for line in summary(result):
        print(line)
    print(f"written: {options.out}, {options.report / 'report.html'}")
    return result


def summary(result: Identified) -> list[str]:
    """What a person has to know, a line each."""
    lines = [
        "tracking error where nothing was fitted: "
        f"{_milli(result.before_rad)} mrad with nominal servos, {_milli(result.after_rad)} mrad "
        f"with the identified ones ({result.gain:.1f} times less)"
    ]
    if result.gain < 1.0:
        lines.append(
            "WARNING: the identified arm is worse than the nominal one: do not use this file. Was "
            "anything in the arm's way, or the torque off for a while?"
        )
    if result.fit.unknown:
        lines.append(
            "this motion says nothing of (guessed values stay): " + ", ".join(result.fit.unknown)
        )
    lines += [
        "cannot be told apart, only their ratios are known: " + ", ".join(group)
        for group in ambiguous_groups(result.fit)
    ]
    return lines


def ambiguous_groups(found: Fit) -> list[list[str]]:
    """Parameters that the data tell only together, grouped."""
    groups: list[set[str]] = []
    for pair in found.ambiguities:
        touching = [group for group in groups if {pair.first, pair.second} & group]
        merged = {pair.first, pair.second}.union(*touching)
        groups = [group for group in groups if group not in touching] + [merged]
    return [sorted(group) for group in groups]


def as_yaml(result: Identified) -> str:
    """The file's text."""
    found = result.fit
    content = {
        VERSION_KEY: VERSION,
        "robot": ROBOT,
        "joints": {
            name: {key: _rounded(value) for key, value in asdict(found.arm.joints[name]).items()}
            for name in JOINT_NAMES
        },
        "intervals_95": {
            label: [_rounded(found.low[label]), _rounded(found.high[label])] for label in found.low
        },
        "unknown": list(found.unknown),
        "told_only_together": ambiguous_groups(found),
        "tracking_rms_rad": {
            "nominal": [_rounded(value) for value in result.before_rad],
            "identified": [_rounded(value) for value in result.after_rad],
        },
        "bag": result.log.name,
        "command": shared_command(),
    }
    return yaml.safe_dump(content, sort_keys=False, width=100)


def _milli(rms_rad: Array) -> str:
    return f"{1000.0 * float(np.sqrt((rms_rad**2).mean())):.2f}"


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def main() -> None:
    run_command(
        identify,
        IdentifyOptions,
        then=lambda options: (
            f"look at {options.report / 'report.html'}; then ros2 launch act_bringup sim.launch.py "
            f"arm_parameters:={options.out}, act-evaluate or act-collect --arm-parameters "
            f"{options.out}"
        ),
    )


if __name__ == "__main__":
    main()
