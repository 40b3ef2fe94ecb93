"""``policy.json``: a `PolicySpec` as JSON and back, every key checked."""

from __future__ import annotations

import dataclasses
from typing import Any

from act_core.errors import suggest

from act_policy.policy_spec import (
    ActionOutput,
    BundleError,
    ExecutionSpec,
    ImageInput,
    JointInput,
    ParitySpec,
    PolicySpec,
    StartRange,
    VariantSpec,
    check,
)

SCHEMA = 1


def spec_to_json(spec: PolicySpec) -> dict[str, Any]:
    """The contents of ``policy.json``."""
    joints = spec.joint_input
    start = {}
    if spec.start is not None:
        start["start"] = {"lower": list(spec.start.lower), "upper": list(spec.start.upper)}
    return {
        "schema": SCHEMA,
        "name": spec.name,
        "rate_hz": spec.rate_hz,
        "chunk_size": spec.chunk_size,
        "inputs": [
            {
                "name": joints.name, "kind": "joints", "shape": list(joints.shape),
                "dtype": "float32", "unit": joints.unit, "joints": list(joints.joints),
            },
            *(
                {
                    "name": image.name, "kind": "image", "camera": image.camera,
                    "shape": list(image.shape), "dtype": "uint8", "encoding": image.encoding,
                }
                for image in spec.image_inputs
            ),
        ],
        "output": {
            "name": spec.output.name, "kind": "joints", "shape": list(spec.chunk_shape),
            "dtype": "float32", "unit": spec.output.unit, "joints": list(spec.output.joints),
        },
        "execution": dataclasses.asdict(spec.execution),
        "parity": dataclasses.asdict(spec.parity),
        "variants": {name: dataclasses.asdict(v) for name, v in spec.variants.items()},
        "provenance": dict(spec.provenance),
        **start,
    }  # fmt: skip


def spec_from_json(content: Any) -> PolicySpec:
    """The inverse of `spec_to_json`; raises BundleError with the path of the wrong value."""
    top = _Section("policy.json", content)
    schema = top.take("schema", int)
    check(schema == SCHEMA, f"policy.json: schema is {schema}, this runtime reads {SCHEMA}")
    name, rate_hz = top.take("name", str), float(top.take("rate_hz", (int, float)))
    chunk_size = top.take("chunk_size", int)
    joint_inputs: list[JointInput] = []
    image_inputs: list[ImageInput] = []
    for index, entry in enumerate(top.take("inputs", list)):
        parsed = _read_input(_Section(f"inputs[{index}]", entry))
        if isinstance(parsed, JointInput):
            joint_inputs.append(parsed)
        else:
            image_inputs.append(parsed)
    check(len(joint_inputs) == 1, f"inputs: {len(joint_inputs)} of kind 'joints', expected one")
    start = top.take("start", dict, None)
    output = _Section("output", top.take("output", dict))
    action = _read_output(output, chunk_size)
    spec = PolicySpec(
        name,
        rate_hz,
        chunk_size,
        joint_inputs[0],
        tuple(image_inputs),
        action,
        execution=_read_flat("execution", top.take("execution", dict, {}), ExecutionSpec),
        parity=_read_flat("parity", top.take("parity", dict), ParitySpec),
        variants={
            key: _read_flat(f"variants.{key}", value, VariantSpec)
            for key, value in top.take("variants", dict, {}).items()
        },
        provenance=top.take("provenance", dict, {}),
        start=None if start is None else _read_flat("start", start, StartRange),
    )
    top.finish()
    return spec


def _read_input(section: _Section) -> JointInput | ImageInput:
    kind = section.take("kind", str)
    if kind not in ("joints", "image"):
        raise BundleError(f"{section.path}: " + suggest("kind of input", kind, ["joints", "image"]))
    shape = tuple(section.take("shape", list))
    if kind == "joints":
        section.expect("dtype", "float32")
        joints = JointInput(
            section.take("name", str), tuple(section.take("joints", list)),
            section.take("unit", str),
        )  # fmt: skip
        section.finish()
        check(
            shape == joints.shape,
            f"{section.path}.shape is {shape}, expected {joints.shape}: "
            "one value for each of its joints",
        )
        return joints
    section.expect("dtype", "uint8")
    whole = all(isinstance(size, int) for size in shape)
    check(
        whole and len(shape) == 3 and shape[2] == 3,
        f"{section.path}.shape is {shape}, expected (height, width, 3)",
    )
    image = ImageInput(
        section.take("name", str), section.take("camera", str), shape[0], shape[1],
        section.take("encoding", str),
    )  # fmt: skip
    section.finish()
    return image


def _read_output(section: _Section, chunk_size: int) -> ActionOutput:
    section.expect("kind", "joints")
    section.expect("dtype", "float32")
    shape = tuple(section.take("shape", list))
    output = ActionOutput(
        section.take("name", str), tuple(section.take("joints", list)), section.take("unit", str)
    )
    section.finish()
    expected = (chunk_size, len(output.joints))
    check(
        shape == expected,
        f"output.shape is {shape}, expected {expected}: "
        "chunk_size rows of one value for each joint",
    )
    return output


def _read_flat(path: str, content: Any, kind: type[Any]) -> Any:
    """A dataclass of plain values from a JSON object with the same keys."""
    known = {f.name for f in dataclasses.fields(kind)}
    for key in _Section(path, content).content:
        if key not in known:
            raise BundleError(f"{path}: " + suggest("key", key, known))
    try:
        return kind(**content)
    except TypeError as error:
        raise BundleError(f"{path}: {error}; its keys are {', '.join(sorted(known))}") from error


class _Section:
    """A JSON object whose keys are taken one by one, so that a misspelt one is found."""

    def __init__(self, path: str, content: Any) -> None:
        check(isinstance(content, dict), f"{path} is {type(content).__name__}, expected an object")
        self.path = path
        self.content: dict[str, Any] = content
        self._taken: set[str] = set()

    def take(self, key: str, kind: Any, *default: Any) -> Any:
        self._taken.add(key)
        if key not in self.content:
            if default:
                return default[0]
            raise BundleError(f"{self.path}: key '{key}' is missing; it has "
                              f"{', '.join(self.content) or 'none'}")  # fmt: skip
        value = self.content[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            wanted = kind if isinstance(kind, type) else kind[-1]
            raise BundleError(f"{self.path}.{key} is {value!r}, expected a {wanted.__name__}")
        return value

    def expect(self, key: str, expected: str) -> None:
        value = self.take(key, str)
        check(value == expected, f"{self.path}.{key} is '{value}', expected '{expected}'")

    def finish(self) -> None:
        for key in self.content:
            if key not in self._taken:
                raise BundleError(f"{self.path}: " + suggest("key", key, self._taken))
