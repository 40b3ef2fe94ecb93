"""A camera source from outside of the tree: one file, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import rclpy
from act_camera.camera_node import CameraNode
from act_core import ros, topics
from act_core.errors import ConfigurationError
from rclpy.node import Node

from tests.extending.document import example
from tests.ros_rig import Rig, ros_arguments


@pytest.fixture
def thermal(tmp_path) -> str:
    file = tmp_path / "thermal.py"
    file.write_text(example("thermal.py"))
    return f"{file}:ThermalSource"


def test_it_runs_in_the_node_with_a_parameter_of_its_own(thermal, tmp_path, monkeypatch):
    monkeypatch.setenv("ROS_HOME", str(tmp_path))
    rclpy.init(args=ros_arguments(source=thermal, warmth=30, width=32, height=16, rate_hz=50.0))
    node, client = CameraNode(), Node("client", use_global_arguments=False)
    images: list = []
    ros.subscription(client, topics.camera_image("front"), images.append)
    rig = Rig(node, client)
    try:
        rig.wait_for(lambda: bool(images))
        pixels = ros.image_to_array(images[0])
        assert np.array_equal(pixels, np.full((16, 32, 3), 30))
        (result,) = node.set_parameters([rclpy.Parameter("warmth", value=200)])
        assert result.successful, result.reason
        rig.wait_for(lambda: ros.image_to_array(images[-1])[0, 0, 0] == 200)
        (result,) = node.set_parameters([rclpy.Parameter("warmth", value=300)])
        assert not result.successful
    finally:
        node.close()
        node.destroy_node()
        client.destroy_node()
        rclpy.try_shutdown()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (("def read", "def look"), r"thermal:ThermalSource lacks read\(\)"),
        (("class Options", "class Choices"), "lacks Options, a frozen dataclass"),
        (("warmth: int", "width: int"), "its parameter 'width' is one of every camera"),
        (("class ThermalSource", "class Thermal"), "unknown name 'ThermalSource'; did you mean"),
    ],
)
def test_what_is_missing_is_named_before_the_node_begins(thermal, change, text):
    file = thermal.partition(":")[0]
    with open(file) as old:
        content = old.read().replace(*change)
    with open(file, "w") as new:
        new.write(content)
    rclpy.init(args=ros_arguments(source=thermal))
    try:
        with pytest.raises(ConfigurationError, match=text):
            CameraNode()
    finally:
        rclpy.try_shutdown()
