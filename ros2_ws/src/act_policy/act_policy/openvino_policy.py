"""Policies on OpenVINO, Intel's engine for x86 and Arm processors; an optional extra.

Faster than ONNX Runtime on CPUs with bfloat16 or int8 instructions, of AMD too. Install it with
``pip install openvino``; without it everything else works.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
from act_core.errors import ConfigurationError, suggest
from act_core.foreign_text import clean
from act_core.policy_spec import BundleError
from numpy.typing import NDArray

from act_policy.bundle import BF16, FP32, Bundle
from act_policy.graph_policy import LONGEST_REASON, GraphPolicy, Tensor, check_graph

PRECISIONS = {"fp32": "f32", "bf16": "bf16"}


def is_installed() -> bool:
    return find_spec("openvino") is not None


def has_bf16() -> bool:
    """Whether OpenVINO is there and computes in bfloat16 here: the processor has instructions for
    it (AMX or AVX-512 BF16)."""
    return is_installed() and "BF16" in _capabilities()


def _capabilities() -> list[str]:
    import openvino

    return list(openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


class OpenVinoPolicy(GraphPolicy):
    """One compiled OpenVINO model.

    Args:
        bundle: read by `read_bundle`.
        variant: of the bundle; None takes ``bf16`` at that precision and else ``fast``, as far as
            the bundle has them, else fp32.
        precision: of what the graph leaves in floating point: fp32 or bf16 (8 bits of mantissa; the
            full-size network takes a fifth of the time where the processor has AMX).
        threads: computing threads; 0 leaves it to the engine.

    Raises BundleError for a graph that does not load or does not fit policy.json, and
    ConfigurationError where OpenVINO, or bfloat16, is not there.
    """

    engine = "openvino"

    def __init__(
        self,
        bundle: Bundle,
        variant: str | None = None,
        precision: str = "fp32",
        threads: int = 0,
    ) -> None:
        if not is_installed():
            raise ConfigurationError("OpenVINO is not installed; pip install openvino")
        if precision not in PRECISIONS:
            raise ConfigurationError(suggest("precision", precision, PRECISIONS))
        import openvino

        if variant is None:
            wanted = (BF16, "fast") if precision == "bf16" else ("fast",)
            variant = next((name for name in wanted if name in bundle.spec.variants), FP32)
        super().__init__(bundle, variant)
        if precision == "bf16" and not has_bf16():
            raise ConfigurationError(
                "this processor has no bfloat16 instructions (it computes in "
                f"{', '.join(_capabilities())}): use engine openvino_fp32"
            )
        if variant == BF16 and precision != "bf16":
            raise ConfigurationError("variant 'bf16' is for engine openvino_bf16")
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
        }
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        path = bundle.checked_graph(variant)
        try:
            model = openvino.Core().compile_model(str(path), "CPU", settings)
        except RuntimeError as error:
            reason = clean(" ".join(str(error).split()), LONGEST_REASON)
            raise BundleError(f"{path} does not load: {reason}") from error
        self.engine = f"openvino {precision}"
        spec = bundle.spec
        expected = {*spec.input_types, spec.output.name}
        check_graph(path, spec, [_tensor(p, expected) for p in model.inputs],
                    [_tensor(p, expected) for p in model.outputs])  # fmt: skip
        self._request = model.create_infer_request()

    def _run(self, feeds: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        # Inputs are shared, not copied; the result is copied, as the next inference overwrites it.
        return np.array(self._request.infer(dict(feeds), share_inputs=True)[0])


def _tensor(port: Any, expected: set[str]) -> Tensor:
    """A port, by its expected name: an input also has those of operations that left it as it was,
    of a normalisation by 0 and 1 for example."""
    dtype = port.get_element_type().to_dtype().name
    name = next(iter(expected & port.get_names()), port.get_any_name())
    return Tensor(name, tuple(port.get_partial_shape().to_shape()), dtype)
