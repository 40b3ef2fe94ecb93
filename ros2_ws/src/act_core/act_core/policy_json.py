"""``policy.json``: a `PolicySpec` as JSON and back, every key checked.

The only reader of that file: of the policy node, the launch files, ``move_node`` and training.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from reprlib import Repr
from typing import Any

from act_core.errors import ConfigurationError, suggest
from act_core.foreign_file import (
    POINTER,
    POINTER_REMEDY,
    expanded,
    parse_json,
    read_text,
    shown_path,
)
from act_core.foreign_text import clean, clean_list
from act_core.policy_spec import (
    LARGEST,
    MAX_NAME_LENGTH,
    MAX_OBS_STEPS,
    MAX_ROWS,
    PIXELS,
    ActionOutput,
    BundleError,
    ExecutionSpec,
    ImageInput,
    JointInput,
    NoiseInput,
    ParitySpec,
    PolicySpec,
    StartRange,
    VariantSpec,
    check,
    check_number,
    check_whole,
)

SPEC_FILE = "policy.json"
SCHEMA = 1
MAX_FILE_BYTES = 4_000_000  # a real one has some thousands

_shown = Repr()
_shown.maxstring = _shown.maxother = _shown.maxlong = 80


def read_spec(folder: str | Path) -> PolicySpec:
    """The spec of the bundle in ``folder``; its other files are not looked at.

    Raises BundleError for a folder without ``policy.json`` and for a wrong value in it, with what
    was expected and what exists.
    """
    folder = bundle_folder(folder)
    path = folder / SPEC_FILE
    if not is_there(path):
        raise BundleError(f"no {SPEC_FILE} in {shown_path(folder)}: {contents(folder)}")
    try:
        content = parse_json(read_text(path, MAX_FILE_BYTES))
    except ConfigurationError as error:
        raise BundleError(f"{shown_path(path)} {error}") from error
    try:
        return spec_from_json(content)
    except BundleError as error:
        raise BundleError(f"{path}: {str(error).removeprefix('policy.json: ')}") from None


def bundle_folder(folder: str | Path) -> Path:
    """The path with ``~`` resolved; BundleError for the home of somebody who is not known."""
    try:
        path = expanded(folder)
        path.exists()
    except ConfigurationError as error:
        raise BundleError(str(error)) from error
    except OSError as error:
        shown = clean(folder)
        raise BundleError(f"'{shown}' is no folder of a policy: {error.strerror}") from error
    return path


def check_is_content(path: Path, head: bytes) -> None:
    """Raises BundleError for a file of a bundle whose first bytes are not the file itself."""
    check(not head.startswith(POINTER), f"{shown_path(path)} {POINTER_REMEDY}")


def is_there(path: Path) -> bool:
    """Whether something of that name stands in its folder, a link that leads nowhere included."""
    try:
        return path.is_symlink() or path.exists()
    except OSError:
        return False


def contents(folder: Path) -> str:
    """What is there in place of a file that is not; no more than a line of it."""
    if folder.is_file():
        return "it is a file, expected the bundle's folder (an archive has to be unpacked first)"
    if not folder.is_dir():
        return "no such folder"
    return f"the folder has {clean_list(sorted(path.name for path in folder.iterdir()))}"


def spec_to_json(spec: PolicySpec) -> dict[str, Any]:
    """The contents of ``policy.json``."""
    rest: dict[str, Any] = {}
    if spec.n_obs_steps != 1:
        rest["n_obs_steps"] = spec.n_obs_steps
    if spec.start is not None:
        rest["start"] = {"lower": list(spec.start.lower), "upper": list(spec.start.upper)}
    return {
        "schema": SCHEMA,
        "name": spec.name,
        "rate_hz": spec.rate_hz,
        "chunk_size": spec.chunk_size,
        "inputs": [
            *(
                {
                    "name": joints.name, "kind": kind, "shape": list(spec.with_steps(joints.shape)),
                    "dtype": "float32", "unit": joints.unit, "joints": list(joints.joints),
                }
                for kind, joints in zip(JOINT_KINDS, spec.joint_inputs, strict=False)
            ),
            *(
                {
                    "name": image.name, "kind": "image", "camera": image.camera,
                    "shape": list(spec.with_steps(image.shape)), "dtype": image.dtype,
                    "encoding": image.encoding,
                }
                for image in spec.image_inputs
            ),
            *(
                {
                    "name": noise.name, "kind": "noise", "shape": list(noise.shape),
                    "dtype": "float32",
                }
                for noise in spec.noise_inputs
            ),
        ],
        "output": {
            "name": spec.output.name, "kind": "joints", "shape": list(spec.chunk_shape),
            "dtype": "float32", "unit": spec.output.unit, "joints": list(spec.output.joints),
        },
        "execution": _execution_to_json(spec.execution),
        "parity": dataclasses.asdict(spec.parity),
        "variants": {name: dataclasses.asdict(v) for name, v in spec.variants.items()},
        "provenance": dict(spec.provenance),
        **rest,
    }  # fmt: skip


def _execution_to_json(execution: ExecutionSpec) -> dict[str, Any]:
    content = dataclasses.asdict(execution)
    if not content["options"]:
        del content["options"]
    return content


def spec_from_json(content: Any) -> PolicySpec:
    """The inverse of `spec_to_json`; raises BundleError with the path of the wrong value."""
    top = _Section("policy.json", content)
    schema = top.take("schema", int)
    check(schema == SCHEMA, f"policy.json: schema is {schema}, this runtime reads {SCHEMA}")
    name, rate_hz = top.take("name", str), top.take("rate_hz", (int, float))
    check_number("rate_hz", rate_hz, "above 0", -LARGEST, LARGEST)
    chunk_size = top.take("chunk_size", int)
    check_whole("chunk_size", chunk_size, MAX_ROWS)
    steps = top.take("n_obs_steps", int, 1)
    check_whole("n_obs_steps", steps, MAX_OBS_STEPS)
    parsed = [
        _read_input(_Section(f"inputs[{index}]", entry), steps)
        for index, entry in enumerate(top.take("inputs", list))
    ]
    joint_inputs = [each for kind, each in parsed if kind == "joints"]
    check(len(joint_inputs) == 1, f"inputs: {len(joint_inputs)} of kind 'joints', expected one")
    velocities = [each for kind, each in parsed if kind == "joint_velocities"]
    check(
        len(velocities) <= 1,
        f"inputs: {len(velocities)} of kind 'joint_velocities', expected at most one",
    )
    start = top.take("start", dict, None)
    output = _Section("output", top.take("output", dict))
    action = _read_output(output, chunk_size)
    spec = PolicySpec(
        name,
        float(rate_hz),
        chunk_size,
        joint_inputs[0],
        tuple(each for _, each in parsed if isinstance(each, ImageInput)),
        action,
        execution=_read_flat("execution", top.take("execution", dict, {}), ExecutionSpec),
        parity=_read_flat("parity", top.take("parity", dict), ParitySpec),
        variants={
            key: _read_flat(f"variants.{key}", value, VariantSpec)
            for key, value in top.take("variants", dict, {}).items()
        },
        provenance=top.take("provenance", dict, {}),
        start=None if start is None else _read_flat("start", start, StartRange),
        n_obs_steps=steps,
        noise_inputs=tuple(each for _, each in parsed if isinstance(each, NoiseInput)),
        velocity_input=velocities[0] if velocities else None,
    )
    top.finish()
    return spec


JOINT_KINDS = ("joints", "joint_velocities")
KINDS = (*JOINT_KINDS, "image", "noise")


def _read_input(section: _Section, steps: int) -> tuple[str, Any]:
    """Its kind, and a JointInput, ImageInput or NoiseInput; those of an observation have a leading
    axis where there are several steps."""
    kind = section.take("kind", str)
    if kind not in KINDS:
        raise BundleError(f"{section.path}: " + suggest("kind of input", kind, KINDS))
    shape = section.shape()
    if kind == "noise":
        section.expect("dtype", "float32")
        noise = NoiseInput(section.take("name", str), shape)
        section.finish()
        return kind, noise
    if steps != 1:
        check(
            shape[:1] == (steps,),
            f"{section.path}.shape is {shape}, expected {steps} first: n_obs_steps",
        )
        shape = shape[1:]
    if kind in JOINT_KINDS:
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
        return kind, joints
    encoding = section.take("encoding", str)
    if encoding not in PIXELS:
        raise BundleError(f"{section.path}: " + suggest("encoding", encoding, PIXELS))
    pixels = PIXELS[encoding]
    section.expect("dtype", pixels.dtype)
    check(
        len(shape) == 3 and shape[2] == pixels.channels,
        f"{section.path}.shape is {shape}, expected (height, width, {pixels.channels})",
    )
    image = ImageInput(
        section.take("name", str), section.take("camera", str), shape[0], shape[1], encoding
    )
    section.finish()
    return kind, image


def _read_output(section: _Section, chunk_size: int) -> ActionOutput:
    section.expect("kind", "joints")
    section.expect("dtype", "float32")
    shape = section.shape()
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
    fields = dataclasses.fields(kind)
    content = _Section(path, content).content
    _refuse_unknown(path, content, [field.name for field in fields])
    needed = [field.name for field in fields
              if field.default is field.default_factory is dataclasses.MISSING]  # fmt: skip
    missing = [name for name in needed if name not in content]
    check(not missing, f"{path}: {' and '.join(missing)} missing; it needs {', '.join(needed)}")
    return kind(**content)


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
            shown = _shown.repr(value)
            raise BundleError(f"{self.path}.{key} is {shown}, expected a {wanted.__name__}")
        check(
            not isinstance(value, int) or abs(value) < 2**63,
            f"{self.path}.{key} is {_shown.repr(value)}, expected fewer digits",
        )
        check(
            not isinstance(value, str) or (value.isprintable() and len(value) <= MAX_NAME_LENGTH),
            f"{self.path}.{key} is {_shown.repr(value)}, expected printable text of at most "
            f"{MAX_NAME_LENGTH} characters",
        )
        return value

    def shape(self) -> tuple[int, ...]:
        """The whole numbers under the key ``shape``."""
        sizes = self.take("shape", list)
        check(
            len(sizes) <= 4 and all(type(size) is int and abs(size) < 2**63 for size in sizes),
            f"{self.path}.shape is {_shown.repr(tuple(sizes))}, expected whole numbers",
        )
        return tuple(sizes)

    def expect(self, key: str, expected: str) -> None:
        value = self.take(key, str)
        check(value == expected, f"{self.path}.{key} is '{value}', expected '{expected}'")

    def finish(self) -> None:
        _refuse_unknown(self.path, self.content, self._taken)


def _refuse_unknown(path: str, keys: Iterable[str], known: Iterable[str]) -> None:
    for key in keys:
        if key not in known:
            plain = key if key.isprintable() else ascii(key)
            raise BundleError(f"{path}: " + suggest("key", plain[:MAX_NAME_LENGTH], known))
