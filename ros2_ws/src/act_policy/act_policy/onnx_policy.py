"""Policies on ONNX Runtime: CPU, CUDA or TensorRT, whichever is there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import onnxruntime
from act_core.errors import ConfigurationError, suggest
from act_core.foreign_text import clean
from act_core.policy_spec import BundleError
from numpy.typing import NDArray

from act_policy.bundle import BF16, FP32, Bundle
from act_policy.graph_policy import LONGEST_REASON, GraphPolicy, Tensor, check_graph
from act_policy.policy import PolicyError

# Best first. TensorRT is only taken when asked for: it builds its engine for minutes.
PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
# TF32 keeps 10 bits of mantissa, which costs more than the parity tolerance of 1e-4.
OPTIONS: dict[str, dict[str, str]] = {"cuda": {"use_tf32": "0"}}

# Of all graphs of a process, weights and what is computed; a full-size ACT takes a tenth of it.
# What a graph asks for may be anything, and may depend on its inputs.
MOST_MEMORY = 4 << 30  # bytes

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
}


class OnnxPolicy(GraphPolicy):
    """One ONNX Runtime session.

    Args:
        bundle: read by `read_bundle`.
        variant: of the bundle; None takes ``fast`` on the CPU where there is one, else fp32 (the
            integer graphs are for CPUs; a GPU runs them slower than fp32).
        provider: cpu, cuda or tensorrt; None takes the first of cuda, cpu that works here.
        threads: computing threads on the CPU, this one included; 0 leaves it to the engine.

    Raises BundleError for a graph that does not load or does not fit policy.json, and
    ConfigurationError for a provider that is not there.
    """

    engine = "onnxruntime"

    def __init__(
        self,
        bundle: Bundle,
        variant: str | None = None,
        provider: str | None = None,
        threads: int = 0,
    ) -> None:
        self.provider = choose_provider(provider, onnxruntime.get_available_providers())
        if variant is None:
            variant = "fast" if self.provider == "cpu" and "fast" in bundle.spec.variants else FP32
        super().__init__(bundle, variant)
        if variant == BF16:
            raise ConfigurationError(
                "variant 'bf16' is for engine openvino_bf16; ONNX Runtime computes its graph in "
                "fp32, which is variant 'fp32'"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what matters is raised below
        _bound_memory(MOST_MEMORY)
        options.add_session_config_entry("session.use_env_allocators", "1")
        providers: list[Any] = [(PROVIDERS[self.provider], OPTIONS.get(self.provider, {}))]
        path = bundle.checked_graph(variant)
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # the engine's exceptions have no common base but this
            raise BundleError(f"{path} does not load: {_reason(error)}") from error
        if PROVIDERS[self.provider] not in self._session.get_providers():
            raise ConfigurationError(
                f"provider '{self.provider}' is built into ONNX Runtime but does not start here; "
                f"running: {', '.join(self._session.get_providers())}"
            )
        self.engine = f"onnxruntime {self.provider}"
        check_graph(
            path,
            bundle.spec,
            [_tensor(node) for node in self._session.get_inputs()],
            [_tensor(node) for node in self._session.get_outputs()],
        )
        self._outputs = [bundle.spec.output.name]

    def _run(self, feeds: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        try:
            return self._session.run(self._outputs, dict(feeds))[0]
        except Exception as error:  # likewise
            raise PolicyError(_reason(error)) from error


@cache
def _bound_memory(most: int) -> None:
    """From now on the CPU sessions of this process that say so share one pool of ``most`` bytes."""
    cpu = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    pool = onnxruntime.OrtArenaCfg({"max_mem": most})
    onnxruntime.create_and_register_allocator(cpu, pool)


def _reason(error: Exception) -> str:
    if "Available memory of" in str(error):  # of bfc_arena.cc; it has no type of its own
        return f"the graph needs more than the {MOST_MEMORY / 2**30:.0f} GB of memory it may have"
    return clean(" ".join(str(error).split()), LONGEST_REASON)


def has_cuda() -> bool:
    """Whether this ONNX Runtime can use a GPU of NVIDIA."""
    return PROVIDERS["cuda"] in onnxruntime.get_available_providers()


def choose_provider(wanted: str | None, available: list[str]) -> str:
    """The key of PROVIDERS to run on; ConfigurationError if ``wanted`` is unknown or not there."""
    there = [key for key, name in PROVIDERS.items() if name in available]
    if wanted is None:
        return there[0]
    if wanted not in PROVIDERS:
        raise ConfigurationError(suggest("provider", wanted, PROVIDERS))
    if wanted not in there:
        raise ConfigurationError(
            f"provider '{wanted}' is not in this ONNX Runtime, which has {', '.join(there)}; "
            "the package onnxruntime-gpu has cuda and tensorrt"
        )
    return wanted


def _tensor(node: Any) -> Tensor:
    return Tensor(node.name, tuple(node.shape), _DTYPES.get(node.type, node.type))
