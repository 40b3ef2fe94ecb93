"""From a bundle's folder to a policy that is checked and warm."""

from __future__ import annotations

from pathlib import Path

from act_core.errors import ConfigurationError, suggest
from act_core.policy_spec import BundleError
from act_core.policy_units import RAD, Reach

from act_policy.bundle import BF16, Bundle, read_bundle
from act_policy.graph_policy import GraphPolicy
from act_policy.onnx_policy import PROVIDERS, OnnxPolicy, has_cuda
from act_policy.openvino_policy import PRECISIONS, OpenVinoPolicy, has_bf16

# engine -> what it takes: auto, an ONNX Runtime provider, or OpenVINO at a precision.
ENGINES = ("auto", *PROVIDERS, *(f"openvino_{precision}" for precision in PRECISIONS))


def load_policy(
    folder: str | Path, *, engine: str = "auto", variant: str = "auto", threads: int = 0
) -> GraphPolicy:
    """Reads a bundle, loads a graph of it and replays its parity samples.

    Args:
        folder: of the bundle.
        engine: one of ENGINES; auto is ONNX Runtime on CUDA where there is one, else OpenVINO in
            bfloat16 where the bundle has that variant and this computer both, else ONNX Runtime on
            the CPU.
        variant: fp32, one of the bundle's, or auto: the fastest that the bundle has for the engine.
        threads: on the CPU; 0 leaves it to the engine.

    Raises BundleError or ConfigurationError with a text for whoever chose them.
    """
    bundle = read_bundle(folder)
    chosen = None if variant == "auto" else variant
    if engine == "auto" and _takes_bf16(bundle, chosen):
        engine = "openvino_bf16"
    policy: GraphPolicy
    if engine.startswith("openvino_") and engine in ENGINES:
        policy = OpenVinoPolicy(bundle, chosen, engine.removeprefix("openvino_"), threads)
    elif engine in ENGINES:
        policy = OnnxPolicy(bundle, chosen, None if engine == "auto" else engine, threads)
    else:
        raise ConfigurationError(suggest("engine", engine, ENGINES))
    policy.check_parity()
    return policy


def cpu_engine(variant: str) -> str:
    """The engine, of ENGINES, that runs a variant without a GPU."""
    return "openvino_bf16" if variant == BF16 else "cpu"


def check_recorded(bundle: Bundle) -> None:
    """Raises BundleError where what was recorded in "radians" cannot have been radians.

    For whoever is about to move an arm: a bundle is loaded for other reasons, too.
    """
    spec, sample = bundle.spec, bundle.parity_sample()
    start = [] if spec.start is None else [spec.start.lower, spec.start.upper]
    for what, joints, unit, values in (
        ("start", spec.joint_input.joints, spec.joint_input.unit, start),
        ("recorded joints", spec.joint_input.joints, spec.joint_input.unit, sample.joint_position),
        ("recorded actions", spec.output.joints, spec.output.unit, sample.chunks),
    ):
        wrong = Reach(joints).beyond(values) if unit == RAD else None
        if wrong is not None:
            raise BundleError(
                f"policy '{spec.name}' says that it is in rad, but its {what} have {wrong}; "
                "import it again from its source with --units degrees"
            )


def _takes_bf16(bundle: Bundle, variant: str | None) -> bool:
    """Whether bfloat16 is what runs fastest here, and wanted."""
    if variant == BF16:
        return True  # which says itself what it lacks
    return variant is None and BF16 in bundle.spec.variants and not has_cuda() and has_bf16()
