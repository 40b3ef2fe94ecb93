"""What a recording says about itself, attached to every bag as ``contract.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from act_core.errors import ConfigurationError
from act_core.foreign_file import expanded, parse_json, read_text, shown_path

CONTRACT, CALIBRATION = "contract.json", "calibration.json"
VERSION = 1
MAX_RATE_HZ = 1000.0
MAX_CALIBRATION_BYTES = 1 << 20


def contract_text(
    task: str,
    cameras: tuple[str, ...],
    images: str,
    rate_hz: float,
    joints: tuple[str, ...],
) -> str:
    """The contract of a recording.

    images: raw or compressed, the topics that were recorded.
    joints: of the robot, in the dataset's order.
    rate_hz: at which the recording is meant to become a dataset.
    """
    values = {
        "format": "act-recording",
        "version": VERSION,
        "task": task,
        "joints": list(joints),
        "unit": "rad",
        "cameras": list(cameras),
        "images": images,
        "rate_hz": rate_hz,
    }
    return json.dumps(values, indent=1)


def read_contract(attached: Mapping[str, str]) -> dict[str, Any]:
    """The contract among a bag's attachments; empty for the bags of others.

    Raises ConfigurationError for one that is damaged or of another version.
    """
    if CONTRACT not in attached:
        return {}
    try:
        values = json.loads(attached[CONTRACT])
        if not isinstance(values, dict):
            raise ValueError("it holds no object")
        if values.get("version") != VERSION:
            raise ValueError(f"version {values.get('version')!r}, expected {VERSION}")
        if values.get("unit", "rad") != "rad":
            raise ValueError(f"unit {values['unit']!r}, expected 'rad'")
        for name in ("joints", "cameras"):
            listed = values.get(name, [])
            if not isinstance(listed, list) or not all(isinstance(n, str) and n for n in listed):
                raise ValueError(f"{name} are {str(listed)[:60]}, expected a list of names")
        rate_hz = values.get("rate_hz", 1.0)
        if not isinstance(rate_hz, int | float) or not 0 < rate_hz <= MAX_RATE_HZ:
            raise ValueError(f"rate_hz is {str(rate_hz)[:60]}, expected up to {MAX_RATE_HZ:g}")
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"its {CONTRACT} cannot be understood: {error}") from None
    return values


def attachments(contract: str, calibration: str) -> dict[str, str]:
    """Texts for a bag. ``calibration``: path of the arm's file in LeRobot's layout, "" for none.

    Raises ConfigurationError for a calibration that cannot be read.
    """
    if not calibration:
        return {CONTRACT: contract}
    path = expanded(calibration)
    shown = shown_path(path)
    try:
        text = read_text(path, MAX_CALIBRATION_BYTES)
        parse_json(text, finite=False)
    except ConfigurationError as error:
        raise ConfigurationError(f"no calibration can be read from {shown}: it {error}") from None
    return {CONTRACT: contract, CALIBRATION: text}
