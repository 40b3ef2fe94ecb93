from __future__ import annotations

import pytest
import yaml
from act_camera.calibration import read_calibration
from act_core.errors import ConfigurationError

CONTENT = {
    "image_width": 64,
    "image_height": 48,
    "camera_name": "front",
    "camera_matrix": {"rows": 3, "cols": 3, "data": [50.0, 0, 32, 0, 50, 24, 0, 0, 1]},
    "distortion_model": "plumb_bob",
    "distortion_coefficients": {"rows": 1, "cols": 5, "data": [0.1, -0.2, 0, 0, 0]},
    "rectification_matrix": {"rows": 3, "cols": 3, "data": [1, 0, 0, 0, 1, 0, 0, 0, 1]},
    "projection_matrix": {"rows": 3, "cols": 4, "data": [50, 0, 32, 0, 0, 50, 24, 0, 0, 0, 1, 0]},
}


def written(tmp_path, content) -> str:
    file = tmp_path / "front.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(file)


def test_a_file_of_camera_calibration(tmp_path):
    calibration = read_calibration(written(tmp_path, CONTENT))
    assert (calibration.width, calibration.height) == (64, 48)
    assert calibration.distortion_model == "plumb_bob"
    assert calibration.d == (0.1, -0.2, 0.0, 0.0, 0.0)
    assert calibration.k[:3] == (50.0, 0.0, 32.0)
    assert len(calibration.p) == 12
    calibration.check_size(64, 48)
    with pytest.raises(ConfigurationError, match="is for 64x48, the images are 640x480"):
        calibration.check_size(640, 480)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({**CONTENT, "camera_matrix": {"data": [1.0] * 8}}, "camera_matrix has 8 numbers"),
        ({k: v for k, v in CONTENT.items() if k != "image_width"}, "'image_width' is missing"),
        ({**CONTENT, "image_width": "wide"}, "is not a camera calibration"),
        ("- a list", "is not a camera calibration"),
        ("a: [", "calibration_file is"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, content, text):
    with pytest.raises(ConfigurationError, match=text):
        read_calibration(written(tmp_path, content))


def test_no_file(tmp_path):
    with pytest.raises(ConfigurationError, match="No such file"):
        read_calibration(str(tmp_path / "none.yaml"))
