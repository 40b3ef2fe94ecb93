"""Nodes: the same with the real `launch_ros` and with that of pip_ros2."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any, NamedTuple

import launch_ros
import pytest
import yaml
from launch import LaunchContext
from launch.actions import (
    GroupAction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
)
from launch.event_handlers import OnProcessStart
from launch.substitutions import LaunchConfiguration, SubstitutionFailure, TextSubstitution
from launch_ros.actions import (
    Node,
    PushRosNamespace,
    SetParameter,
    SetParametersFromFile,
    SetRemap,
)
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue
from launch_ros.substitutions import ExecutableInPackage, FindPackagePrefix, FindPackageShare

# A node that prints its full name, its parameters and where its topic goes.
NODE = """
import json, rclpy
from rclpy.node import Node

rclpy.init()
node = Node("original", automatically_declare_parameters_from_overrides=True)
parameters = {name: value.value for name, value in node.get_parameters_by_prefix("").items()}
lists = {name: value if isinstance(value, (bool, int, float, str)) else list(value)
         for name, value in parameters.items()}
print("NODE", json.dumps({"name": node.get_fully_qualified_name(),
                          "topic": node.resolve_topic_name("chatter"),
                          "parameters": lists}), flush=True)
node.destroy_node()
rclpy.shutdown()
"""


class PythonTuple(yaml.SafeLoader):
    """Reads what the real launch_ros writes for lists: tagged as tuples of Python."""


PythonTuple.add_constructor(
    "tag:yaml.org,2002:python/tuple", lambda loader, node: loader.construct_sequence(node)
)


class Started(NamedTuple):
    """A node as it was started."""

    action: Node
    cmd: list[str]
    env: dict[str, str]

    def after(self, option: str) -> list[str]:
        """Return what follows each occurrence of the option."""
        return [
            word for before, word in zip(self.cmd, self.cmd[1:], strict=False) if before == option
        ]

    @property
    def files(self) -> list[dict[str, Any]]:
        """The contents of its parameter files."""
        return [
            yaml.load(Path(path).read_text(), PythonTuple) for path in self.after("--params-file")
        ]


@pytest.fixture
def prefix(tmp_path, environment) -> Path:
    """An installed package `demo_pkg` with the executables `sleeper_free` and `talker`."""
    (tmp_path / "share/ament_index/resource_index/packages").mkdir(parents=True)
    (tmp_path / "share/ament_index/resource_index/packages/demo_pkg").touch()
    (tmp_path / "share/demo_pkg/config").mkdir(parents=True)
    (tmp_path / "lib/demo_pkg").mkdir(parents=True)
    for name, script in (("quick", "#!/bin/sh\n"), ("talker", f"#!{sys.executable}\n{NODE}")):
        executable = tmp_path / "lib/demo_pkg" / name
        executable.write_text(script)
        executable.chmod(executable.stat().st_mode | stat.S_IXUSR)
    others = os.environ.get("AMENT_PREFIX_PATH")
    os.environ["AMENT_PREFIX_PATH"] = os.pathsep.join(
        [str(tmp_path), *([others] if others else [])]
    )
    return tmp_path


@pytest.fixture
def start(launched, prefix):
    """``start(*entities)``: launches them; returns the nodes as they were started."""

    def run(*entities) -> list[Started]:
        started: list[Started] = []

        def on_start(event, context) -> None:
            started.append(Started(event.action, event.cmd, event.env))

        result = launched(RegisterEventHandler(OnProcessStart(on_start=on_start)), *entities)
        assert result.return_code == 0, result.log
        return started

    return run


def node(**kwargs) -> Node:
    return Node(package="demo_pkg", executable="quick", **kwargs)


# -- the command line ----------------------------------------------------------------------


def test_command_line(start, prefix) -> None:
    (started,) = start(
        SetLaunchConfiguration("name", "arm"),
        node(
            name=LaunchConfiguration("name"),
            namespace="so101",
            arguments=["--flag", ["a", LaunchConfiguration("name")]],
            ros_arguments=["--log-level", "debug"],
            remappings=[("joint_states", ["/", LaunchConfiguration("name"), "/joints"])],
        ),
    )
    assert started.cmd == [
        str(prefix / "lib/demo_pkg/quick"), "--flag", "aarm",
        "--ros-args", "--log-level", "debug",
        "--ros-args", "-r", "__node:=arm", "-r", "__ns:=/so101",
        "-r", "joint_states:=/arm/joints",
    ]  # fmt: skip
    assert started.action.node_name == "/so101/arm"
    assert started.action.expanded_node_namespace == "/so101"


def test_a_bare_node(start, prefix) -> None:
    (started,) = start(node())
    assert started.cmd == [str(prefix / "lib/demo_pkg/quick"), "--ros-args"]
    assert not started.action.is_node_name_fully_specified()


def test_an_executable_without_package(start) -> None:
    (started,) = start(Node(executable="true", exec_name="mine"))
    assert started.cmd == ["true", "--ros-args"]
    assert started.action.process_details["name"].startswith("mine-")


def test_namespaces_are_pushed_and_scoped(start) -> None:
    started = start(
        node(name="a"),
        PushRosNamespace("robot"),
        node(name="b"),
        GroupAction(
            [
                PushRosNamespace(["le", "ft"]),
                node(name="c"),
                node(name="d", namespace="wrist"),
                node(name="e", namespace="/absolute"),
            ]
        ),
        node(name="f", namespace="/"),
        node(name="g", namespace="x/"),
    )
    assert started[0].action.node_name.endswith("/a")
    assert not started[0].action.is_node_name_fully_specified()
    assert [each.action.node_name for each in started[1:]] == [
        "/robot/b",
        "/robot/left/c",
        "/robot/left/wrist/d",
        "/absolute/e",
        "/f",
        "/robot/x/g",
    ]
    assert [each.after("-r")[-1] for each in started[1:3]] == ["__ns:=/robot", "__ns:=/robot/left"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "has space"},
        {"name": "1st"},
        {"namespace": "two//slashes"},
        {"namespace": "has-dash"},
        {"executable": "missing"},
        {"package": "missing_pkg"},
    ],
)
def test_a_wrong_name_ends_the_launch(launched, prefix, wrong) -> None:
    result = launched(Node(**{"package": "demo_pkg", "executable": "quick", **wrong}))
    assert result.return_code == 1
    assert next(iter(wrong.values())) in result.log


def test_two_nodes_of_one_name_are_worth_a_warning(launched, prefix) -> None:
    log = launched(*(node(name="twin", namespace="/") for _ in range(2))).log
    assert "there are now at least 2 nodes with the name /twin" in log


# -- parameters ----------------------------------------------------------------------------


def test_types_of_parameters(start) -> None:
    text = "so101"
    (started,) = start(
        SetLaunchConfiguration("rate", "30"),
        SetLaunchConfiguration("flag", "true"),
        SetLaunchConfiguration("text", text),
        node(
            name="n",
            namespace="/",
            parameters=[
                {
                    "bool": True,
                    "int": 1,
                    "float": 1.0,
                    "small": 1e-07,
                    "str": text,
                    "number as str": "007",
                    "bool as str": "true",
                    "multi": "line 1\nline 2",
                    "ints": [1, 2],
                    "floats": [1, 2.5],
                    "bools": [True, False],
                    "strs": ["a", "1", "true"],
                    "tuple": (1.5, 2.5),
                    "sub int": LaunchConfiguration("rate"),
                    "sub bool": LaunchConfiguration("flag"),
                    "sub str": LaunchConfiguration("text"),
                    "sub list": TextSubstitution(text="[1, 2]"),
                    "one text": ["x", LaunchConfiguration("rate")],
                    "list of subs": [[LaunchConfiguration("rate")], [TextSubstitution(text="4")]],
                    "kept str": ParameterValue(LaunchConfiguration("rate"), value_type=str),
                    "as float": ParameterValue(LaunchConfiguration("rate"), value_type=float),
                    "by yaml": ParameterValue(LaunchConfiguration("rate")),
                    "as list": ParameterValue(
                        TextSubstitution(text="[a, b]"), value_type=list[str]
                    ),
                    ("a", LaunchConfiguration("rate")): 1,
                    "nested": {"deeper": {"p": 1.0}, LaunchConfiguration("text"): 2},
                }
            ],
        ),
    )
    (content,) = started.files
    (name,) = content
    assert name in ("/n", "//n", "n")
    values = content[name]["ros__parameters"]
    expected = {
        "bool": True,
        "int": 1,
        "float": 1.0,
        "small": 1e-07,
        "str": "so101",
        "number as str": "007",
        "bool as str": "true",
        "multi": "line 1\nline 2",
        "ints": [1, 2],
        "floats": [1.0, 2.5],
        "bools": [True, False],
        "strs": ["a", "1", "true"],
        "tuple": [1.5, 2.5],
        "sub int": 30,
        "sub bool": True,
        "sub str": "so101",
        "sub list": [1, 2],
        "one text": "x30",
        "list of subs": [30, 4],
        "kept str": "30",
        "as float": 30.0,
        "by yaml": 30,
        "as list": ["a", "b"],
        "a30": 1,
        "nested.deeper.p": 1.0,
        "nested.so101": 2,
    }
    assert values == expected
    for key, value in expected.items():
        assert type(values[key]) is type(value), key
        if isinstance(value, list):
            assert [type(item) for item in values[key]] == [type(item) for item in value], key


@pytest.mark.parametrize(
    "value",
    [
        [1, "a"],
        [True, 1],
        [],
        None,
        LaunchConfiguration("map"),
        LaunchConfiguration("mixed"),
        LaunchConfiguration("numbers"),
        ParameterValue(LaunchConfiguration("ints"), value_type=list[float]),
        ParameterValue(LaunchConfiguration("mixed"), value_type=list[str]),
    ],
)
def test_what_is_not_a_parameter_value(launched, prefix, value) -> None:
    entities = [
        SetLaunchConfiguration("map", "{a: 1}"),
        SetLaunchConfiguration("mixed", "[1, a]"),
        SetLaunchConfiguration("numbers", "[1, 2.5]"),
        SetLaunchConfiguration("ints", "[1, 2]"),
    ]
    try:
        entities.append(node(parameters=[{"p": value}]))
    except TypeError:
        return  # found when the launch file is read
    assert launched(*entities).return_code == 1


@pytest.mark.parametrize("parameters", ["file.yaml", {"a": 1}])
def test_parameters_are_a_list(parameters) -> None:
    with pytest.raises(TypeError, match="list"):
        node(parameters=parameters)


def test_parameter_files_and_dictionaries_keep_their_order(start, prefix) -> None:
    first, second = prefix / "first.yaml", prefix / "second.yaml"
    first.write_text("/**: {ros__parameters: {a: 1}}")
    second.write_text("/**: {ros__parameters: {a: 3}}")
    (started,) = start(
        SetLaunchConfiguration("folder", str(prefix)),
        node(
            parameters=[
                str(first),
                {"a": 2},
                [LaunchConfiguration("folder"), "/second.yaml"],
                first,
                ParameterFile(second),
            ]
        ),
    )
    values = [next(iter(content.values()))["ros__parameters"]["a"] for content in started.files]
    assert values == [1, 2, 3, 1, 3]


def test_a_dictionary_is_for_the_node_if_it_is_fully_named(start) -> None:
    named, unnamed = start(
        node(name="n", namespace="ns", parameters=[{"a": 1}]), node(parameters=[{"a": 1}])
    )
    assert list(named.files[0]) == ["/ns/n"]
    assert list(unnamed.files[0]) == ["/**"]


def test_a_missing_parameter_file_is_worth_a_warning(launched, prefix) -> None:
    result = launched(node(parameters=["/no/such/file.yaml"]))
    assert result.return_code == 0
    assert "Parameter file path is not a file: /no/such/file.yaml" in result.log


def test_substitutions_in_a_parameter_file(start, prefix) -> None:
    path = prefix / "nav.yaml"
    path.write_text(
        "$(var name):\n"
        "  ros__parameters:\n"
        "    map: $(find-pkg-share demo_pkg)/maps/$(var map desk).yaml\n"
        "    home: \"$(env ACT_HOME '/a b')\"\n"
        "    twice: $(eval '2 * $(var rate)')\n"
        "    price: 5$\n"
    )
    (started,) = start(
        SetLaunchConfiguration("name", "planner"),
        SetLaunchConfiguration("rate", "30"),
        node(parameters=[ParameterFile(str(path), allow_substs=True)]),
    )
    assert started.files == [
        {
            "planner": {
                "ros__parameters": {
                    "map": f"{prefix}/share/demo_pkg/maps/desk.yaml",
                    "home": "/a b",
                    "twice": 60,
                    "price": "5$",
                }
            }
        }
    ]


# -- scopes --------------------------------------------------------------------------------


def test_parameters_and_remappings_for_all_nodes_in_scope(start, prefix) -> None:
    path = prefix / "all.yaml"
    path.write_text("/**: {ros__parameters: {c: 3}}")
    inside, outside = start(
        GroupAction(
            [
                SetParameter("a", 1),
                SetParameter(name="b", value="text"),
                SetParametersFromFile(str(path)),
                SetRemap(src="x", dst="y"),
                node(parameters=[{"a": 2}], remappings=[("x", "z")]),
            ]
        ),
        node(),
    )
    words = [word for word in inside.cmd if word.partition(":=")[0] in ("a", "b", "x")]
    assert words == ["a:=1", "b:=text", "x:=y", "x:=z"]
    assert len(inside.files) == 2
    assert inside.cmd.index(str(path)) < inside.cmd.index(inside.after("--params-file")[1])
    assert outside.cmd[1:] == ["--ros-args"]


@pytest.mark.skipif(
    not hasattr(launch_ros.actions, "SetROSLogDir"),
    reason="this launch_ros is older than SetROSLogDir",
)
def test_log_folder_of_nodes(start) -> None:
    SetROSLogDir = launch_ros.actions.SetROSLogDir
    absolute, relative = start(
        GroupAction([SetROSLogDir("/tmp/logs"), node(), SetROSLogDir("arm"), node()])
    )
    assert absolute.env["ROS_LOG_DIR"] == "/tmp/logs"
    assert relative.env["ROS_LOG_DIR"] == "/tmp/logs/arm"


# -- packages ------------------------------------------------------------------------------


def test_packages_are_found(prefix) -> None:
    context = LaunchContext()
    context.launch_configurations["package"] = "demo_pkg"
    package = LaunchConfiguration("package")
    assert FindPackagePrefix(package).perform(context) == str(prefix)
    assert FindPackageShare(package).perform(context) == str(prefix / "share/demo_pkg")
    found = ExecutableInPackage(package=package, executable="talker").perform(context)
    assert found == str(prefix / "lib/demo_pkg/talker")


def test_a_missing_package_or_executable_is_named(prefix) -> None:
    with pytest.raises(LookupError, match="no_such_pkg"):
        FindPackageShare("no_such_pkg").perform(LaunchContext())
    with pytest.raises(SubstitutionFailure, match="'listener' not found"):
        ExecutableInPackage("listener", "demo_pkg").perform(LaunchContext())


# -- a real node ---------------------------------------------------------------------------


def test_a_node_gets_its_name_parameters_and_remappings(launched, prefix) -> None:
    pytest.importorskip("rclpy", reason="run `make setup`: rclpy is not installed")
    values = {
        "b": True,
        "i": 1,
        "f": 1.0,
        "s": "007",
        "empty": "",
        "colon": "a: b",
        "ints": [1, 2],
        "floats": [1.0, 2.5],
        "bools": [True, False],
        "strs": ["a", "1"],
        "nested": {"p": 0.5},
    }
    log = launched(
        SetEnvironmentVariable("PYTHONUNBUFFERED", "1"),
        SetParameter("everywhere", True),
        Node(
            package="demo_pkg",
            executable="talker",
            name="renamed",
            namespace="arm",
            parameters=[values],
            remappings=[("chatter", "/loud")],
            output="log",
        ),
    ).log
    told = json.loads(
        next(line for line in log.splitlines() if "NODE " in line).partition("NODE ")[2]
    )
    parameters = told["parameters"]
    parameters.pop("use_sim_time", None)
    parameters.pop("start_type_description_service", None)
    assert told["name"] == "/arm/renamed"
    assert told["topic"] == "/loud"
    nested = values.pop("nested")
    assert parameters == {
        **values,
        "nested.p": nested["p"],
        "everywhere": True,
    }
