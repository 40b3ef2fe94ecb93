from __future__ import annotations

import pytest
import yaml
from act_camera.calibration import file_of_url, read_calibration, write_calibration
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
        ("a: [", "camera calibration '"),
        ({**CONTENT, "camera_matrix": {"data": [float("nan")] + [1.0] * 8}}, "not finite"),
        ({**CONTENT, "camera_matrix": {"data": [0.0] * 9}}, "focal lengths .* expected above 0"),
        ({**CONTENT, "camera_matrix": {"data": [-50.0] + [1.0] * 8}}, "expected above 0"),
        ({**CONTENT, "distortion_model": "barrel"}, "unknown distortion_model 'barrel'; known:"),
        ({**CONTENT, "distortion_coefficients": {"data": [0.1] * 3}}, "plumb_bob has 4 or 5"),
        ({**CONTENT, "image_width": float("inf")}, "is not a camera calibration"),
        ("[" * 50_000, "camera calibration '"),
        ("x: " + 200_000 * "a", "too large"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, content, text):
    with pytest.raises(ConfigurationError, match=text):
        read_calibration(written(tmp_path, content))


def test_what_is_written_is_read(tmp_path):
    calibration = read_calibration(written(tmp_path, CONTENT))
    file = tmp_path / "new" / "front.yaml"
    write_calibration(file, "front", calibration)
    assert read_calibration(file) == calibration
    assert yaml.safe_load(file.read_text())["camera_name"] == "front"


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("file:///etc/cameras/front.yaml", "/etc/cameras/front.yaml"),
        ("file://${ROS_HOME}/${NAME}.yaml", "<ROS_HOME>/wrist.yaml"),
        ("package://my_robot/calibration/${NAME}.yaml", "/share/my_robot/calibration/wrist.yaml"),
    ],
)
def test_urls_of_calibrations(url, file, ros_home):
    found = file_of_url(url, "wrist", lambda package: f"/share/{package}")
    assert str(found) == file.replace("<ROS_HOME>", str(ros_home))


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("/etc/front.yaml", "expected file:///path/to/front.yaml or package://"),
        ("http://example.com/front.yaml", "expected file:///"),
        ("file://front.yaml", "expected file:///"),
        ("package://my_robot", "expected file:///"),
        ("flash:///front", "expected file:///"),
        ("file:///${HOME}/x.yaml", r"\$\{HOME\} is not known; known: \$\{NAME\}"),
        ("package://no_such/x.yaml", "no_such is not installed"),
    ],
)
def test_urls_that_name_no_file(url, text):
    def share_of(package: str) -> str:
        raise LookupError(f"{package} is not installed")

    with pytest.raises(ConfigurationError, match=text):
        file_of_url(url, "front", share_of)


def test_no_file(tmp_path):
    with pytest.raises(ConfigurationError, match="No such file"):
        read_calibration(str(tmp_path / "none.yaml"))
