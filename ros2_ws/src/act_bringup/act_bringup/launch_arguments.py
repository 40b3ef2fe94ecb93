"""What the launch files share: their arguments, and what becomes of the values."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from act_camera.camera_parameters import CameraParameters
from act_policy.policy_parameters import PolicyParameters
from launch import LaunchContext
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration

Argument = tuple[str, str, str]  # name, default, description


def arguments_of(parameters: type, *names: str, **renamed: str) -> tuple[Argument, ...]:
    """Arguments that are parameters of a node: default, description and range are told there.

    names: of parameters that are arguments of the same name.
    renamed: name of the argument -> that of the parameter.
    """
    fields = {field.name: field for field in dataclasses.fields(parameters)}
    wanted = {**dict(zip(names, names, strict=True)), **renamed}
    return tuple(
        (argument, _text(fields[name].default), _description(fields[name].metadata))
        for argument, name in wanted.items()
    )


def changed(argument: Argument, default: str, more: str = "") -> Argument:
    """The argument with another default, and words on it after the description."""
    name, _, description = argument
    return name, default, f"{description}; {more}" if more else description


def _text(default: Any) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def _description(metadata: Mapping[str, Any]) -> str:
    low, high = metadata["low"], metadata["high"]
    text = str(metadata["description"])
    if any(choice not in text for choice in metadata["choices"]):
        return f"{text}: {', '.join(metadata['choices'])}"
    if low is not None and high is not None:
        return f"{text}; {low:g} to {high:g}"
    return text if low is None else f"{text}; at least {low:g}"


IMAGE_ARGUMENTS = arguments_of(CameraParameters, "width", "height", camera_rate_hz="rate_hz")
EXECUTION_ARGUMENTS = arguments_of(
    PolicyParameters, "mode", "control_rate_hz", "engine", "variant", "role"
)


def declare(arguments: Sequence[Argument]) -> list[DeclareLaunchArgument]:
    """Arguments as a launch file announces them."""
    return [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, default, description in arguments
    ]


def as_parameters(context: LaunchContext, arguments: Sequence[Argument]) -> dict[str, Any]:
    """Arguments to be handed on to a node as they are. What is text by default stays text: an arm
    or a folder may well be called 7."""
    texts = {name: LaunchConfiguration(name).perform(context) for name, _, _ in arguments}
    return {
        name: texts[name] if isinstance(as_yaml(default), str) else as_yaml(texts[name])
        for name, default, _ in arguments
    }


def execution_parameters(value: Callable[[str], str]) -> dict[str, Any]:
    """Those of `EXECUTION_ARGUMENTS` for a policy node; ``value`` gives that of an argument."""
    texts = {name: value(name) for name, _, _ in EXECUTION_ARGUMENTS}
    return {**texts, "control_rate_hz": float(texts["control_rate_hz"])}


def as_yaml(text: str) -> bool | int | float | str:
    """The value that a parameter file would give for ``text``."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
