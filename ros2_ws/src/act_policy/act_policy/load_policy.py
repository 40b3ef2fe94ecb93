"""From a bundle's folder to a policy that is checked and warm."""

from __future__ import annotations

from pathlib import Path

from act_core.errors import ConfigurationError, suggest

from act_policy.bundle import read_bundle
from act_policy.graph_policy import GraphPolicy
from act_policy.onnx_policy import PROVIDERS, OnnxPolicy
from act_policy.openvino_policy import PRECISIONS, OpenVinoPolicy

# engine -> what it takes: auto, an ONNX Runtime provider, or OpenVINO at a precision.
ENGINES = ("auto", *PROVIDERS, *(f"openvino_{precision}" for precision in PRECISIONS))


def load_policy(
    folder: str | Path, *, engine: str = "auto", variant: str = "auto", threads: int = 0
) -> GraphPolicy:
    """Reads a bundle, loads a graph of it and replays its parity samples.

    Args:
        folder: of the bundle.
        engine: one of ENGINES; auto is ONNX Runtime on CUDA where there is one, else on the CPU.
        variant: fp32, one of the bundle's, or auto: fast on a CPU where there is one.
        threads: on the CPU; 0 leaves it to the engine.

    Raises BundleError or ConfigurationError with a text for whoever chose them.
    """
    bundle = read_bundle(folder)
    chosen = None if variant == "auto" else variant
    policy: GraphPolicy
    if engine.startswith("openvino_") and engine in ENGINES:
        policy = OpenVinoPolicy(bundle, chosen, engine.removeprefix("openvino_"), threads)
    elif engine in ENGINES:
        policy = OnnxPolicy(bundle, chosen, None if engine == "auto" else engine, threads)
    else:
        raise ConfigurationError(suggest("engine", engine, ENGINES))
    policy.check_parity()
    return policy
