"""Pixels: every encoding there and back, padding, byte order, and damaged messages."""

from __future__ import annotations

import numpy as np
import pytest
from act_core import images
from hypothesis import given
from hypothesis import strategies as st

RNG = np.random.default_rng(3)
COLOUR = RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8)
DEPTH = RNG.integers(0, 65536, (4, 6), dtype=np.uint16)


def test_packed_pixels_are_a_view():
    data = COLOUR.tobytes()
    pixels = images.unpack(data, 4, 6, 18, "rgb8")
    assert np.array_equal(pixels, COLOUR)
    assert pixels.base is not None, "no copy"


@given(height=st.integers(1, 9), width=st.integers(1, 9), padding=st.integers(0, 7))
def test_rows_with_padding(height, width, padding):
    image = np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)
    rows = np.pad(image.reshape(height, -1), ((0, 0), (0, padding)), constant_values=77)
    pixels = images.unpack(rows.tobytes(), height, width, width * 3 + padding, "bgr8")
    assert np.array_equal(pixels, image)


@pytest.mark.parametrize(("big", "order"), [(False, "<u2"), (True, ">u2")])
def test_depth_in_both_byte_orders(big, order):
    data = DEPTH.astype(order).tobytes()
    pixels = images.unpack(data, 4, 6, 12, "16UC1", is_bigendian=big)
    assert pixels.dtype == np.uint16
    assert np.array_equal(pixels, DEPTH)


def test_conversions_against_their_definition():
    assert np.array_equal(images.convert(COLOUR, "rgb8", "bgr8"), COLOUR[..., ::-1])
    rgba = images.convert(COLOUR, "rgb8", "rgba8")
    assert np.array_equal(rgba[..., :3], COLOUR)
    assert (rgba[..., 3] == 255).all()
    assert np.array_equal(images.convert(rgba, "rgba8", "bgr8"), COLOUR[..., ::-1])
    # ITU-R BT.601 luma, as OpenCV and so cv_bridge define grey.
    grey = images.convert(COLOUR, "rgb8", "mono8")
    assert np.abs(grey - COLOUR @ [0.299, 0.587, 0.114]).max() < 1
    assert np.array_equal(images.convert(grey, "mono8", "rgb8"), np.stack([grey] * 3, axis=2))
    assert images.convert(DEPTH, "16UC1", "mono16") is DEPTH


def test_jpeg_keeps_a_smooth_picture():
    y, x = np.mgrid[0:48, 0:64]
    smooth = np.stack([x * 4, y * 5, 255 - x * 4], axis=2).astype(np.uint8)
    data = images.compress(smooth, "rgb8", quality=95)
    assert len(data) < smooth.nbytes / 2
    back = images.decompress(data, "rgb8")
    assert np.abs(back.astype(int) - smooth).mean() < 3
    assert images.decompress(data, "mono8").shape == (48, 64)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: images.unpack(b"", 1, 1, 3, "rbg8"),
            "unknown image encoding 'rbg8'; did you mean",
        ),
        (lambda: images.unpack(b"12", 1, 1, 2, "rgb8"), "row step 2 is below the 3 bytes"),
        (
            lambda: images.unpack(b"123", 2, 1, 3, "rgb8"),
            "3 bytes of data, expected 6: 2 rows of 3",
        ),
        (lambda: images.convert(DEPTH, "16UC1", "rgb8"), "cannot convert 16UC1 to rgb8"),
        (lambda: images.check(COLOUR, "mono8"), r"a mono8|an mono8 image has shape \(H, W\)"),
        (lambda: images.check(COLOUR[..., 0], "rgb8"), r"shape \(H, W, 3\), got \(4, 6\)"),
        (lambda: images.check(COLOUR.astype(float), "rgb8"), "has type uint8, got float64"),
        (
            lambda: images.decompress(b"no picture", "rgb8"),
            "10 bytes of data are not a JPEG or PNG",
        ),
        (lambda: images.decompress(b"", "rgb8"), "0 bytes of data are not a JPEG or PNG"),
    ],
)
def test_what_is_damaged_or_unknown_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()
