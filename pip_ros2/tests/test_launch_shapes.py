"""Launch files in the shapes that robots use, to their end: every process as it was started.

The packages and their executables are made up. A launch file of this kind runs alike under the real
`launch`, so the expected commands, parameters and environments are those of the distributions.
"""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path

import pytest
import yaml
from launch.actions import IncludeLaunchDescription, RegisterEventHandler
from launch.event_handlers import OnProcessStart
from launch.launch_description_sources import PythonLaunchDescriptionSource

IMPORTS = """
import os
from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import *
from launch.conditions import IfCondition, UnlessCondition
from launch.event_handlers import OnProcessExit
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import *
from launch_ros.actions import Node, PushRosNamespace, SetParameter, SetRemap
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue
from launch_ros.substitutions import FindPackageShare
"""

# An arm: a description by a command, controllers one after the other, a switch between two nodes.
ARM = """
def generate_launch_description():
    prefix, sim = LaunchConfiguration("prefix"), LaunchConfiguration("use_sim")
    description = Command([FindExecutable(name="cat"), " ", PathJoinSubstitution(
        [FindPackageShare("arm"), "urdf", ["arm", ".urdf"]])])
    publisher = Node(package="arm", executable="state_publisher", name="state_publisher",
                     parameters=[{"robot_description": ParameterValue(description, value_type=str),
                                  "use_sim_time": sim}])
    joints = Node(package="arm", executable="spawner", arguments=["joints", "--prefix", prefix])
    gripper = Node(package="arm", executable="spawner", arguments=["gripper"], output="screen")
    return LaunchDescription([
        DeclareLaunchArgument("prefix", default_value="left_"),
        DeclareLaunchArgument("use_sim", default_value="false", choices=["true", "false"]),
        publisher,
        RegisterEventHandler(OnProcessExit(target_action=joints, on_exit=[gripper])),
        joints,
        Node(package="arm", executable="simulation", condition=IfCondition(sim)),
        Node(package="arm", executable="driver", condition=UnlessCondition(sim),
             remappings=[("joint_states", ["/", prefix, "states"])]),
    ])
"""
# Navigation: a parameter file with substitutions, a group with a namespace, an included file.
NAVIGATION = """
def generate_launch_description():
    share = get_package_share_directory("arm")
    params = ParameterFile(os.path.join(share, "params.yaml"), allow_substs=True)
    return LaunchDescription([
        SetEnvironmentVariable("RCUTILS_LOGGING_BUFFERED_STREAM", "1"),
        DeclareLaunchArgument("namespace", default_value="robot"),
        DeclareLaunchArgument("map", default_value=[share, "/maps/desk.yaml"]),
        GroupAction([
            PushRosNamespace(LaunchConfiguration("namespace")),
            SetRemap("/tf", "tf"),
            SetParameter("use_sim_time", True),
            Node(package="arm", executable="planner", name="planner", parameters=[params],
                 arguments=["--ros-args", "--log-level", "warn"]),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(os.path.join(share, "launch", "inner.launch.py")),
                launch_arguments={"rate": "5", "mode": ["fast", "_", "1"]}.items()),
        ]),
        Node(package="arm", executable="viewer", name="viewer"),
    ])
"""
INNER = """
def setup(context):
    rate = float(LaunchConfiguration("rate").perform(context))
    return [Node(package="arm", executable="scanner", name="scanner", namespace="front",
                 parameters=[{"rate": rate, "modes": [LaunchConfiguration("mode"), "_x"]}])]

def generate_launch_description():
    return LaunchDescription([DeclareLaunchArgument("rate"), OpaqueFunction(function=setup)])
"""
# A simulator: paths for its models, a process that is no node, a timer, an expression.
SIMULATOR = """
def generate_launch_description():
    world = PathSubstitution(FindPackageShare("arm")) / "worlds" / "desk.sdf"
    return LaunchDescription([
        AppendEnvironmentVariable("MODELS", "/models"),
        AppendEnvironmentVariable("MODELS", "/more"),
        DeclareLaunchArgument("speed", default_value="2"),
        ExecuteProcess(cmd=["echo", "-r", world], name="simulator", additional_env={"SEED": "7"}),
        TimerAction(period=0.1, actions=[
            Node(package="arm", executable="spawner",
                 arguments=["-x", PythonExpression([LaunchConfiguration("speed"), " * 0.5"])])]),
        ExecuteProcess(cmd=["echo", "never"], condition=IfCondition(PythonExpression(
            ["'", LaunchConfiguration("speed"), "' == '3'"]))),
    ])
"""
PARAMS = """\
planner:
  ros__parameters:
    map: $(var map)
    config: $(find-pkg-share arm)/config
"""


@pytest.fixture
def share(tmp_path: Path, environment: None) -> Path:
    """The share folder of the installed package `arm`, whose executables end at once."""
    share, programs = tmp_path / "share/arm", tmp_path / "lib/arm"
    index = tmp_path / "share/ament_index/resource_index/packages"
    for folder in (share / "urdf", share / "launch", programs, index):
        folder.mkdir(parents=True)
    (index / "arm").touch()
    names = "state_publisher spawner simulation driver planner viewer scanner"
    for name in names.split():
        (programs / name).symlink_to("/bin/true")
    (share / "urdf/arm.urdf").write_text("<robot name='arm'/>")
    (share / "params.yaml").write_text(PARAMS)
    (share / "launch/inner.launch.py").write_text(IMPORTS + INNER)
    others = os.environ.get("AMENT_PREFIX_PATH") or sys.prefix
    os.environ["AMENT_PREFIX_PATH"] = f"{tmp_path}{os.pathsep}{others}"
    os.environ.pop("MODELS", None)
    return share


@pytest.fixture
def processes(launched, share):
    """``processes(text, **arguments)``: the words of each process in order, and their events."""

    def run(text: str, **arguments: str):
        file = share / "launch/main.launch.py"
        file.write_text(IMPORTS + textwrap.dedent(text))
        events = []
        result = launched(
            RegisterEventHandler(OnProcessStart(on_start=lambda event, _: events.append(event))),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(file)), launch_arguments=arguments.items()
            ),
        )
        assert result.return_code == 0, result.log
        return {event.process_name.rpartition("-")[0]: event for event in events}, events

    return run


def parameters(event) -> list[dict]:
    words = event.cmd
    files = [words[i + 1] for i, word in enumerate(words) if word == "--params-file"]
    return [yaml.safe_load(Path(path).read_text()) for path in files]


def words(event) -> list[str]:
    """The command after the program, without the paths of generated files."""
    return [word for word in event.cmd[1:] if not word.endswith(".yaml")]


def test_an_arm(processes, share):
    by_name, events = processes(ARM)
    assert sorted(by_name) == ["driver", "spawner", "state_publisher"]
    spawners = [words(event) for event in events if event.process_name.startswith("spawner")]
    assert spawners == [["joints", "--prefix", "left_", "--ros-args"], ["gripper", "--ros-args"]]
    assert words(by_name["driver"]) == ["--ros-args", "-r", "joint_states:=/left_states"]
    assert by_name["driver"].cmd[0] == str(share.parents[1] / "lib/arm/driver")
    (given,) = parameters(by_name["state_publisher"])
    assert given["/**"]["ros__parameters"] == {
        "robot_description": "<robot name='arm'/>", "use_sim_time": False,
    }  # fmt: skip


def test_an_arm_in_simulation(processes):
    by_name, _ = processes(ARM, use_sim="true", prefix="right_")
    assert "simulation" in by_name
    assert "driver" not in by_name
    assert parameters(by_name["state_publisher"])[0]["/**"]["ros__parameters"]["use_sim_time"]


def test_navigation(processes, share):
    by_name, _ = processes(NAVIGATION)
    planner, scanner, viewer = (by_name[name] for name in ("planner", "scanner", "viewer"))
    common = ["-p", "use_sim_time:=true"]
    assert words(planner) == [
        "--ros-args", "--log-level", "warn", "--ros-args", "-r", "__node:=planner",
        "-r", "__ns:=/robot", *common, "--params-file", "-r", "/tf:=tf",
    ]  # fmt: skip
    assert parameters(planner) == [
        {"planner": {"ros__parameters": {
            "map": f"{share}/maps/desk.yaml", "config": f"{share}/config",
        }}}
    ]  # fmt: skip
    assert words(scanner) == [
        "--ros-args", "-r", "__node:=scanner", "-r", "__ns:=/robot/front", *common,
        "--params-file", "-r", "/tf:=tf",
    ]  # fmt: skip
    assert parameters(scanner) == [
        {"/robot/front/scanner": {"ros__parameters": {"rate": 5.0, "modes": "fast_1_x"}}}
    ]
    assert words(viewer) == ["--ros-args", "-r", "__node:=viewer"]
    assert viewer.env["RCUTILS_LOGGING_BUFFERED_STREAM"] == "1"


def test_a_simulator(processes, share):
    by_name, events = processes(SIMULATOR)
    assert [event.process_name.rpartition("-")[0] for event in events] == ["simulator", "spawner"]
    simulator = by_name["simulator"]
    assert simulator.cmd == ["echo", "-r", f"{share}/worlds/desk.sdf"]
    assert simulator.env["MODELS"] == "/models:/more"
    assert simulator.env["SEED"] == "7"
    assert words(by_name["spawner"]) == ["-x", "1.0", "--ros-args"]
    assert "SEED" not in by_name["spawner"].env
