"""Pixels: every encoding there and back, padding, byte order, and damaged messages."""

from __future__ import annotations

from contextlib import suppress

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


RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128)


def bayer(colour, first, second) -> np.ndarray:
    """(16, 16) raw pixels of an even colour behind a filter whose rows repeat ``first``,
    ``second``."""
    value = dict(zip("rgb", colour, strict=True))
    square = [[value[name] for name in row] for row in (first, second)]
    return np.tile(np.array(square, np.uint8), (8, 8))


@pytest.mark.parametrize("colour", [RED, GREEN, BLUE, GREY])
@pytest.mark.parametrize(
    ("pattern", "first", "second"),
    [("rggb", "rg", "gb"), ("bggr", "bg", "gr"), ("gbrg", "gb", "rg"), ("grbg", "gr", "bg")],
)
@pytest.mark.parametrize("bits", [8, 16])
def test_bayer_patterns_are_named_by_their_first_row(colour, pattern, first, second, bits):
    raw = bayer(colour, first, second)
    raw = raw if bits == 8 else raw.astype(np.uint16) * 257
    name = f"bayer_{pattern}{bits}"
    pixels = images.unpack(raw.tobytes(), 16, 16, 16 * bits // 8, name)
    rgb = images.convert(pixels, name, "rgb8")
    assert rgb.dtype == np.uint8
    assert (rgb[4:-4, 4:-4] == colour).all()
    assert (images.convert(pixels, name, "bgr8")[4:-4, 4:-4] == colour[::-1]).all()


def yuv(colour) -> tuple[int, int, int]:
    """ITU-R BT.601 with black at 16 and white at 235, as cameras send it."""
    r, g, b = (value / 255 for value in colour)
    luma = 0.299 * r + 0.587 * g + 0.114 * b
    y = 16 + 219 * luma
    u, v = 128 + 224 * (b - luma) / 1.772, 128 + 224 * (r - luma) / 1.402
    return round(y), round(u), round(v)


@pytest.mark.parametrize("colour", [RED, GREEN, BLUE, GREY])
@pytest.mark.parametrize(
    ("names", "order"),
    [(("yuv422", "uyvy"), "uyvy"), (("yuv422_yuy2", "yuyv"), "yuyv")],
)
def test_two_pixels_that_share_a_colour(colour, names, order):
    value = dict(zip("yuv", yuv(colour), strict=True))
    row = np.tile(np.array([value[name] for name in order], np.uint8), 4)
    data = np.tile(row, (6, 1))
    for name in names:
        pixels = images.unpack(data.tobytes(), 6, 8, 16, name)
        assert np.abs(images.convert(pixels, name, "rgb8").astype(int) - colour).max() <= 2
        assert (images.convert(pixels, name, "mono8") == value["y"]).all()


@pytest.mark.parametrize("colour", [RED, GREEN, BLUE, GREY])
@pytest.mark.parametrize("name", ["nv12", "nv21"])
@pytest.mark.parametrize("padding", [0, 5])
def test_a_plane_of_colours_below_the_grey(colour, name, padding):
    y, u, v = yuv(colour)
    pair = [u, v] if name == "nv12" else [v, u]
    planes = np.vstack([np.full((6, 8), y), np.tile(pair, (3, 4))]).astype(np.uint8)
    data = np.pad(planes, ((0, 0), (0, padding)), constant_values=9).tobytes()
    pixels = images.unpack(data, 6, 8, 8 + padding, name)
    rgb = images.convert(pixels, name, "rgb8")
    assert rgb.shape == (6, 8, 3)
    assert np.abs(rgb.astype(int) - colour).max() <= 2
    assert np.array_equal(images.convert(pixels, name, "mono8"), np.full((6, 8), y))


def test_eight_and_sixteen_bits_as_cv_bridge_scales_them():
    deep = np.array([[0, 128, 129, 32896, 65535]], np.uint16)
    assert images.convert(deep, "mono16", "mono8").tolist() == [[0, 0, 1, 128, 255]]
    assert images.convert(deep, "mono16", "rgb8")[0, 3].tolist() == [128, 128, 128]
    shallow = np.array([[0, 1, 255]], np.uint8)
    assert images.convert(shallow, "mono8", "mono16").tolist() == [[0, 257, 65535]]
    rgb16 = COLOUR.astype(np.uint16) * 257
    assert np.array_equal(images.convert(rgb16, "rgb16", "bgr8"), COLOUR[..., ::-1])


@pytest.mark.parametrize(
    ("encoding", "dtype", "channels"),
    [
        ("8UC3", "u1", 3),
        ("16SC2", "<i2", 2),
        ("32FC1", "<f4", 1),
        ("64FC4", "<f8", 4),
        ("32S", "<i4", 1),
    ],
)
def test_generic_pixels_as_they_are(encoding, dtype, channels):
    values = np.arange(2 * 3 * channels).reshape(2, 3, channels).astype(dtype)
    step = 3 * channels * values.itemsize
    pixels = images.unpack(values.tobytes(), 2, 3, step, encoding)
    assert np.array_equal(pixels, values if channels > 1 else values[..., 0])
    big = images.unpack(
        values.astype(values.dtype.newbyteorder(">")).tobytes(), 2, 3, step, encoding, True
    )
    assert np.array_equal(big, pixels)
    assert images.convert(pixels, encoding, encoding) is pixels


def test_a_colour_image_is_also_one_of_generic_pixels_but_not_the_other_way_round():
    assert images.convert(COLOUR, "rgb8", "8UC3") is COLOUR
    with pytest.raises(ValueError, match=r"8UC3 does not say which channel .* publish rgb8, bgr8"):
        images.convert(COLOUR, "8UC3", "rgb8")


def claim(width: int, height: int, kind: str) -> bytes:
    """The start of a picture that says that it is so large."""
    if kind == "png":
        size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
        return b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + size + b"\x08\x02\x00\x00\x00" + bytes(9)
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08" + size + bytes(40)


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_size_that_a_picture_only_claims_is_not_allocated(kind):
    with pytest.raises(ValueError, match="says that it is 65535 x 65535"):
        images.decompress(claim(65535, 65535, kind), "rgb8")


@given(data=st.binary(max_size=200), start=st.sampled_from(["", "png", "jpeg"]))
def test_any_bytes_are_a_picture_or_refused(data, start):
    head = claim(64, 48, start)[:20] if start else b""
    with suppress(ValueError):
        images.decompress(head + data, "rgb8")


PIXELS = st.sampled_from([*images.ENCODINGS, "8UC3", "32FC1", "no such", ""])


@given(
    data=st.binary(max_size=120), height=st.integers(0, 2**32 - 1) | st.integers(0, 8),
    width=st.integers(0, 2**32 - 1) | st.integers(0, 8), step=st.integers(0, 40),
    encoding=PIXELS, big=st.booleans(), target=st.sampled_from(["rgb8", "mono8"]),
)  # fmt: skip
def test_any_message_is_an_image_or_refused(data, height, width, step, encoding, big, target):
    with suppress(ValueError):
        image = images.convert(
            images.unpack(data, height, width, step, encoding, big), encoding, target
        )
        images.check(image, target)
        assert image.shape[:2] == (height, width)


@given(height=st.integers(1, 5), width=st.integers(1, 5), encoding=PIXELS, target=PIXELS)
def test_every_conversion_works_or_is_refused(height, width, encoding, target):
    try:
        pixel = images._encoding(encoding)
    except ValueError:
        return
    size = round(height * pixel.rows) * width * pixel.channels * np.dtype(pixel.dtype).itemsize
    step = width * pixel.channels * np.dtype(pixel.dtype).itemsize
    with suppress(ValueError):
        image = images.unpack(bytes(size), height, width, step, encoding)
        assert images.convert(image, encoding, target).shape[1] == width


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
        (lambda: images.convert(COLOUR, "rgb8", "16UC1"), "rgb8 to 16UC1: other channels or depth"),
        (lambda: images.convert(COLOUR, "rgb8", "nv12"), "rgb8 to nv12: no such conversion"),
        (lambda: images.unpack(b"", 0, 0, 0, "rgb8"), "the image is empty: 0 x 0 pixels"),
        (lambda: images.unpack(b"", 0, 640, 1920, "rgb8"), "the image is empty: 640 x 0"),
        (lambda: images.check(COLOUR[:0], "rgb8"), "the image is empty"),
        (lambda: images.unpack(bytes(6), 1, 3, 6, "yuv422"), "come in pairs; the width is 3"),
        (lambda: images.unpack(bytes(6), 1, 4, 4, "nv12"), "rows come in pairs; the height is 1"),
        (lambda: images.unpack(b"", 1, 1, 3, "8UC0"), "unknown image encoding '8UC0'"),
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
