"""An execution by its words: `replan,replan_rows=15`."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from act_core.errors import ConfigurationError
from act_core.policy_spec import ExecutionSpec, PolicySpec
from act_policy.modes import FLAT, make_mode


def execution_of(
    mode: str,
    spec: PolicySpec,
    m: float | None = None,
    rows: int | None = None,
    jump: float | None = None,
) -> ExecutionSpec:
    """The execution that is asked for, e.g. "replan,replan_rows=15"; the rest is the policy's.

    Raises ConfigurationError for a mode or an option that is not there.
    """
    name, *given = mode.split(",")
    own = spec.execution
    values = dict(_option(mode, each) for each in given)
    flat = {key: values.pop(key) for key in FLAT if key in values}
    kept = dict(own.options) if name == own.mode else {}  # they are of the mode that it has
    changes: dict[str, Any] = {"mode": name, "options": {**kept, **values}}
    if name != "open_loop":
        changes["open_loop_rows"] = None
    elif rows is not None:
        changes["open_loop_rows"] = rows
    if m is not None:
        changes["m"] = m
    if jump is not None:
        changes["max_jump"] = jump or None
    execution = dataclasses.replace(own, **changes, **flat)
    make_mode(execution, spec)  # raises for one that is not there
    return execution


def _option(mode: str, text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigurationError(
            f"--mode {mode}: '{text}' is no option, expected e.g. replan,replan_rows=15"
        )
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value
