"""Parameters as a frozen dataclass: defaults, types, ranges, choices, and errors that teach."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from act_core.errors import ConfigurationError, suggest
from act_core.parameters import from_values, parameter


@dataclass(frozen=True)
class Parameters:
    camera: str = parameter("front", "name of the camera")
    rate_hz: float = parameter(30.0, "frames a second", low=1.0, high=120.0)
    width: int = parameter(640, "pixels", low=16)
    mode: str = parameter("newest", "which frame", choices=("newest", "every"))
    cameras: tuple[str, ...] = parameter((), "all cameras")
    gains: tuple[float, ...] = parameter((1.0,), "gains", low=0.0)
    flip: bool = parameter(False, "upside down")


def test_defaults_and_values():
    assert from_values(Parameters, {}) == Parameters()
    given = {"rate_hz": 15, "cameras": ["front", "top"], "gains": [1, 2.5], "flip": True}
    expected = Parameters(rate_hz=15.0, cameras=("front", "top"), gains=(1.0, 2.5), flip=True)
    assert from_values(Parameters, given) == expected
    assert isinstance(from_values(Parameters, given).rate_hz, float)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"rate": 3.0}, "unknown parameter 'rate'; did you mean 'rate_hz'. known: .*camera.*width"),
        ({"rate_hz": 200.0}, r"rate_hz \(frames a second\): got 200.0, expected 1.0 to 120.0"),
        ({"rate_hz": float("nan")}, "got nan, expected a finite number"),
        ({"rate_hz": float("inf")}, "got inf, expected a finite number"),
        ({"gains": [1.0, float("inf")]}, "got inf, expected a finite number"),
        ({"rate_hz": "fast"}, "got 'fast', expected a float"),
        ({"rate_hz": True}, "got True, expected a float"),
        ({"width": 8}, "got 8, expected at least 16"),
        ({"width": 64.0}, "got 64.0, expected a int"),
        ({"mode": "nwest"}, "unknown mode 'nwest'; did you mean 'newest'. known: every, newest"),
        ({"cameras": "front"}, "got 'front', expected a list of str"),
        ({"gains": [1.0, -1.0]}, "got -1.0, expected at least 0.0"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(values, text):
    with pytest.raises(ConfigurationError, match=text):
        from_values(Parameters, values)


def test_suggestion_without_a_near_name():
    assert suggest("task", "zzz", ["reach"]) == "unknown task 'zzz'; known: reach"
    assert suggest("task", "zzz", []) == "unknown task 'zzz'; known: none"
