"""Policies for tests: tiny ONNX graphs with known answers, and functions in their place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from act_core.policy_spec import (
    ActionOutput,
    ImageInput,
    JointInput,
    PolicySpec,
    VariantSpec,
)
from act_policy.bundle import Bundle, ParitySample, write_bundle
from act_policy.chunk import Chunk
from act_policy.observation import Observation
from act_policy.policy import Inference
from onnx import TensorProto, helper, numpy_helper

JOINTS = ("left", "right")
K, H, W = 4, 6, 8


def make_spec(**changes) -> PolicySpec:
    """Two joints, one camera 'front' of 8 x 6 pixels, chunks of 4 rows at 10 Hz."""
    values = {
        "name": "toy",
        "rate_hz": 10.0,
        "chunk_size": K,
        "joint_input": JointInput("joint_position", JOINTS),
        "image_inputs": (ImageInput("image_front", "front", H, W),),
        "output": ActionOutput("action", JOINTS),
        **changes,
    }
    return PolicySpec(**values)


def chunk_rows(spec: PolicySpec, joint_position, image_mean: float = 0.0) -> np.ndarray:
    """What `make_graph` computes: row i is the joints + 0.1 i + mean of the first camera / 255."""
    ramp = 0.1 * np.arange(spec.chunk_size)[:, None]
    return np.asarray(joint_position, np.float64)[None, :] + ramp + image_mean / 255


def make_graph(spec: PolicySpec, error: float = 0.0, nan_above: float | None = None) -> bytes:
    """Serialised ONNX of `chunk_rows`.

    ``error`` is added to every value; where ``nan_above`` is given, a first joint above it makes
    the whole chunk NaN (through the logarithm of a negative number).
    """
    count = len(spec.output.joints)
    ramp = (0.1 * np.arange(spec.chunk_size)[:, None] + error).astype(np.float32)
    ramp = np.repeat(ramp, count, axis=1)
    nodes, constants = [], [numpy_helper.from_array(ramp, "ramp")]
    joints = spec.joint_input.name
    last = joints
    if spec.image_inputs:
        image = spec.image_inputs[0].name
        constants.append(numpy_helper.from_array(np.float32(255), "full"))
        nodes += [
            helper.make_node("Cast", [image], ["float_image"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["float_image"], ["mean"], keepdims=0),
            helper.make_node("Div", ["mean", "full"], ["bright"]),
            helper.make_node("Add", [last, "bright"], ["seen"]),
        ]
        last = "seen"
    if nan_above is not None:
        constants += [
            numpy_helper.from_array(np.int64(0), "first"),
            numpy_helper.from_array(np.float32(nan_above), "limit"),
            numpy_helper.from_array(np.float32(0), "zero"),
        ]
        nodes += [
            helper.make_node("Gather", [joints, "first"], ["first_joint"]),
            helper.make_node("Sub", ["limit", "first_joint"], ["room"]),
            helper.make_node("Sqrt", ["room"], ["root"]),
            helper.make_node("Mul", ["root", "zero"], ["nothing_or_nan"]),
            helper.make_node("Add", [last, "nothing_or_nan"], ["checked"]),
        ]
        last = "checked"
    nodes.append(helper.make_node("Add", [last, "ramp"], [spec.output.name]))
    inputs = [helper.make_tensor_value_info(joints, TensorProto.FLOAT, spec.joint_input.shape)]
    inputs += [
        helper.make_tensor_value_info(i.name, TensorProto.UINT8, i.shape) for i in spec.image_inputs
    ]
    output = helper.make_tensor_value_info(spec.output.name, TensorProto.FLOAT, spec.chunk_shape)
    graph = helper.make_graph(nodes, spec.name, inputs, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def make_sample(spec: PolicySpec, count: int = 2) -> ParitySample:
    """Recorded observations with the chunks that `chunk_rows` gives for them."""
    random = np.random.default_rng(7)
    joints = random.uniform(-1, 1, (count, *spec.joint_input.shape)).astype(np.float32)
    images = {
        i.camera: random.integers(0, 256, (count, *i.shape), dtype=np.uint8)
        for i in spec.image_inputs
    }
    first = images[spec.cameras[0]] if spec.image_inputs else np.zeros((count, 1))
    chunks = [chunk_rows(spec, joints[n], first[n].mean()) for n in range(count)]
    return ParitySample(joints, images, np.array(chunks, dtype=np.float32))


def make_bundle(
    folder, *, fast_error: float | None = None, bf16: bool = False, nan_above=None, **changes
) -> Bundle:
    """A complete bundle; ``fast_error`` adds a variant 'fast' that is off by so much, ``bf16`` one
    of that name."""
    variants = {}
    if fast_error is not None:
        variants["fast"] = VariantSpec("policy_int8.onnx", 0.01)
    if bf16:
        variants["bf16"] = VariantSpec("policy.onnx", 0.02)
    spec = make_spec(variants=variants, **changes)
    graphs = {"fp32": make_graph(spec, nan_above=nan_above)}
    if fast_error is not None:
        graphs["fast"] = make_graph(spec, fast_error)
    if bf16:
        graphs["bf16"] = graphs["fp32"]
    return write_bundle(folder, spec, graphs, make_sample(spec))


class FunctionPolicy:
    """A policy that computes its rows with a Python function of the observation."""

    def __init__(self, spec: PolicySpec, rows: Callable[[Observation], np.ndarray]) -> None:
        self.spec = spec
        self._rows = rows
        self.seen: list[int] = []  # stamps of the observations, in order

    def infer(self, observation: Observation) -> Inference:
        self.seen.append(observation.stamp_ns)
        rows = self._rows(observation)
        return Inference(Chunk(observation.stamp_ns, self.spec.rate_hz, rows), 0.0)


def observation_at(stamp_ns: int, joint_position=(0.0, 0.0)) -> Observation:
    """An observation of two joints and a black image."""
    return Observation(
        stamp_ns,
        np.asarray(joint_position, dtype=np.float32),
        {"front": np.zeros((H, W, 3), dtype=np.uint8)},
    )
