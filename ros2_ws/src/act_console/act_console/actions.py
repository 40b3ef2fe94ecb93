"""What a page may ask the robot for: names, services and what else is needed. Nothing else is."""

from __future__ import annotations

from typing import Any, NamedTuple

from act_core import topics


class Action(NamedTuple):
    """A service of the graph, and whether it is told true or false."""

    service: topics.Service
    is_switch: bool
    missing: str  # what to do where nobody answers


_ARM = "the arm's node does not run"
_POLICY = "no policy runs; start one: act run, or policy:=FOLDER of a launch file"
_RECORDER = "no recorder runs; start one: act-record"

ACTIONS: dict[str, Action] = {
    "estop": Action(topics.ESTOP, True, f"{_ARM}: stop it by its power switch"),
    "enable": Action(topics.POLICY_ENABLE, True, _POLICY),
    "forget": Action(topics.POLICY_RESET, False, _POLICY),
    "take": Action(topics.CONTROL_TAKE, False, _ARM),
    "return": Action(topics.CONTROL_RETURN, False, _ARM),
    "reset": Action(topics.SIM_RESET, False, "there is no simulation"),
    "recover": Action(topics.DRIVER_RECOVER, False, "there is no driver of a real arm"),
    "record_start": Action(topics.RECORD_START, False, _RECORDER),
    "record_stop": Action(topics.RECORD_STOP, False, _RECORDER),
    "record_discard": Action(topics.RECORD_DISCARD, False, _RECORDER),
}


def asked_for(name: str, body: Any) -> tuple[Action, bool | None]:
    """The action and what it is told; ValueError with what was wrong.

    body: of the request, as JSON: ``{"value": true}`` or ``{"value": null}``.
    """
    action = ACTIONS.get(name)
    if action is None:
        raise ValueError(f"there is no action {name!r:.40}: {', '.join(ACTIONS)}")
    value = body.get("value") if isinstance(body, dict) else None
    if action.is_switch and not isinstance(value, bool):
        raise ValueError(f"{name} expects the value true or false, got {value!r:.40}")
    return action, value if action.is_switch else None
