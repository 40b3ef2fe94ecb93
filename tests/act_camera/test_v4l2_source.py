"""The USB camera: what is asked of it, what it says, and what goes wrong with it."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest
from act_camera.camera_parameters import parameters_of
from act_camera.frame_source import CameraLostError
from act_camera.sources.v4l2 import MAX_DAMAGED_IN_A_ROW, Mode, V4l2Source
from act_core import images
from act_core.timing import FakeClock

from tests.act_camera.fake_capture import DAMAGED, UNPLUGGED, FakeCapture


@pytest.fixture
def device(tmp_path) -> str:
    file = tmp_path / "video0"
    file.touch()
    return str(file)


VGA = Mode("MJPG", 640, 480, 30.0)


def asked(device: str = "/dev/video0", mode: Mode = VGA, **options):
    """The parameters of a camera node with a USB camera."""
    return parameters_of("v4l2")(device=device, **mode._asdict(), **options)


def opened(device: str, camera: FakeCapture, mode: Mode = VGA, **options) -> V4l2Source:
    return V4l2Source(asked(device, mode, **options), camera, camera.clock)


def test_it_asks_for_the_format_before_the_size(device):
    camera = FakeCapture(FakeClock())
    source = opened(device, camera)
    assert camera.opened_with == (device, cv2.CAP_V4L2)
    assert camera.order.index(cv2.CAP_PROP_FOURCC) < camera.order.index(cv2.CAP_PROP_FRAME_WIDTH)
    assert source.description == f"{device}, MJPG 640x480 at 30 Hz"
    assert source.rate_hz == 30.0
    assert source.warnings == ()


def test_frames_are_rgb_and_stamped_when_the_driver_got_them(device):
    clock = FakeClock(start_ns=5_000_000_000)
    camera = FakeCapture(clock, latency_s=0.004)
    frame = opened(device, camera).read()
    assert frame.image.shape == (480, 640, 3)
    assert frame.image[0, 0].astype(int) == pytest.approx((0, 0, 200), abs=2)
    assert clock.now_ns() - frame.captured_ns == pytest.approx(4_000_000, abs=2_000)


def test_the_bytes_of_motion_jpeg_come_along_and_the_image_is_decoded_of_them(device):
    frame = opened(device, FakeCapture(FakeClock())).read()
    assert frame.jpeg is not None
    assert np.array_equal(images.decompress(frame.jpeg, "rgb8"), frame.image)
    raw = opened(device, FakeCapture(FakeClock(), formats=("YUYV",))).read()
    assert raw.jpeg is None
    assert tuple(raw.image[0, 0]) == (0, 0, 200)


def test_a_camera_that_converts_all_the_same_is_used_as_it_is(device):
    camera = FakeCapture(FakeClock())
    source = opened(device, camera)
    camera.converts = True
    assert source.read().jpeg is None


@pytest.mark.parametrize("offset_s", [1e9, -1e9, 0.5], ids=["wall clock", "none", "future"])
def test_a_stamp_of_another_clock_is_not_used(device, offset_s):
    clock = FakeClock(start_ns=5_000_000_000)
    camera = FakeCapture(clock)
    camera.stamp_offset_s = offset_s
    assert opened(device, camera).read().captured_ns == clock.now_ns()


def test_exposure_gain_and_white_balance_are_fixed_in_the_units_of_v4l2(device):
    camera = FakeCapture(FakeClock())
    opened(device, camera, exposure_ms=12.5, gain=30.0, white_balance_k=4600.0)
    assert camera.control_values == {
        cv2.CAP_PROP_AUTO_EXPOSURE: 1,
        cv2.CAP_PROP_EXPOSURE: 125,
        cv2.CAP_PROP_GAIN: 30.0,
        cv2.CAP_PROP_AUTO_WB: 0,
        cv2.CAP_PROP_WB_TEMPERATURE: 4600.0,
    }


def test_exposure_changes_while_it_runs_and_what_it_refuses_is_told(device):
    camera = FakeCapture(FakeClock(), controls=(cv2.CAP_PROP_AUTO_EXPOSURE, cv2.CAP_PROP_EXPOSURE))
    source = opened(device, camera)
    assert source.adjust(asked(exposure_ms=8.0)) == []
    assert camera.control_values[cv2.CAP_PROP_EXPOSURE] == 80
    told = ["the camera does not let its gain be set to 30"]
    assert source.adjust(asked(exposure_ms=8.0, gain=30.0)) == told
    assert list(source.warnings) == told
    assert cv2.CAP_PROP_FPS not in camera.order[5:], "the mode is left alone"


def test_without_settings_they_are_automatic_and_the_gain_is_left_alone(device):
    camera = FakeCapture(FakeClock())
    opened(device, camera)
    assert camera.control_values == {cv2.CAP_PROP_AUTO_EXPOSURE: 3, cv2.CAP_PROP_AUTO_WB: 1}


def test_what_the_camera_does_otherwise_is_a_warning(device):
    camera = FakeCapture(FakeClock(), formats=("YUYV",), controls=())
    source = opened(device, camera, mode=Mode("MJPG", 1024, 768, 30.0), exposure_ms=10.0)
    assert source.warnings == (
        "asked for MJPG 1024x768 at 30 Hz, the camera gives YUYV 1280x720 at 5 Hz",
        "the camera does not let its exposure mode be set to 1",
        "the camera does not let its exposure (in 100 us) be set to 100",
    )


def test_automatic_controls_that_a_camera_lacks_are_no_warning(device):
    assert opened(device, FakeCapture(FakeClock(), controls=())).warnings == ()


def test_unplugging_is_a_lost_source(device):
    camera = FakeCapture(FakeClock())
    source = opened(device, camera)
    source.read()
    camera.frames = [UNPLUGGED]
    with pytest.raises(CameraLostError, match="delivers no frames"):
        source.read()
    source.close()
    assert camera.released


def test_damaged_frames_are_passed_over_and_counted_but_not_for_ever(device):
    camera = FakeCapture(FakeClock())
    source = opened(device, camera)
    cut_off = (True, np.frombuffer(b"\xff\xd8\xff\xe0\x00\x10JFIF", np.uint8).reshape(1, -1))
    camera.frames = [DAMAGED, (True, None), cut_off]
    assert source.read().image.size
    assert source.damaged == 3
    camera.frames = [DAMAGED] * MAX_DAMAGED_IN_A_ROW
    with pytest.raises(CameraLostError, match="30 damaged frames"):
        source.read()


def test_a_device_that_is_not_there_lists_those_that_are():
    with pytest.raises(CameraLostError, match="there is no /dev/video99; cameras here: "):
        V4l2Source(asked("/dev/video99"))


def test_a_device_that_does_not_open(device):
    camera = FakeCapture(FakeClock(), opens=False)
    with pytest.raises(CameraLostError, match="does another program use it"):
        opened(device, camera)


def test_no_permission_says_which_group(device, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(CameraLostError, match="usermod -aG video"):
        opened(device, FakeCapture(FakeClock()))


def test_the_real_opencv_does_not_open_a_file_that_is_no_camera(device):
    with pytest.raises(CameraLostError, match="cannot be opened"):
        V4l2Source(asked(device))
