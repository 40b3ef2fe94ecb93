"""A video file of a LeRobotDataset: the episodes of one camera, one after the other."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from av.video.frame import PictureType
from numpy.typing import NDArray

from act_training.datasets.errors import DatasetError

# What LeRobot's own recordings use: a key frame every second frame, so that training can start
# reading anywhere. Sizes and codecs of one camera must not change within a dataset. (LeRobot's AV1
# preset is 12, for encoding while recording; here is time for a better one: same readers, and no
# single frames that are 10 dB worse than their neighbours.)
PIXEL_FORMAT = "yuv420p"
OPTIONS = {
    "libsvtav1": {"g": "2", "crf": "30", "preset": "8"},
    "h264": {"g": "2", "crf": "23", "forced-idr": "1"},
    "hevc": {"g": "2", "crf": "26", "forced-idr": "1", "x265-params": "log-level=error"},
}


class VideoWriter:
    """Encodes frames at a fixed rate; frame i is at i / rate_hz.

    Args:
        codec: a key of `OPTIONS`.
        crf: quality, lower is better; None takes the codec's of `OPTIONS`.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], rate_hz: int, codec: str, crf: int | None
    ) -> None:
        height, width = size
        if height % 2 or width % 2:
            raise DatasetError(
                f"images of {width}x{height} pixels cannot become a video: both sides must be even"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        self.frames = 0
        self.size = 0  # bytes so far
        options = OPTIONS[codec] if crf is None else {**OPTIONS[codec], "crf": str(crf)}
        os.environ.setdefault("SVT_LOG", "1")  # errors only: the AV1 encoder is talkative
        self._container = av.open(str(path), "w")
        try:
            stream = self._container.add_stream(codec, rate=rate_hz, options=options)
        except (ValueError, FFmpegError) as error:
            self._container.close()
            raise DatasetError(f"this installation of PyAV has no encoder '{codec}'") from error
        assert isinstance(stream, av.VideoStream)  # as all of `OPTIONS` give
        stream.height, stream.width = height, width
        stream.pix_fmt = PIXEL_FORMAT
        self._stream = stream
        self._period = Fraction(1, rate_hz)  # s

    def add(self, frames: NDArray[np.uint8]) -> None:
        """Append an episode (T, H, W, 3) uint8, red first; it begins with a key frame."""
        for i, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts = self.frames
            frame.time_base = self._period
            frame.pict_type = PictureType.I if i == 0 else PictureType.NONE
            self._mux(self._stream.encode(frame))
            self.frames += 1

    def close(self) -> None:
        """Finish the file; without it nothing can be read."""
        if self.frames:
            self._mux(self._stream.encode())
        self._container.close()

    def _mux(self, packets: list[av.Packet]) -> None:
        self._container.mux(packets)
        self.size += sum(packet.size for packet in packets)


def video_info(path: Path, rate_hz: int) -> dict[str, object]:
    """The description of a written file that meta/info.json keeps with its feature."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return {
            "video.height": stream.height,
            "video.width": stream.width,
            "video.codec": stream.codec.canonical_name,
            "video.pix_fmt": stream.pix_fmt,
            "video.is_depth_map": False,
            "video.fps": rate_hz,
            "video.channels": 3,
            "has_audio": False,
        }
