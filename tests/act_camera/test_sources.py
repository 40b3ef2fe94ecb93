"""The synthetic pattern and the video file."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from act_camera.camera_parameters import parameters_of
from act_camera.frame_source import EndOfVideoError
from act_camera.sources.synthetic import SyntheticSource, frame_index
from act_camera.sources.video import VideoSource
from act_core import images
from act_core.errors import ConfigurationError
from act_core.timing import FakeClock


def pattern(height: int, width: int, rate_hz: float, clock: FakeClock) -> SyntheticSource:
    parameters = parameters_of("synthetic")(height=height, width=width, rate_hz=rate_hz)
    return SyntheticSource(parameters, clock)


def played(file: str, loop: bool = True, clock: FakeClock | None = None) -> VideoSource:
    return VideoSource(parameters_of("video")(source="video", file=file, loop=loop), clock)


@pytest.fixture
def video(tmp_path) -> str:
    """Ten frames of 64 x 48 at 20 Hz, each as bright as 20 times its number."""
    file = str(tmp_path / "ten.avi")
    writer = cv2.VideoWriter(file, cv2.VideoWriter_fourcc(*"MJPG"), 20.0, (64, 48))
    for k in range(10):
        writer.write(np.full((48, 64, 3), 20 * k, np.uint8))
    writer.release()
    return file


def test_synthetic_frames_tell_their_number_and_time():
    clock = FakeClock(start_ns=1_000)
    source = pattern(48, 64, 25.0, clock)
    frames = [source.read() for _ in range(30)]
    assert [frame_index(frame.image) for frame in frames] == list(range(30))
    assert [frame.captured_ns for frame in frames] == [1_000 + 40_000_000 * k for k in range(30)]
    assert frames[0].image.shape == (48, 64, 3)
    assert not np.array_equal(frames[0].image[24], frames[1].image[24])


def test_a_synthetic_source_that_was_not_read_skips_frames():
    clock = FakeClock()
    source = pattern(48, 64, 25.0, clock)
    source.read()
    clock.advance(1.0)
    assert frame_index(source.read().image) >= 24


@pytest.mark.parametrize("size", [(16, 16), (48, 64), (480, 640), (481, 641)])
def test_the_number_survives_compression_and_every_size(size):
    clock = FakeClock()
    source = pattern(*size, 1.0, clock)
    image = source.read().image
    clock.advance(43_690)  # 0b1010101010101010: the hardest for a compressor
    image = source.read().image
    assert frame_index(image) == 43_689
    if size[1] >= 64:
        assert frame_index(images.decompress(images.compress(image, "rgb8"), "rgb8")) == 43_689


def test_a_video_plays_at_its_own_rate_and_begins_again(video):
    clock = FakeClock()
    source = played(video, clock=clock)
    assert source.description == f"video {video}, 64x48 at 20 Hz"
    assert source.rate_hz == 20.0
    frames = [source.read() for _ in range(15)]
    source.close()
    brightness = [round(float(frame.image.mean()) / 20) for frame in frames]
    assert brightness == [*range(10), *range(5)]
    assert [frame.captured_ns for frame in frames] == [50_000_000 * k for k in range(15)]


def test_a_video_that_plays_once_ends(video):
    source = played(video, loop=False, clock=FakeClock())
    for _ in range(10):
        source.read()
    with pytest.raises(EndOfVideoError, match="has ended"):
        source.read()


def test_files_that_are_no_videos(tmp_path):
    with pytest.raises(ConfigurationError, match="expected a video file"):
        played(str(tmp_path / "none.mp4"))
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    with pytest.raises(ConfigurationError, match="cannot read"):
        played(str(text))
