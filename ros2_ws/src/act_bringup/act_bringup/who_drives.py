"""Who commands the arm, as policy:=... of a launch file says; said in one line at each start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from act_core.errors import suggest
from act_core.policy_fit import other_joints
from act_core.policy_json import SPEC_FILE, bundle_folder, read_spec
from act_core.policy_spec import BundleError, PolicySpec
from ament_index_python import get_package_share_directory
from launch.actions import LogInfo

EXPERT = "expert"  # the task's scripted one
NOBODY = "none"
WORDS = {
    EXPERT: "the task's scripted expert",
    NOBODY: "nobody; the arm follows whoever publishes joint_commands",
}


@dataclass(frozen=True)
class Drive:
    """Who commands the arm: a policy where there is a spec, else the expert or nobody."""

    why: str
    """As words for the person who has started it."""
    is_expert: bool = False
    bundle: str = ""
    spec: PolicySpec | None = None

    @property
    def cameras(self) -> list[str]:
        """Those that the policy sees with."""
        return [] if self.spec is None else list(self.spec.cameras)

    @property
    def look(self) -> str:
        """How the simulation drew what the policy was trained on; empty where it does not say."""
        return "" if self.spec is None else str(self.spec.provenance.get("look", ""))

    def announcement(self) -> LogInfo:
        return LogInfo(msg=f"who drives: {self.why}")


def who_drives(policy: str, task: str, without: str, choices: Sequence[str]) -> Drive:
    """What policy:=... means: one of ``choices``, or the folder of a bundle.

    Empty is the policy that ships for the task; where none does, ``without`` drives.

    Raises RuntimeError for a folder that is no policy bundle, and where no policies are installed.
    """
    if policy in choices:
        return Drive(WORDS[policy], is_expert=policy == EXPERT)
    if policy:
        return _by_policy(policy, "asked for with policy:=", choices)
    folder = Path(get_package_share_directory("act_bringup"), "policies")
    shipped = sorted(path.parent.name for path in folder.glob(f"*/{SPEC_FILE}"))
    if not shipped:
        raise RuntimeError(
            f"there are no policies in {folder}, where the build puts those that ship: build the "
            f"workspace again, or say who drives: policy:={' or policy:='.join(choices)} or the "
            "folder of a policy bundle"
        )
    if f"so101_{task}" in shipped:
        return _by_policy(str(folder / f"so101_{task}"), f"it ships for {task}", choices)
    tasks = ", ".join(name.removeprefix("so101_") for name in shipped)
    return Drive(
        f"{WORDS[without]} (no policy ships for {task}, only for {tasks})",
        is_expert=without == EXPERT,
    )


def check_joints(drive: Drive, joints: Sequence[str]) -> None:
    """RuntimeError, with both lists, for a policy that commands other joints than there are."""
    wrong = None if drive.spec is None else other_joints(drive.spec, joints)
    if wrong is not None:
        raise RuntimeError(wrong)


def _by_policy(bundle: str, why: str, choices: Sequence[str]) -> Drive:
    expected = f"expected {', '.join(choices)} or the folder of a policy bundle"
    try:
        spec = read_spec(bundle)
        folder = bundle_folder(bundle)
    except BundleError as error:
        meant = f"{suggest('word', bundle, choices)}; " if "/" not in bundle else ""
        raise RuntimeError(f"policy:={bundle}: {expected}; {meant}{error}") from error
    return Drive(f"policy '{spec.name}' in {folder} ({why})", bundle=str(folder), spec=spec)
