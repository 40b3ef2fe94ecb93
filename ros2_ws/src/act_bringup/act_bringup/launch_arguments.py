"""What the launch files share: their arguments, and what becomes of the values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration

Argument = tuple[str, str, str]  # name, default, description

IMAGE_ARGUMENTS: tuple[Argument, ...] = (
    ("width", "640", "of the images; a policy shrinks them to what it was trained on"),
    ("height", "480", "of the images"),
    ("camera_rate_hz", "30.0", "frames a second"),
)
EXECUTION_ARGUMENTS: tuple[Argument, ...] = (
    ("mode", "bundle", "of the policy: ensemble, newest, open_loop; bundle: as it says itself"),
    ("control_rate_hz", "100", "commands a second of the policy node, 1 to 500"),
    ("engine", "auto", "what computes: auto, cpu, cuda, tensorrt, openvino_fp32, openvino_bf16"),
    ("variant", "auto", "which graph of the bundle: auto, fp32, bf16 or fast, as far as it has it"),
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
