"""From a bundle's folder to a policy that is checked and warm."""

from __future__ import annotations

from pathlib import Path

from act_core.errors import ConfigurationError, suggest
from act_core.policy_spec import BundleError
from act_core.policy_units import RAD, Reach

from act_policy.bundle import BF16, FAST, FP32, Bundle, read_bundle
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

    Where the bundle chooses and one of its variants does not load or fails its parity, the next one
    is taken; ``warnings`` of the policy tell of it.

    Raises BundleError or ConfigurationError with a text for whoever chose them.
    """
    bundle = read_bundle(folder)
    if engine not in ENGINES:
        raise ConfigurationError(suggest("engine", engine, ENGINES))
    choices = [(engine, variant)] if variant != "auto" else _fastest_first(bundle, engine)
    if choices == [("auto", BF16)]:
        choices = [("openvino_bf16", BF16)]  # which says itself what it lacks
    warnings = [] if variant != "auto" else _lost_beyond(bundle, choices)
    while True:
        chosen_engine, chosen = choices.pop(0)
        try:
            policy = _open(bundle, chosen_engine, chosen, threads)
            policy.check_parity()
        except BundleError as error:
            if not choices:
                raise
            warnings.append(f"{error}; going on with variant '{choices[0][1]}'")
            continue
        policy.warnings = tuple(warnings)
        return policy


def _lost_beyond(bundle: Bundle, choices: list[tuple[str, str]]) -> list[str]:
    """What is said of variants without their file that are not among the choices: of those the
    search tells itself."""
    tried = [variant for _, variant in choices]
    lost = bundle.lost_variants().items()
    return [f"variant '{variant}': {text}" for variant, text in lost if variant not in tried]


def _fastest_first(bundle: Bundle, engine: str) -> list[tuple[str, str]]:
    """Engines with variants of the bundle, for one that may choose."""
    variants = bundle.spec.variants
    choices = []
    if engine == "openvino_bf16" or (engine == "auto" and not has_cuda() and has_bf16()):
        choices.append(("openvino_bf16", BF16))
    on_cpu = engine.startswith("openvino_") or engine == "cpu"
    if on_cpu or (engine == "auto" and not has_cuda()):
        choices.append((engine, FAST))
    return [choice for choice in choices if choice[1] in variants] + [(engine, FP32)]


def _open(bundle: Bundle, engine: str, variant: str, threads: int) -> GraphPolicy:
    if engine.startswith("openvino_"):
        return OpenVinoPolicy(bundle, variant, engine.removeprefix("openvino_"), threads)
    return OnnxPolicy(bundle, variant, None if engine == "auto" else engine, threads)


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
