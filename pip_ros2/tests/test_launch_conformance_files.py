"""Launch files and their inclusion: the same with the real `launch` and with that of pip_ros2."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from launch import LaunchDescription, LaunchDescriptionSource
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    LogInfo,
    SetLaunchConfiguration,
)
from launch.launch_description_sources import (
    AnyLaunchDescriptionSource,
    PythonLaunchDescriptionSource,
    get_launch_description_from_python_launch_file,
)
from launch.substitutions import (
    LaunchConfiguration,
    PathJoinSubstitution,
    ThisLaunchFileDir,
)

INNER = """
    from launch import LaunchDescription
    from launch.actions import DeclareLaunchArgument, LogInfo, SetLaunchConfiguration
    from launch.substitutions import LaunchConfiguration, ThisLaunchFile, ThisLaunchFileDir

    def generate_launch_description():
        return LaunchDescription([
            DeclareLaunchArgument("rate", default_value="30", description="Frames per second."),
            LogInfo(msg=["rate=", LaunchConfiguration("rate")]),
            LogInfo(msg=["file=", ThisLaunchFile()]),
            LogInfo(msg=["folder=", ThisLaunchFileDir()]),
            SetLaunchConfiguration("from_inner", "yes"),
        ])
"""
REQUIRED = """
    from launch import LaunchDescription
    from launch.actions import DeclareLaunchArgument

    def generate_launch_description():
        return LaunchDescription([DeclareLaunchArgument("port", description="serial port")])
"""


@pytest.fixture
def write(tmp_path):
    """``write(name, text)``: writes a launch file and returns its path."""

    def make(name: str, text: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return str(path)

    return make


def messages(log: str) -> list[str]:
    """Return what LogInfo has logged."""
    marker = "[launch.user]: "
    return [line.partition(marker)[2] for line in log.splitlines() if marker in line]


def test_an_included_file_gets_arguments_and_knows_where_it_is(launched, write) -> None:
    path = write("launch/inner.launch.py", INNER)
    log = launched(
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(path), launch_arguments={"rate": "50"}.items()
        )
    ).log
    assert messages(log) == ["rate=50", f"file={path}", f"folder={Path(path).parent}"]


def test_launch_configurations_are_shared_unless_a_group_scopes_them(launched, write) -> None:
    include = IncludeLaunchDescription(
        AnyLaunchDescriptionSource(write("inner.launch.py", INNER)),
        launch_arguments=[("rate", "50")],
    )
    show = LogInfo(
        msg=[
            LaunchConfiguration("rate", default="unset"),
            " ",
            LaunchConfiguration("from_inner", default="unset"),
        ]
    )
    log = launched(GroupAction([include]), show, include, show).log
    first, second = (text for text in messages(log) if "=" not in text)
    assert first == "unset unset"
    assert second == "50 yes"


def test_a_configuration_set_before_is_the_argument(launched, write) -> None:
    log = launched(
        SetLaunchConfiguration("rate", "10"),
        IncludeLaunchDescription(PythonLaunchDescriptionSource(write("inner.launch.py", INNER))),
    ).log
    assert messages(log)[0] == "rate=10"


def test_the_path_may_hold_substitutions(launched, write) -> None:
    write("sub/inner.launch.py", INNER)
    outer = write(
        "outer.launch.py",
        """
        from launch import LaunchDescription
        from launch.actions import IncludeLaunchDescription
        from launch.launch_description_sources import PythonLaunchDescriptionSource
        from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
        from launch.substitutions import ThisLaunchFileDir

        def generate_launch_description():
            name = LaunchConfiguration("name")
            path = PathJoinSubstitution([ThisLaunchFileDir(), "sub", name])
            return LaunchDescription([
                IncludeLaunchDescription(
                    PythonLaunchDescriptionSource(path), launch_arguments=[("rate", "5")]
                ),
            ])
        """,
    )
    log = launched(
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(outer), launch_arguments=[("name", "inner.launch.py")]
        )
    ).log
    assert messages(log)[0] == "rate=5"


def test_a_description_is_included_without_a_file(launched) -> None:
    source = LaunchDescriptionSource(LaunchDescription([LogInfo(msg="inside")]))
    assert messages(launched(IncludeLaunchDescription(source)).log) == ["inside"]


def test_a_missing_argument_is_found_before_anything_runs(launched, write) -> None:
    path = write("required.launch.py", REQUIRED)
    result = launched(
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(path), launch_arguments=[("prt", "/dev/ttyACM0")]
        )
    )
    assert result.return_code == 1
    assert (
        "Included launch description missing required argument 'port' "
        "(description: 'serial port'), given: [prt]" in result.log
    )


def test_arguments_of_included_files_are_listed(write) -> None:
    description = LaunchDescription(
        [
            DeclareLaunchArgument("own", default_value="1"),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(write("inner.launch.py", INNER))
            ),
            # Its path depends on the running launch, so it cannot be listed.
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(
                    PathJoinSubstitution([ThisLaunchFileDir(), "unknown.launch.py"])
                )
            ),
        ]
    )
    arguments = description.get_launch_arguments()
    assert [argument.name for argument in arguments] == ["own", "rate"]
    assert arguments[1].description == "Frames per second."
    pairs = description.get_launch_arguments_with_include_launch_description_actions()
    assert pairs[0][1] is None
    assert len(pairs[1][1]) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def generate():\n    pass", "generate_launch_description"),
        ("def generate_launch_description(:", "invalid syntax"),
        ("import no_such_module", "no_such_module"),
    ],
)
def test_a_broken_file_is_an_error_that_says_why(launched, write, text, message) -> None:
    path = write("broken.launch.py", text)
    result = launched(IncludeLaunchDescription(PythonLaunchDescriptionSource(path)))
    assert result.return_code == 1
    assert message in result.log


def test_a_missing_file_is_an_error_that_names_it(launched, tmp_path) -> None:
    path = str(tmp_path / "missing.launch.py")
    result = launched(IncludeLaunchDescription(AnyLaunchDescriptionSource(path)))
    assert result.return_code == 1
    assert path in result.log


def test_a_file_is_read_by_hand(write) -> None:
    description = get_launch_description_from_python_launch_file(write("inner.launch.py", INNER))
    assert [argument.name for argument in description.get_launch_arguments()] == ["rate"]
