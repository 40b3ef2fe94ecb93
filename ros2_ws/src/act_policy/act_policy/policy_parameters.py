"""The parameters of the policy node."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache

from act_core.errors import ConfigurationError
from act_core.parameters import parameter
from act_core.policy_spec import MAX_DECAY, ExecutionSpec, PolicySpec

from act_policy.load_policy import ENGINES
from act_policy.modes import MODES, option_names
from act_policy.observation_sync import SyncLimits
from act_policy.policy_runner import RunnerLimits

FROM_BUNDLE = "bundle"
BOTH, INFERENCE, CONTROL = "both", "inference", "control"
RAW, JPEG = "raw", "compressed"
TELL, STOP = "tell", "stop"


@dataclass(frozen=True)
class PolicyParameters:
    """Declared on the node; every one has a default but the bundle."""

    bundle: str = parameter("", "folder of the policy bundle")
    role: str = parameter(
        BOTH, f"{BOTH}; {INFERENCE}: chunks for another computer; {CONTROL}: follow its chunks",
        choices=(BOTH, INFERENCE, CONTROL),
    )  # fmt: skip
    enabled: bool = parameter(False, "act from the start, without a call of policy/enable")
    start_within: float = parameter(
        0.0, "enable only where each joint is so close to where the policy's episodes start; "
        "0: anywhere", low=0.0,
    )  # fmt: skip
    start_pose: tuple[float, ...] = parameter(
        (), "where they start, one value a joint; empty: as policy.json says"
    )
    control_rate_hz: float = parameter(100.0, "commands a second", low=1.0, high=500.0)
    mode: str = parameter(
        FROM_BUNDLE,
        f"how chunks become commands: {', '.join(MODES.names())}, or one of your own "
        f"(file.py:Class); {FROM_BUNDLE}: as policy.json says",
    )
    m: float = parameter(
        0.01, "ensemble: weights are exp(-m i), i = 0 for the oldest chunk",
        low=-MAX_DECAY, high=MAX_DECAY,
    )  # fmt: skip
    open_loop_rows: int = parameter(0, "open_loop: rows played of a chunk; 0 for all", low=0)
    engine: str = parameter("auto", "what computes", choices=ENGINES)
    variant: str = parameter("auto", "graph of the bundle: auto, fp32 or a variant's name")
    inference_threads: int = parameter(
        0, "threads on the CPU; 0: all cores with real-time priority, else all but one",
        low=0, high=256,
    )  # fmt: skip
    image_fit: str = parameter(
        "resize", "images of another size than the policy's", choices=("resize", "refuse")
    )
    images: str = parameter(
        RAW, f"which topic of a camera is heard: image_raw, or {JPEG}", choices=(RAW, JPEG)
    )
    max_image_age_s: float = parameter(
        0.25, "a camera that is silent for longer is dead", low=0.0, high=60.0
    )
    max_joint_age_s: float = parameter(0.1, "the same for joint_states", low=0.0, high=60.0)
    max_skew_s: float = parameter(
        0.05, "between two cameras, and camera and joints", low=0.0, high=60.0
    )
    max_observation_age_s: float = parameter(
        0.5, "hold when there was no complete observation for so long", low=0.0, high=60.0
    )
    max_plan_age_s: float = parameter(
        1.0, "hold when there was no new chunk for so long", low=0.0, high=60.0
    )
    disagree_rad: float = parameter(
        0.1, "plans of one second that are further apart, for a second, are told; 0: never", low=0.0
    )
    disagreement: str = parameter(
        TELL, "what happens then: tell, or stop: hold until policy/enable", choices=(TELL, STOP)
    )
    realtime_priority: int = parameter(
        40, "SCHED_FIFO priority of the control loop, if permitted; 0: none", low=0, high=98
    )

    def execution(self, spec: PolicySpec) -> ExecutionSpec:
        """What the bundle says, or what was asked for in its place."""
        if self.mode == FROM_BUNDLE:
            return spec.execution
        rows = self.open_loop_rows or None
        options = {name: getattr(self, name) for name in option_names(self.mode)}
        return ExecutionSpec(self.mode, self.m, rows, spec.execution.max_jump, options)

    def sync_limits(self) -> SyncLimits:
        return SyncLimits(self.max_image_age_s, self.max_joint_age_s, self.max_skew_s)

    def runner_limits(self, spec: PolicySpec) -> RunnerLimits:
        in_rad = spec.output.unit == "rad"
        spread = self.disagree_rad if self.disagree_rad and in_rad else None
        return RunnerLimits(self.max_observation_age_s, self.max_plan_age_s, spread=spread)


@lru_cache
def parameters_of(mode: str) -> type[PolicyParameters]:
    """The parameters of a policy node in that mode, those of the mode's own included.

    Raises ConfigurationError for a mode that is not there or that calls a parameter of its own like
    one that every policy node has.
    """
    if mode == FROM_BUNDLE:
        return PolicyParameters
    own = option_names(mode)
    common = {field.name for field in dataclasses.fields(PolicyParameters)}
    for name in own:
        if name in common:
            raise ConfigurationError(
                f"execution mode '{mode}': its parameter '{name}' is one of every policy node"
            )
    if not own:
        return PolicyParameters
    options = MODES.find(mode).Options
    return dataclass(frozen=True)(type("PolicyParameters", (options, PolicyParameters), {}))
