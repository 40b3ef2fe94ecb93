"""Pictures of a run as an MP4 file that every browser plays."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
from act_core.timing import NS_PER_S
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3), red first

_WHITE = (255, 255, 255)
SIDES = (16, 8192)  # pixels: what the encoder takes


class Film:
    """Writes pictures at their own time: a missing one is replaced by the one before.

    With 30 frames a second, pictures taken at 0, 33, 100 and 133 ms become frames 0, 1, 1, 3, 4.

    Args:
        path: of the file, H.264 in MP4.
        rate_hz: frames a second, a whole number.
    """

    def __init__(self, path: Path, rate_hz: int = 30) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()  # now, rather than when the first picture comes
        self.path = path
        self.frames = 0
        self._rate_hz = rate_hz
        self._container = av.open(str(path), "w", format="mp4")
        self._stream: av.VideoStream | None = None
        self._first_ns: int | None = None
        self._last: Image | None = None

    @property
    def length_s(self) -> float:
        """Of the film so far."""
        return self.frames / self._rate_hz

    def add(self, stamp_ns: int, picture: Image) -> None:
        """Appends a picture; one that belongs to a frame that is there already is left out.

        A stamp before the last one, or more than two seconds after it, starts a new scene: the film
        goes on without a pause. Raises ValueError for a picture of another size than the first.
        """
        self._check_size(picture)
        if self._first_ns is None:
            self._first_ns = stamp_ns
        frame = round((stamp_ns - self._first_ns) * self._rate_hz / NS_PER_S)
        if not self.frames - self._rate_hz < frame < self.frames + 2 * self._rate_hz:
            self._first_ns = stamp_ns - round(self.frames * NS_PER_S / self._rate_hz)
            frame = self.frames
        if self._last is not None:
            while self.frames < frame:
                self._write(self._last)
        if self.frames <= frame:
            self._write(picture)
        self._last = picture

    def close(self) -> None:
        """Completes the file. A film without a picture leaves none."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()
        if self._stream is None:
            self.path.unlink(missing_ok=True)

    def _check_size(self, picture: Image) -> None:
        height, width = picture.shape[:2]
        if self._last is not None and picture.shape != self._last.shape:
            there = "x".join(map(str, self._last.shape[1::-1]))
            raise ValueError(f"a picture of {width}x{height} pixels, the film has {there}")
        check_size(picture)

    def _write(self, picture: Image) -> None:
        if self._stream is None:
            self._stream = self._container.add_stream("h264", rate=self._rate_hz)
            self._stream.height, self._stream.width = (side // 2 * 2 for side in picture.shape[:2])
            self._stream.pix_fmt = "yuv420p"
            self._stream.options = {"preset": "veryfast", "crf": "23"}
        even = np.ascontiguousarray(picture[: self._stream.height, : self._stream.width])
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
        self.frames += 1


def check_size(picture: Image) -> None:
    """Raises ValueError for a picture that is too small or too large to be filmed."""
    height, width = picture.shape[:2]
    low, high = SIDES
    if not (low <= height <= high and low <= width <= high):
        raise ValueError(f"a picture of {width}x{height} pixels, expected sides of {low} to {high}")


def compose(pictures: list[Image], caption: str) -> Image:
    """The first picture with the others small in its upper right corner, and a line of text."""
    scene = pictures[0].copy()
    height, width = scene.shape[:2]
    top = 0
    for picture in pictures[1:]:
        small = cv2.resize(picture, (width // 3, height // 3), interpolation=cv2.INTER_AREA)
        room = scene[top : top + len(small), width - width // 3 :]
        room[:] = small[: len(room)]
        top += len(small)
    if caption:
        scale = height / 720
        band = round(44 * scale)
        scene[-band:] //= 3
        place = (round(12 * scale), height - round(14 * scale))
        cv2.putText(scene, caption, place, cv2.FONT_HERSHEY_SIMPLEX, scale, _WHITE, 1, cv2.LINE_AA)
    return scene
