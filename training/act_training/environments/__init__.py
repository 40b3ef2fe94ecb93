"""Simulated tasks by name: "metaworld/shelf-place-v3", "so101/pick_place", "gym/module:Name-v0"."""

from __future__ import annotations

from typing import Any

from act_core.errors import ConfigurationError, suggest

from act_training.environments.environment import Environment

FAMILIES = ("gym", "metaworld", "so101")
OF_SO101 = frozenset({"level", "rate_hz", "look", "arm_parameters", "camera_alignment", "mirrored"})


def is_simulated(name: str) -> bool:
    """Whether `name` is of a simulated family, as in "family/task"; the task is not looked for."""
    return name.partition("/")[0] in FAMILIES


def open_environment(name: str, **options: Any) -> Environment:
    """Return the environment `name`, "family/task"; ConfigurationError for an unknown one.

    Args:
        name: e.g. "metaworld/shelf-place-v3".
        options: `cameras`, `height`, `width`; for so101 also `level`, `rate_hz`, `look`,
            `arm_parameters`, `camera_alignment` and `mirrored`. The family's defaults where they
            are left out.
    """
    family, _, task = name.partition("/")
    foreign = sorted(options.keys() & OF_SO101) if family in ("gym", "metaworld") else []
    if foreign:
        raise ConfigurationError(
            f"{name} has neither randomization levels nor another rate than its own: "
            f"{', '.join(foreign)} is of so101 only"
        )
    if family == "gym":
        from act_training.environments.gymnasium_env import GymnasiumEnvironment

        return GymnasiumEnvironment(task, **options)
    if family == "metaworld":
        from act_training.environments.metaworld import MetaWorld  # heavy, and not always installed

        return MetaWorld(task, **options)
    if family == "so101":
        from act_training.environments.so101 import So101

        return So101(task, **options)
    raise ConfigurationError(
        suggest("environment family", family, FAMILIES) + " (as in family/task)"
    )
