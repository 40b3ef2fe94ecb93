"""How chunks become commands: one module for each execution mode, found by name.

A mode of one's own is a class in any file; ``mode:=/path/to/ease.py:Ease`` uses it, in the node's
parameters, in the launch files, with `act-evaluate`, with `act-export` and in ``policy.json``::

    class Ease:
        @dataclass(frozen=True)
        class Options:                          # its parameters; may be empty
            share: float = parameter(0.5, "of the newest chunk", low=0.0, high=1.0)

        plays_s = 0.0                           # above 0: a chunk is played for so long

        def __init__(self, options, spec): ...  # spec: PolicySpec of the policy
        @staticmethod
        def text(options): ...                  # for people, e.g. "ease, 0.5 of the newest"
        ...                                     # and the methods of a `Plan`

`act_policy.plan_follower.Plan` says what each method means (most modes inherit them from
`ChunkBuffer` or `TemporalEnsemble`), `act_core.door` where names are looked for.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

from act_core.door import Door
from act_core.parameters import from_values
from act_core.policy_spec import ExecutionSpec, PolicySpec

from act_policy.plan_follower import Plan

METHODS = ("clear", "add", "expire", "wants_inference", "target", "top_speed", "text")
PROPERTIES = ("live", "newest", "plays_s")
FLAT = ("m", "open_loop_rows")  # options that stand beside the mode in policy.json, not in it


class Mode(Plan, Protocol):
    """A plan that was made for an execution."""

    plays_s: float
    """So long a chunk is played before the next is asked for; 0: every observation is inferred."""


def _problem(mode: Any) -> str | None:
    if not isinstance(mode, type):
        return "is no class"
    missing = [f"{name}()" for name in METHODS if not callable(getattr(mode, name, None))]
    missing += [name for name in PROPERTIES if not hasattr(mode, name)]
    if missing:
        return f"lacks {', '.join(missing)}"
    options = getattr(mode, "Options", None)
    if not (isinstance(options, type) and dataclasses.is_dataclass(options)):
        return "lacks Options, a frozen dataclass with the parameters of its own"
    return None


MODES: Door[type[Any]] = Door(
    "execution mode", __name__, _problem, "see act_policy.modes for what it needs"
)
execution_mode = MODES.register


def make_mode(execution: ExecutionSpec, spec: PolicySpec) -> Mode:
    """The plan of a policy that is executed so.

    Raises ConfigurationError for a mode that is not there and for options that it does not have.
    """
    mode = MODES.find(execution.mode)
    return mode(_options(mode, execution), spec)


def text_of(execution: ExecutionSpec) -> str:
    """How chunks become commands, for people; raises as `make_mode` does."""
    mode = MODES.find(execution.mode)
    return str(mode.text(_options(mode, execution)))


def option_names(mode: str) -> list[str]:
    """The options of a mode that policy.json keeps under ``options``."""
    return [f.name for f in dataclasses.fields(MODES.find(mode).Options) if f.name not in FLAT]


def _options(mode: type[Any], execution: ExecutionSpec) -> Any:
    own = {field.name for field in dataclasses.fields(mode.Options)}
    flat = {name: getattr(execution, name) for name in FLAT if name in own}
    given = {name: value for name, value in flat.items() if value is not None}
    return from_values(mode.Options, {**given, **execution.options})
