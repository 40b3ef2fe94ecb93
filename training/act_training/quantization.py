"""An int8 variant of a graph, where that is faster and still accurate.

Static quantisation (QDQ format, weights per channel, activations by the range that recorded frames
give). What may be quantised without harm differs between networks, so a few choices are made,
measured on other frames, and the fastest that keeps the accuracy is taken, or none.
"""

from __future__ import annotations

import logging
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
from act_core.policy_spec import PolicySpec
from act_policy.bundle import ParitySample
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from act_training.cli import quiet_libraries
from act_training.onnx_notes import strip_notes

FAST_FILE = "policy_int8.onnx"
CHOICES = (("Conv", "Gemm"), ("Conv", "MatMul", "Gemm"), ("MatMul", "Gemm"), ("Conv",))
LARGEST_ERROR = 0.01  # mean absolute difference, in standard deviations of the action
LEAST_GAIN = 1.1  # a variant that is hardly faster is not worth its error
TOLERANCE_MARGIN = 2.0  # engines and processors round differently
TIMED_RUNS = 30

Feeds = list[dict[str, NDArray[Any]]]
log = logging.getLogger(__name__)


class FastGraph(NamedTuple):
    """A quantised graph and how far it is from the trainer's chunks, in the output's unit."""

    graph: bytes
    tolerance: float


class Error(NamedTuple):
    """How far chunks are from the trainer's."""

    share: float  # mean, in standard deviations of the action, of the worst action
    largest: float  # in the output's unit

    def __str__(self) -> str:
        return (
            f"mean difference {self.share:.2%} of the worst action's standard deviation (allowed "
            f"{LARGEST_ERROR:.0%}), largest {self.largest:.2g}"
        )


def measure_error(
    chunks: NDArray[np.float32], expected: NDArray[np.float32], action_std: NDArray[np.float32]
) -> Error:
    """The error of chunks (N, K, A); action_std (A,) is that of the training data."""
    difference = np.abs(chunks - expected)
    share = (difference / action_std).mean(axis=(0, 1))
    return Error(float(share.max()), float(difference.max()))


class _Measurement(NamedTuple):
    latency_s: float  # shortest on one thread: what others do on this machine does not count
    chunks: NDArray[np.float32]  # (N, K, A)


def make_fast_graph(
    spec: PolicySpec,
    graph: bytes,
    *,
    calibration: ParitySample,
    measured: ParitySample,
    action_std: NDArray[np.float32],
) -> FastGraph | None:
    """Return the fastest accurate int8 graph, or None; what was measured is logged.

    Args:
        spec: names of inputs and output.
        graph: serialised fp32 model.
        calibration: observations that set the ranges.
        measured: other observations, with the trainer's chunks.
        action_std: (A,) of the training data; errors are in shares of it.
    """
    inputs, feeds = _feeds(spec, calibration), _feeds(spec, measured)
    original = _measure(graph, feeds)
    log.info(f"fp32: {original.latency_s * 1e3:.1f} ms on one thread")
    best: FastGraph | None = None
    best_latency_s = original.latency_s / LEAST_GAIN
    for operators in CHOICES:
        candidate = _quantize(graph, inputs, operators)
        found = _measure(candidate, feeds)
        error = measure_error(found.chunks, measured.chunks, action_std)
        log.info(
            f"int8 {'+'.join(operators)}: {found.latency_s * 1e3:.1f} ms; {error} "
            f"{spec.output.unit}"
        )
        if error.share <= LARGEST_ERROR and found.latency_s < best_latency_s:
            best_latency_s = found.latency_s
            best = FastGraph(candidate, TOLERANCE_MARGIN * error.largest)
    if best is None:
        log.info("no int8 graph is both accurate and faster: the bundle has fp32 alone")
    return best


def _feeds(spec: PolicySpec, sample: ParitySample) -> Feeds:
    return [
        {
            spec.joint_input.name: sample.joint_position[i],
            **{name: noise[i] for name, noise in sample.noise.items()},
            **{image.name: sample.images[image.camera][i] for image in spec.image_inputs},
        }
        for i in range(len(sample))
    ]


class _Reader(CalibrationDataReader):
    def __init__(self, feeds: Feeds) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self._feeds, None)


def _quantize(graph: bytes, calibration: Feeds, operators: tuple[str, ...]) -> bytes:
    with tempfile.TemporaryDirectory() as folder, quiet_libraries():
        source, prepared, target = (Path(folder) / f"{name}.onnx" for name in "abc")
        source.write_bytes(graph)
        quant_pre_process(source, prepared, skip_symbolic_shape=True)  # all shapes are fixed
        quantize_static(
            prepared,
            target,
            _Reader(calibration),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(operators),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        model = onnx.load(target)
        strip_notes(model)
        return model.SerializeToString()


def _measure(graph: bytes, feeds: Feeds) -> _Measurement:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    chunks = np.stack([session.run(None, feed)[0] for feed in feeds])
    times = []
    for _ in range(TIMED_RUNS):
        started = time.perf_counter()
        session.run(None, feeds[0])
        times.append(time.perf_counter() - started)
    return _Measurement(min(times), chunks)
