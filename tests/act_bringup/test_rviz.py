"""RViz beside the robot, where it is installed; elsewhere what to install."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml
from act_bringup.rviz import PUBLISHER, VIEWER, rviz_nodes
from act_core import topics
from act_core.robots import find_robot
from launch import LaunchContext, LaunchDescription, LaunchService

CONFIGURATION = (
    Path(__file__).resolve().parents[2] / "ros2_ws/src/act_bringup/config/arm.rviz"
)  # fmt: skip
URDF = '<robot name="arm"><link name="base_link"/></robot>'


def context(**given: str) -> LaunchContext:
    made = LaunchContext()
    made.launch_configurations.update({"rviz": "true", **given})
    return made


@pytest.fixture
def robot(tmp_path):
    file = tmp_path / "arm.urdf"
    file.write_text(URDF)
    return dataclasses.replace(find_robot("so101"), urdf=file)


@pytest.fixture
def index(tmp_path, monkeypatch):
    """``index(*packages)``: only these are installed."""

    def install(*packages: str) -> None:
        folder = tmp_path / "prefix/share/ament_index/resource_index/packages"
        folder.mkdir(parents=True)
        for package in packages:
            (folder / package).touch()
        monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path / "prefix"))

    return install


def test_it_is_started_only_when_asked_for(robot, index):
    index()
    assert rviz_nodes(context(rviz="false"), robot) == []


TELLS = """#!/bin/sh
for word; do case "$word" in *params*|*.yaml) cat "$word";; *) echo "$word";; esac; done > "$0.told"
"""


def test_the_publisher_gets_the_description_and_both_the_time_of_the_robot(
    robot, index, tmp_path, monkeypatch
):
    index(PUBLISHER, VIEWER, "act_bringup")
    (tmp_path / "prefix/share/act_bringup").mkdir()
    told = []
    for name in (PUBLISHER, VIEWER):
        program = tmp_path / "prefix/lib" / name / name
        program.parent.mkdir(parents=True)
        program.write_text(TELLS)
        program.chmod(0o755)
        told.append(Path(f"{program}.told"))
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "log"))
    service = LaunchService(noninteractive=True)
    made = context(use_sim_time="true")
    service.include_launch_description(LaunchDescription(rviz_nodes(made, robot)))
    assert service.run() == 0
    publisher, viewer = (file.read_text() for file in told)
    assert URDF.replace('"', '\\"') in publisher or URDF in publisher
    assert "use_sim_time: true" in publisher
    assert "use_sim_time: true" in viewer
    assert f"-d\n{tmp_path}/prefix/share/act_bringup/config/arm.rviz\n" in viewer
    for text in (publisher, viewer):
        assert "/tf:=tf" in text
        assert "/tf_static:=tf_static" in text


@pytest.mark.parametrize("there", [[], [PUBLISHER]])
def test_what_is_missing_is_named_with_its_packages(robot, index, monkeypatch, there):
    index(*there)
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    with pytest.raises(RuntimeError) as refused:
        rviz_nodes(context(), robot)
    assert ("ros-jazzy-robot-state-publisher" in str(refused.value)) is (not there)
    assert str(refused.value).endswith("ros-jazzy-rviz2")


def test_without_a_distribution_it_says_what_shows_the_arm_here(robot, index, monkeypatch):
    index()
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    with pytest.raises(RuntimeError) as refused:
        rviz_nodes(context(), robot)
    text = str(refused.value)
    assert text.startswith(
        "rviz: robot_state_publisher and rviz2 are not installed: they are in no"
    )
    assert "ros-$ROS_DISTRO-robot-state-publisher ros-$ROS_DISTRO-rviz2" in text
    assert "console:=true shows the arm in a browser" in text


def test_two_arms_have_no_description(index):
    index(PUBLISHER, VIEWER, "act_bringup")
    with pytest.raises(RuntimeError, match="nobody has described so101_bimanual"):
        rviz_nodes(context(), find_robot("so101_bimanual"))


def test_the_configuration_shows_topics_that_exist_in_the_namespace_of_rviz():
    content = yaml.safe_load(CONFIGURATION.read_text())["Visualization Manager"]
    shown = {}
    for display in content["Displays"]:
        topic = display.get("Topic") or display.get("Description Topic")
        if topic is not None:
            shown[topic["Value"]] = topic["Durability Policy"]
    assert shown == {
        topics.ROBOT_DESCRIPTION.name: "Transient Local",
        topics.camera_image("front").name: "Volatile",
        topics.camera_image("wrist").name: "Volatile",
    }
    urdf = find_robot("so101").urdf
    if urdf is not None:
        assert f'<link name="{content["Global Options"]["Fixed Frame"]}"' in urdf.read_text()
