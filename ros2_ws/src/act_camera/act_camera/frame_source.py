"""What a camera is to the rest of this package: something that is read frame by frame."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Frame(NamedTuple):
    """One picture and when it was taken."""

    image: NDArray[np.uint8]  # (H, W, 3) rgb8
    captured_ns: int  # monotonic time
    jpeg: bytes | None = None  # the camera's own bytes, of which ``image`` was decoded


class CameraLostError(Exception):
    """The device's fault: not there, unplugged, busy, silent. Worth another try later."""


class EndOfVideoError(Exception):
    """There will be no more frames, and that is as it should be: the end of a video file."""


class FrameSource(Protocol):
    """An open camera. It is made with the parameters of the node, the source's own ones included.

    A class of them has ``Options``, a frozen dataclass of its own parameters. It may have
    ``has_own_size = True``, where it takes no notice of the parameters width and height, and a
    class method ``check(parameters)`` that raises ConfigurationError before the node begins.
    """

    description: str  # what it is and what it delivers, for people
    rate_hz: float  # frames a second that are expected of it
    warnings: tuple[str, ...]  # what it does other than it was asked to
    damaged: int  # frames that arrived but could not be decoded

    def read(self) -> Frame:
        """Waits for the next frame. Raises CameraLostError or EndOfVideoError."""
        ...

    def adjust(self, parameters: Any) -> list[str]:
        """Takes the settable parameters anew; what it did not take of them, in words."""
        ...

    def close(self) -> None:
        """Lets go of the device; may be called twice."""
        ...
