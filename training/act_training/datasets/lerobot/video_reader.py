"""The frames of one episode out of a video file."""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from act_training.datasets.errors import DatasetError
from act_training.datasets.lerobot.tables import VideoSpan

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
    frames = np.empty((count, *size, 3), dtype=np.uint8)
    found = 0
    try:
        for time_s, image in _decode(span):
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
            if image.shape[:2] != size:
                raise DatasetError(
                    f"{span.path} is {image.shape[1]}x{image.shape[0]}, "
                    f"expected {size[1]}x{size[0]}"
                )
            frames[found] = image
            found += 1
    except FFmpegError as error:
        raise DatasetError(
            f"{span.path} cannot be decoded ({error}): it is missing, truncated or of a codec that "
            "this installation of PyAV lacks"
        ) from error
    if found < count:
        raise DatasetError(f"{span.path} ends after {found} of {count} frames: it is truncated")
    return frames


def _decode(span: VideoSpan) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Time and image of every frame from the key frame before the span's start on."""
    with av.open(str(span.path), metadata_errors="replace") as container:
        if not container.streams.video:
            raise DatasetError(f"{span.path} holds no video")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        if span.start_s > 0 and stream.time_base:
            container.seek(int(span.start_s / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            if frame.time is None:
                raise DatasetError(f"{span.path} has frames without a time")
            yield frame.time, frame.to_ndarray(format="rgb24")
