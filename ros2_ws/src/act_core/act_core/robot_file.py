"""Robots from YAML files, with limits from a URDF where the file names one.

    name: my_arm
    urdf: my_arm.urdf            # beside this file; gives the limits that are not written here
    acceleration_rad_s2: 20.0    # of joints that do not say their own; a URDF knows none
    joints:
      - {name: joint_1, lower_rad: -2.9, upper_rad: 2.9, max_velocity_rad_s: 2.0}
      - {name: joint_2}
      - {name: finger, is_gripper: true}
    poses:
      home: [0.0, 0.5, 0.0]

Units are radians and seconds; of a joint that slides, metres. A file is written by a person: an
unknown key, a missing limit and a number that is not finite are refused by name.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from act_core.errors import ConfigurationError, suggest
from act_core.robot import Joint, Robot, ServoJoint
from act_core.yaml_file import read_yaml

MOST_BYTES = 10_000_000  # of a YAML or URDF file; meshes are not in it
TOP_KEYS = ("name", "urdf", "acceleration_rad_s2", "joints", "poses")
JOINT_KEYS = tuple(field.name for field in dataclasses.fields(ServoJoint))


def read_robot(file: Path) -> Robot:
    """The robot that a YAML file describes; ConfigurationError names the file and what is wrong."""
    content = _read_yaml(file)
    try:
        _check_keys("key", content, TOP_KEYS)
        urdf, urdf_file = {}, None
        if "urdf" in content:
            urdf_file = file.parent / str(content["urdf"])
            urdf = read_urdf_limits(urdf_file)
        acceleration = {}
        if "acceleration_rad_s2" in content:
            acceleration["max_acceleration_rad_s2"] = content["acceleration_rad_s2"]
        entries = _list(content.get("joints"), "joints")
        joints = tuple(_joint(entry, urdf, acceleration) for entry in entries)
        poses = content.get("poses") or {}
        if not isinstance(poses, Mapping):
            raise ConfigurationError("poses: expected names with a list of numbers each")
        return Robot(
            str(content.get("name", file.stem)),
            joints,
            {str(name): _pose(pose, f"pose {name}") for name, pose in poses.items()},
            urdf_file,
        )
    except ConfigurationError as error:
        raise ConfigurationError(f"robot file '{file}': {error}") from error


def read_urdf_limits(file: Path) -> dict[str, dict[str, float]]:
    """Of each joint that moves: ``lower_rad``, ``upper_rad`` and, where it is told,
    ``max_velocity_rad_s``.

    A continuous joint gets half a turn to each side. Raises ConfigurationError for what is no URDF.
    """
    text = _text(file)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ConfigurationError(f"'{file}': a URDF has no document type and no entities")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ConfigurationError(f"'{file}' is not XML: {error}") from error
    if root.tag != "robot":
        raise ConfigurationError(
            f"'{file}': the first tag is <{root.tag}>, expected <robot>; a xacro file becomes a "
            "URDF with: xacro FILE > my_arm.urdf"
        )
    limits: dict[str, dict[str, float]] = {}
    for joint in root.findall("joint"):
        kind, name = joint.get("type", ""), joint.get("name", "")
        limit = joint.find("limit")
        if kind not in ("revolute", "prismatic", "continuous"):
            continue
        told = {} if limit is None else limit.attrib
        found: dict[str, float] = {}
        if kind == "continuous":
            found = {"lower_rad": -math.pi, "upper_rad": math.pi}
        else:  # where <limit> leaves one out, the standard says 0
            for key in ("lower", "upper"):
                found[f"{key}_rad"] = _number(told.get(key, "0"), f"{name}: {key}")
        if "velocity" in told:
            found["max_velocity_rad_s"] = _number(told["velocity"], f"{name}: velocity")
        limits[name] = found
    return limits


def description_of(file: Path) -> str:
    """A URDF for others to read: meshes that lie beside the file get their whole address."""
    folder = file.parent.absolute()

    def whole(match: re.Match[str]) -> str:
        mesh = folder / match.group(2)
        return f"{match.group(1)}{mesh.as_uri()}" if mesh.is_file() else match.group(0)

    return re.sub(r'(filename=")([^":]+)(?=")', whole, _text(file))


def _joint(
    entry: Any, urdf: Mapping[str, Mapping[str, float]], defaults: Mapping[str, Any]
) -> Joint:
    if not isinstance(entry, Mapping) or "name" not in entry:
        raise ConfigurationError(f"a joint is {entry!r:.60}, expected at least {{name: ...}}")
    name = str(entry["name"])
    _check_keys(f"key of joint {name}", entry, JOINT_KEYS)
    if urdf and name not in urdf and not {"lower_rad", "upper_rad"} <= set(entry):
        raise ConfigurationError(suggest("joint of the URDF", name, urdf))
    values = {**defaults, **urdf.get(name, {}), **entry, "name": name}
    missing = [key for key in ("lower_rad", "upper_rad") if key not in values]
    if missing:
        raise ConfigurationError(
            f"joint {name}: {' and '.join(missing)} missing; write them, or name a urdf"
        )
    for field in dataclasses.fields(Joint):
        if field.name.endswith(("_rad", "_rad_s", "_rad_s2")) and field.name in values:
            values[field.name] = _number(values[field.name], f"joint {name}: {field.name}")
    if not isinstance(values.get("is_gripper", False), bool):
        raise ConfigurationError(f"joint {name}: is_gripper is true or false")
    values["side"] = str(values.get("side", ""))
    if "servo_id" not in values:
        return Joint(**values)
    if type(values["servo_id"]) is not int:
        raise ConfigurationError(f"joint {name}: servo_id is a whole number")
    return ServoJoint(**values)


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        content = read_yaml(file, MOST_BYTES)
    except ConfigurationError as error:
        raise ConfigurationError(f"robot file '{file}' {error}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"robot file '{file}': expected the keys {', '.join(TOP_KEYS)}")
    return content


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ConfigurationError(f"'{file}' has more than {MOST_BYTES} bytes")
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"'{file}' cannot be read: {error}") from error


def _check_keys(kind: str, content: Mapping[Any, Any], known: tuple[str, ...]) -> None:
    for key in content:
        if key not in known:
            raise ConfigurationError(suggest(kind, str(key), known))


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ConfigurationError(f"{what}: expected a list, got {value!r:.60}")
    return value


def _pose(value: Any, what: str) -> NDArray[np.float64]:
    return np.array([_number(number, what) for number in _list(value, what)])


def _number(value: Any, what: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise ConfigurationError(f"{what} is {value!r:.40}, expected a finite number")
    return number
