"""The file of act-align-camera: read whole, or refused by name."""

from __future__ import annotations

import copy

import pytest
import yaml
from act_core.camera_alignment import parse_alignment, read_alignment
from act_core.errors import ConfigurationError

FRONT = {
    "mounted_on": "base",
    "position_m": [0.62, 0.0, 0.42],
    "quaternion_wxyz": [-0.283, 0.648, 0.648, -0.283],
    "width": 640,
    "height": 480,
    "focal_px": [579.4, 579.4],
    "principal_px": [319.5, 239.5],
    "distortion": [-0.1, 0.02, 0.0, 0.0, 0.0],
}
CONTENT = {
    "act_camera_alignment": 1, "robot": "so101", "cameras": {"front": FRONT},
    "bag": "align_bag",
}  # fmt: skip


def write_alignment(path, **changes):
    """A file with one camera, and what is changed of it."""
    content = copy.deepcopy(CONTENT)
    content["cameras"]["front"].update(changes)
    path.write_text(yaml.safe_dump(content))
    return path


def test_reads_what_is_written(tmp_path):
    camera = read_alignment(write_alignment(tmp_path / "cameras.yaml"))["front"]
    assert camera.position_m == (0.62, 0.0, 0.42)
    assert camera.fovy_deg == pytest.approx(45.0, abs=0.01)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"mounted_on": "wall"}, "unknown mount 'wall'"),
        ({"position_m": [620.0, 0.0, 420.0]}, "expected metres within 5"),
        ({"position_m": [0.1, 0.2]}, "position_m is .*expected 3 numbers"),
        ({"position_m": [0.1, 0.2, float("nan")]}, "expected 3 numbers"),
        ({"position_m": "here"}, "expected a list of numbers"),
        ({"quaternion_wxyz": [1.0, 1.0, 0.0, 0.0]}, "has the length 1.41, expected 1"),
        ({"focal_px": [5.0, 5.0]}, "between a tenth and twenty times the width"),
        ({"focal_px": [-579.0, 579.0]}, "between a tenth and twenty times the width"),
        ({"principal_px": [700.0, 240.0]}, "a point of the picture of 640x480"),
        ({"distortion": [0.0] * 4}, "expected 5 numbers"),
        ({"distortion": [True] * 5}, "expected a list of numbers"),
        ({"width": 640.0}, "width is 640.0, expected a whole number"),
        ({"height": 3}, "height is 3, expected 16 to 10000"),
        ({"focal": 1}, "unknown field of camera front 'focal'; did you mean 'focal_px'"),
    ],
)
def test_refuses_what_no_camera_has(tmp_path, change, text):
    with pytest.raises(ConfigurationError, match=text) as caught:
        read_alignment(write_alignment(tmp_path / "cameras.yaml", **change))
    assert "cameras.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([], "no camera alignment"),
        ({"act_arm_parameters": 1}, "there is no 'act_camera_alignment'"),
        ({**CONTENT, "act_camera_alignment": 2}, "is 2, this version reads 1"),
        ({**CONTENT, "act_camera_alignment": True}, "is True, this version reads 1"),
        ({**CONTENT, "robot": "koch"}, "of robot 'koch', expected 'so101'"),
        ({**CONTENT, "cameras": {}}, "cameras: {}, expected names with values"),
        ({**CONTENT, "cameras": {"front": 3}}, "camera front: 3, expected names with values"),
        ({**CONTENT, "cameras": {"front": {"width": 640}}}, "camera front has no mounted_on"),
    ],
)
def test_refuses_what_is_no_alignment(content, text):
    with pytest.raises(ConfigurationError, match=text):
        parse_alignment(content)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot read the camera alignment: .*none.yaml"):
        read_alignment(tmp_path / "none.yaml")


@pytest.mark.parametrize("name", ["~nobody_of_that_name/cameras.yaml", "cam\0eras.yaml"])
def test_a_name_that_cannot_be(name):
    with pytest.raises(ConfigurationError, match="is no path"):
        read_alignment(name)
