"""The frames of one episode out of a video file."""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from act_training.datasets.errors import DatasetError
from act_training.datasets.lerobot.tables import VideoSpan

# Of libav's many formats those that LeRobot writes: a playlist named .mp4 would open other files.
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2"
TIME_TOLERANCE = 0.1  # of a frame's duration: far from mistaking a frame for its neighbour


def read_frames(
    span: VideoSpan, count: int, rate_hz: float, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """(count, H, W, 3) uint8, red first; frame i is the one at `span.start_s + i / rate_hz`.

    Raises DatasetError for a file that is missing, damaged, of another size or codec than can be
    read, and for every frame that is missing, displaced or surplus.
    """
    if span.end_s is not None and abs((span.end_s - span.start_s) * rate_hz - count) > 0.5:
        raise DatasetError(
            f"{span.path.name} gives it {span.end_s - span.start_s:.3f} s, but it has {count} "
            f"frames at {rate_hz:g} Hz"
        )
    frames = np.empty((0, *size, 3), dtype=np.uint8)
    found = 0
    try:
        for time_s, frame in _decode(span, size):
            position = (time_s - span.start_s) * rate_hz
            if position < -0.5:
                continue  # between the key frame and the episode's start
            if found == count:
                if span.end_s is None:
                    raise DatasetError(f"{span.path} has more than the {count} frames of its rows")
                break
            if abs(position - found) > TIME_TOLERANCE:
                raise DatasetError(
                    f"{span.path}: frame {found} is due at {span.start_s + found / rate_hz:.4f} s, "
                    f"but the next one is at {time_s:.4f} s"
                )
            _check_size(span, (frame.height, frame.width), size)
            if found == 0:  # no memory for frames of a size that the video does not have
                frames = np.empty((count, *size, 3), dtype=np.uint8)
            frames[found] = frame.to_ndarray(format="rgb24")
            found += 1
    except FFmpegError as error:
        raise DatasetError(
            f"{span.path} cannot be decoded ({error}): it is missing, truncated or of a codec that "
            "this installation of PyAV lacks"
        ) from error
    if found < count:
        raise DatasetError(f"{span.path} ends after {found} of {count} frames: it is truncated")
    return frames


def _check_size(span: VideoSpan, found: tuple[int, int], size: tuple[int, int]) -> None:
    if found != size:
        raise DatasetError(f"{span.path} is {found[1]}x{found[0]}, expected {size[1]}x{size[0]}")


def _decode(span: VideoSpan, size: tuple[int, int]) -> Iterator[tuple[float, av.VideoFrame]]:
    """Time and frame, one after the other from the key frame before the span's start on."""
    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
    with av.open(str(span.path), metadata_errors="replace", options=options) as container:
        if not container.streams.video:
            raise DatasetError(f"{span.path} holds no video")
        stream = container.streams.video[0]
        _check_size(span, (stream.height, stream.width), size)  # before memory is taken for it
        stream.thread_type = "AUTO"
        if span.start_s > 0 and stream.time_base:
            container.seek(int(span.start_s / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            if frame.time is None:
                raise DatasetError(f"{span.path} has frames without a time")
            if rotation := getattr(frame, "rotation", 0):  # older versions of PyAV do not tell
                raise DatasetError(
                    f"{span.path} is to be shown turned by {rotation} degrees, which readers "
                    "do or do not: encode it anew as it is meant to be seen"
                )
            yield frame.time, frame
