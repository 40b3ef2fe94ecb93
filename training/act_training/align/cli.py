"""Where cameras stand and how they see: `act-align-camera BAG --out my_cameras.yaml`.

The bag holds pictures of a printed board (`--print board.pdf`) and the arm's joint states;
docs/camera_alignment.md says how it is made. The file that is written is read by the camera node
(`calibration_file`) and by the simulation (`camera_alignment:=`, `--camera-alignment`); beside it
comes a folder with a picture of each camera and the simulated arm drawn over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
import yaml
from act_core.camera_alignment import BASE, GRIPPER, VERSION, VERSION_KEY, parse_alignment
from act_core.errors import ConfigurationError
from act_core.files import replacing, write_file
from act_core.policy_json import read_spec
from act_core.policy_spec import PolicySpec
from act_sim.arm_model import ARM
from act_sim.arm_overlay import ArmOverlay
from act_sim.calibration_board import SQUARE_M, Board
from numpy.typing import NDArray
from PIL import Image

from act_training.align.bag_views import BagViews, read_views
from act_training.align.print_board import print_board
from act_training.align.solve import OFFSET_JOINTS, Aligned, Solution, solve
from act_training.align.stand_off import stand_off
from act_training.cli import run_command
from act_training.sharing import shared_command

ROBOT = "so101"
SURE_M, SURE_DEG = 0.010, 1.5  # 95 % of what a useful alignment may be off by
TABLE = "table"
DIGITS = 6


@dataclass(frozen=True)
class AlignOptions:
    """What to align, and where to."""

    bag: Annotated[Path | None, tyro.conf.Positional] = None
    """A bag with joint_states and pictures of the board, as align.launch.py records it."""
    out: Path = Path("my_cameras.yaml")
    """File for the cameras; the pictures go into a folder of the same name beside it."""
    print: Path | None = None
    """Write the board as this PDF, to be printed at 100 %, and do nothing else."""
    square_mm: float = 1000.0 * SQUARE_M
    """Edge of a square of the board as it came out of the printer."""
    cameras: tuple[str, ...] = ()
    """Of those in the bag; none: all."""
    on_gripper: tuple[str, ...] = ("wrist",)
    """Cameras that the gripper carries; the others stand still beside the arm."""
    board_on: str = TABLE
    """table: it lies where it is put; gripper: the gripper holds it before cameras that stand."""
    policy: Path | None = None
    """A bundle: how far the cameras stand off those that it was trained with, and which way to
    move them."""
    namespace: str = ""
    """Of the arm's topics, e.g. left for /left/joint_states."""

    @property
    def report(self) -> Path:
        return self.out.with_name(f"{self.out.stem}_report")


def align(options: AlignOptions) -> Solution | None:
    """Find where each camera stands and how it sees, from pictures of a printed board."""
    board = Board(options.square_mm / 1000.0)
    if options.print is not None:
        print_board(board, options.print)
        print(f"written: {options.print}; print it at 100 % and glue it onto something flat")
        return None
    if options.bag is None:
        raise ConfigurationError("name the bag, or a file for the board: --print board.pdf")
    if options.out.is_dir():
        raise ConfigurationError(f"--out {options.out} is a folder, expected a file's name")
    if options.board_on not in (TABLE, GRIPPER):
        raise ConfigurationError(f"--board-on {options.board_on}: expected {TABLE} or {GRIPPER}")
    policy = None if options.policy is None else read_spec(options.policy)
    board_on = BASE if options.board_on == TABLE else GRIPPER
    found = read_views(
        options.bag, board, options.cameras, options.on_gripper, board_on, options.namespace
    )
    solution = solve(found.cameras, found.views, board, board_on)
    check_sure(solution)
    content = as_content(solution, board, options.bag.name)
    parse_alignment(content)  # what is written can be read
    write_file(options.out, yaml.safe_dump(content, sort_keys=False, width=100))
    write_overlays(found, solution, options.report)
    for line in summary(solution):
        print(line)
    if policy is not None:
        for line in compare(solution, policy):
            print(line)
    print(f"written: {options.out}, {options.report}/*.png: the outlines have to lie on the arm")
    return solution


def check_sure(solution: Solution) -> None:
    """Raises ConfigurationError for a camera that the views do not tell well enough."""
    for name, each in solution.cameras.items():
        off_m = 1.96 * float(np.abs(each.sigma_m).max())
        off_deg = 1.96 * float(np.degrees(each.sigma_rad).max())
        if off_m > 5.0 * SURE_M or off_deg > 5.0 * SURE_DEG:
            raise ConfigurationError(
                f"camera {name}: these views tell its place to {1000 * off_m:.0f} mm and "
                f"{off_deg:.1f} degrees only, expected {5000 * SURE_M:.0f} mm and "
                f"{5 * SURE_DEG:.1f} or better: {_what_helps(each)}"
            )


def _what_helps(each: Aligned) -> str:
    if each.camera.mounted_on == GRIPPER:
        return "rest the arm at more poses from which it sees the board, from more sides"
    return "hold the board nearer and more tilted before it, and lay it where it is seen large"


def summary(solution: Solution) -> list[str]:
    """What a person has to know, a line each."""
    lines = []
    for name, each in solution.cameras.items():
        off_mm = 1960.0 * float(np.abs(each.sigma_m).max())
        off_deg = 1.96 * float(np.degrees(each.sigma_rad).max())
        place = ", ".join(f"{1000.0 * value:.1f}" for value in each.camera.position_m)
        lines.append(
            f"camera {name}, on the {each.camera.mounted_on}: at ({place}) mm, within "
            f"{off_mm:.1f} mm and {off_deg:.2f} degrees (95 %); focal length "
            f"{each.camera.focal_px[0]:.1f} px, {each.camera.fovy_deg:.1f} degrees high; corners "
            f"off by {each.error_px:.2f} px in {each.views} views"
        )
        if off_mm > 1000.0 * SURE_M or off_deg > SURE_DEG:
            lines.append(f"WARNING: camera {name}: that is not sure enough: {_what_helps(each)}")
    offsets = ", ".join(
        f"{name} {value:+.2f}"
        for name, value in zip(OFFSET_JOINTS, np.degrees(solution.offsets_rad), strict=True)
    )
    lines.append(f"zero offsets of the arm, as its pictures tell them: {offsets} degrees")
    if np.abs(solution.offsets_rad).max() > np.radians(3.0):
        lines.append("WARNING: that is more than a calibration by hand is off by: do it again")
    if solution.left_out:
        counts: dict[str, int] = {}
        for name, _ in solution.left_out:
            counts[name] = counts.get(name, 0) + 1
        told = ", ".join(f"{count} of {name}" for name, count in counts.items())
        lines.append(f"left out, as they fit nothing (the arm or the board moved?): {told}")
    return lines


def compare(solution: Solution, policy: PolicySpec) -> list[str]:
    """How far the cameras stand off the policy's, a line each."""
    task = policy.provenance.get("task")
    names = tuple(policy.cameras)
    if not str(task).startswith("so101/"):
        return [
            f"the policy was not trained in this simulation (its task: {task}): where its cameras "
            "stood is not known"
        ]
    missing = [name for name in names if name not in solution.cameras]
    cameras = {name: each.camera for name, each in solution.cameras.items()}
    lines = [each.words() for each in stand_off(cameras, policy.provenance.get("look"), names)]
    if missing:
        lines.append(f"the policy also looks through {', '.join(missing)}, not aligned here")
    return lines


def as_content(solution: Solution, board: Board, bag: str) -> dict[str, Any]:
    """What the file holds, in plain numbers."""
    return {
        VERSION_KEY: VERSION,
        "robot": ROBOT,
        "cameras": {name: _plain(asdict(e.camera)) for name, e in solution.cameras.items()},
        "within_95": {
            name: {
                "position_m": _rounded(1.96 * each.sigma_m),
                "rotation_rad": _rounded(1.96 * each.sigma_rad),
            }
            for name, each in solution.cameras.items()
        },
        "corner_error_px": {n: _rounded([e.error_px])[0] for n, e in solution.cameras.items()},
        "zero_offsets_rad": dict(zip(OFFSET_JOINTS, _rounded(solution.offsets_rad), strict=True)),
        "square_m": board.square_m,
        "bag": bag,
        "command": shared_command(),
    }


def write_overlays(found: BagViews, solution: Solution, folder: Path) -> None:
    """For each camera a picture of the bag with the simulated arm drawn over it."""
    cameras = {name: each.camera for name, each in solution.cameras.items()}
    with ArmOverlay(cameras) as overlay:
        for name, (image, joints) in found.examples.items():
            drawn = overlay.draw(name, image, _with_offsets(joints, solution))
            with replacing(folder / f"{name}.png") as new:
                Image.fromarray(drawn).save(new, "PNG")


def _with_offsets(joints_rad: NDArray[np.float64], solution: Solution) -> NDArray[np.float64]:
    angles = joints_rad.copy()
    angles[[ARM.index(name) for name in OFFSET_JOINTS]] += solution.offsets_rad
    return angles


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _rounded(v) if isinstance(v, tuple) else v for k, v in values.items()}


def _rounded(values: Any) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]


def main() -> None:
    run_command(
        align,
        AlignOptions,
        then=lambda options: (
            "docs/camera_alignment.md says how the bag is made"
            if options.print is not None
            else f"ros2 launch act_bringup sim.launch.py camera_alignment:={options.out}, "
            f"act-collect --camera-alignment {options.out}, or calibration_file of the camera node"
        ),
    )


if __name__ == "__main__":
    main()
