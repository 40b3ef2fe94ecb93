"""Lenses that are made straight, and calibrations out of an alignment."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from act_camera.calibration import Calibration, is_alignment_file, read_calibration
from act_camera.rectification import Rectification
from act_core.errors import ConfigurationError

from tests.act_core.test_camera_alignment import write_alignment

LEVEL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def lens(d=(-0.35, 0.05, 0.0, 0.0, 0.0), model="plumb_bob") -> Calibration:
    k = (150.0, 0.0, 79.5, 0.0, 150.0, 59.5, 0.0, 0.0, 1.0)
    p = (150.0, 0.0, 79.5, 0.0, 0.0, 150.0, 59.5, 0.0, 0.0, 0.0, 1.0, 0.0)
    return Calibration(160, 120, model, d, k, LEVEL, p)


def test_a_straight_line_is_straight_again():
    calibration = lens()
    k = np.array(calibration.k).reshape(3, 3)
    # A line 45 pixels above the middle, as the lens bends it.
    x = np.linspace(-0.4, 0.4, 400)
    points = np.column_stack([x, np.full_like(x, -0.3), np.ones_like(x)])
    bent, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), k, np.array(calibration.d))
    image = np.zeros((120, 160, 3), np.uint8)
    for column, row in bent.reshape(-1, 2):
        cv2.circle(image, (round(column), round(row)), 1, (255, 255, 255), -1)
    straight = Rectification(calibration).apply(image)
    middle = [np.average(np.arange(120), weights=straight[:, c, 0] + 1e-6)
              for c in range(25, 135)]  # fmt: skip
    rows = [np.average(np.arange(120), weights=image[:, c, 0] + 1e-6) for c in range(25, 135)]
    assert np.ptp(middle) < 1.0 < np.ptp(rows)
    assert np.mean(middle) == pytest.approx(59.5 - 0.3 * 150.0, abs=0.6)


def test_the_calibration_of_what_it_makes_is_straight():
    made = Rectification(lens()).calibration
    assert made.is_straight
    assert made.k == lens().k


@pytest.mark.parametrize("size", [(60, 80), (120, 161)])
def test_images_of_another_size_are_refused(size):
    with pytest.raises(ValueError, match=f"{size[1]}x{size[0]} for a calibration of 160x120"):
        Rectification(lens()).apply(np.zeros((*size, 3), np.uint8))


def test_another_model_is_refused():
    with pytest.raises(ConfigurationError, match="is equidistant, expected plumb_bob or rational"):
        Rectification(lens((0.1, 0.0, 0.0, 0.0), "equidistant"))


def test_a_calibration_out_of_an_alignment(tmp_path):
    file = write_alignment(tmp_path / "cameras.yaml")
    assert is_alignment_file(file)
    whole = read_calibration(file, "front")
    assert (whole.width, whole.height, whole.k[0]) == (640, 480, 579.4)
    half = read_calibration(file, "front", (320, 240))
    assert half.k[0] == pytest.approx(289.7)
    assert half.k[2] == pytest.approx(159.5)  # the middle stays the middle
    assert half.d == (-0.1, 0.02, 0.0, 0.0, 0.0)


def test_an_alignment_of_other_cameras_or_shapes_is_refused(tmp_path):
    file = write_alignment(tmp_path / "cameras.yaml")
    with pytest.raises(ConfigurationError, match="unknown camera 'wrist'; known: front"):
        read_calibration(file, "wrist")
    with pytest.raises(ConfigurationError, match="1280x720 has another shape"):
        read_calibration(file, "front", (1280, 720))
