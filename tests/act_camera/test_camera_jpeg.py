"""Pictures of Motion JPEG: whole, unchanged, and readable by every program."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from act_camera.camera_jpeg import camera_jpeg
from hypothesis import example, given
from hypothesis import strategies as st

from tests.act_camera.fake_capture import buffer_with, jpeg_of, without_tables

PICTURE = np.random.default_rng(3).integers(0, 255, (48, 64, 3), np.uint8)
JPEG = jpeg_of(PICTURE)


def bytes_of(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


def test_what_is_whole_is_not_changed_by_a_byte():
    assert camera_jpeg(bytes_of(JPEG)) == JPEG
    assert camera_jpeg(buffer_with(JPEG)) == JPEG


def test_missing_tables_are_those_of_the_standard():
    bare = without_tables(JPEG)
    assert len(bare) < len(JPEG) - 400
    whole = camera_jpeg(buffer_with(bare))
    as_opencv = cv2.imdecode(bytes_of(bare), cv2.IMREAD_COLOR)  # which puts them in by itself
    assert np.array_equal(cv2.imdecode(bytes_of(whole), cv2.IMREAD_COLOR), as_opencv)
    image_module = pytest.importorskip("PIL.Image", reason="Pillow comes with matplotlib")
    other = np.asarray(image_module.open(io.BytesIO(whole)).convert("RGB"), np.int16)
    assert np.abs(other - as_opencv[..., ::-1]).max() <= 2


def test_fill_bytes_comments_and_restarts_are_passed_over():
    comment = b"\xff\xfe\x00\x06\xff\xd9ab"  # with the end's own mark in it
    odd = JPEG[:2] + b"\xff" + comment + JPEG[2:]
    assert camera_jpeg(bytes_of(odd)) == odd
    flags = [cv2.IMWRITE_JPEG_RST_INTERVAL, 2]
    restarting = cv2.imencode(".jpg", PICTURE, flags)[1].tobytes()
    assert camera_jpeg(buffer_with(restarting)) == restarting


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.999])
def test_what_was_cut_off_is_refused(share):
    with pytest.raises(ValueError, match="JPEG"):
        camera_jpeg(bytes_of(JPEG[: int(share * len(JPEG))]))


@given(st.binary(max_size=200), st.integers(0, len(JPEG)))
@example(b"\xff\xd8\xff\xe0\x00\x00", 0)
def test_any_bytes_are_a_picture_or_a_value_error(noise, at):
    for data in (noise, b"\xff\xd8" + noise, JPEG[:at] + noise + JPEG[at + len(noise) :]):
        try:
            found = camera_jpeg(bytes_of(data))
        except ValueError:
            continue
        assert found.startswith(b"\xff\xd8")
        assert found.endswith(b"\xff\xd9")
