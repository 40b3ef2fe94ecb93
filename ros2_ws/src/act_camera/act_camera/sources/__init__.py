"""Where images come from: one module for each kind of source, found by name.

A source of one's own is a class in any file; ``source:=/path/to/thermal.py:ThermalSource`` uses it,
and so does its name, if it registers one::

    @camera_source("thermal")
    class ThermalSource:
        @dataclass(frozen=True)
        class Options:                                   # more parameters of the node; may be empty
            palette: str = parameter("iron", "of the colours")

        description, rate_hz, warnings, damaged = "a thermal camera", 9.0, (), 0

        def __init__(self, parameters): ...              # opens it; raises CameraLostError
        def read(self): ...                              # Frame(image, captured_ns)
        def adjust(self, parameters): return []          # settable parameters have changed
        def close(self): ...

`act_camera.frame_source.FrameSource` says what each of these means, `act_core.door` where names are
looked for. The parameters are those of the node (`CameraParameters`) and those of the source.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from act_core.door import Door

METHODS = ("read", "adjust", "close")


def _problem(source: Any) -> str | None:
    if not isinstance(source, type):
        return "is no class"
    missing = [method for method in METHODS if not callable(getattr(source, method, None))]
    if missing:
        return f"lacks {', '.join(f'{method}()' for method in missing)}"
    options = getattr(source, "Options", None)
    if not (isinstance(options, type) and dataclasses.is_dataclass(options)):
        return "lacks Options, a frozen dataclass with the parameters of its own"
    return None


SOURCES: Door[type[Any]] = Door(
    "camera source", __name__, _problem, "see act_camera.sources for what it needs"
)
camera_source = SOURCES.register
