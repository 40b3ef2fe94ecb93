"""Substitutions and conditions: the same with the real `launch` and with that of pip_ros2."""

from __future__ import annotations

import os
import shlex
import sys

import launch
import pytest
from launch import LaunchContext
from launch.conditions import (
    IfCondition,
    InvalidConditionExpressionError,
    LaunchConfigurationEquals,
    LaunchConfigurationNotEquals,
    UnlessCondition,
)
from launch.substitutions import (
    AndSubstitution,
    Command,
    EnvironmentVariable,
    FindExecutable,
    LaunchConfiguration,
    LocalSubstitution,
    NotSubstitution,
    OrSubstitution,
    PathJoinSubstitution,
    PythonExpression,
    SubstitutionFailure,
    TextSubstitution,
    ThisLaunchFile,
    ThisLaunchFileDir,
)
from launch.utilities import (
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

PYTHON = shlex.quote(sys.executable)


@pytest.fixture
def context() -> LaunchContext:
    context = LaunchContext()
    context.launch_configurations.update(
        {"robot": "so101", "yes": "true", "no": "False", "one": "1", "empty": ""}
    )
    return context


@pytest.mark.parametrize(
    ("substitution", "text"),
    [
        (TextSubstitution(text="plain"), "plain"),
        (LaunchConfiguration("robot"), "so101"),
        (LaunchConfiguration("empty", default="x"), ""),
        (LaunchConfiguration("missing", default="so100"), "so100"),
        (LaunchConfiguration("missing", default=30), "30"),
        (LaunchConfiguration("missing", default=["so", LaunchConfiguration("one")]), "so1"),
        (LaunchConfiguration(["ro", "bot"]), "so101"),
        (
            PathJoinSubstitution(["/opt", LaunchConfiguration("robot"), "x.yaml"]),
            "/opt/so101/x.yaml",
        ),
        (PathJoinSubstitution(["/opt", "/abs"]), "/abs"),
        (PythonExpression(["'", LaunchConfiguration("robot"), "' == 'so101'"]), "True"),
        (PythonExpression(["2 * ", LaunchConfiguration("one")]), "2"),
        (PythonExpression("sqrt(16)"), "4.0"),
        (Command([PYTHON, " -c 'print(", LaunchConfiguration("one"), " + 1)'"]), "2\n"),
        (AndSubstitution(LaunchConfiguration("yes"), "true"), "true"),
        (AndSubstitution("true", LaunchConfiguration("no")), "false"),
        (OrSubstitution("false", "true"), "true"),
        (OrSubstitution("false", "no"), "false"),
        (NotSubstitution(LaunchConfiguration("yes")), "false"),
        (NotSubstitution("false"), "true"),
    ],
)
def test_perform(substitution, text, context) -> None:
    assert substitution.perform(context) == text


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        (
            "IfElseSubstitution",
            (
                LaunchConfiguration("yes"),
                "a",
                "b",
            ),
            "a",
        ),
        (
            "IfElseSubstitution",
            (
                LaunchConfiguration("no"),
                "a",
            ),
            "",
        ),
        (
            "EqualsSubstitution",
            (
                LaunchConfiguration("robot"),
                "so101",
            ),
            "true",
        ),
        (
            "EqualsSubstitution",
            (
                "a",
                "b",
            ),
            "false",
        ),
        (
            "EqualsSubstitution",
            (
                "TRUE",
                LaunchConfiguration("one"),
            ),
            "true",
        ),
        (
            "EqualsSubstitution",
            (
                True,
                "true",
            ),
            "true",
        ),
        (
            "EqualsSubstitution",
            (
                "1.50",
                1.5,
            ),
            "true",
        ),
        (
            "EqualsSubstitution",
            (
                None,
                "",
            ),
            "true",
        ),
        (
            "NotEqualsSubstitution",
            (
                "a",
                "b",
            ),
            "true",
        ),
        (
            "NotEqualsSubstitution",
            (
                "1",
                "true",
            ),
            "false",
        ),
    ],
)
def test_perform_what_the_first_releases_of_humble_lack(name, arguments, text, context) -> None:
    if not hasattr(launch.substitutions, name):
        pytest.skip(f"this launch is older than {name}")
    assert getattr(launch.substitutions, name)(*arguments).perform(context) == text


def test_environment_variable(context, environment) -> None:
    os.environ["ACT_TEST"] = "set"
    os.environ.pop("ACT_MISSING", None)
    assert EnvironmentVariable("ACT_TEST").perform(context) == "set"
    assert EnvironmentVariable(["ACT_", "TEST"], default_value="x").perform(context) == "set"
    assert EnvironmentVariable("ACT_MISSING", default_value="x").perform(context) == "x"
    with pytest.raises(SubstitutionFailure, match="ACT_MISSING"):
        EnvironmentVariable("ACT_MISSING").perform(context)


@pytest.mark.parametrize(
    ("substitution", "message"),
    [
        (LaunchConfiguration("missing"), "launch configuration 'missing' does not exist"),
        (FindExecutable(name="no-such-program"), "no-such-program|TextSubstitution"),
        (Command(f"{PYTHON} -c 'raise SystemExit(3)'"), "SystemExit"),
        (Command("no-such-program"), "not found"),
        (
            Command(f"{PYTHON} -c 'import sys; print(1, file=sys.stderr)'"),
            "(?i)stderr|standard error",
        ),
        (NotSubstitution("maybe"), "maybe"),
        (AndSubstitution("true", "2"), "2"),
        (ThisLaunchFile(), "ThisLaunchFile used outside of a launch file"),
        (ThisLaunchFileDir(), "ThisLaunchFileDir used outside of a launch file"),
    ],
)
def test_failure(substitution, message, context) -> None:
    with pytest.raises(SubstitutionFailure, match=message):
        substitution.perform(context)


@pytest.mark.parametrize(
    ("on_stderr", "text"), [("ignore", "out\n"), ("warn", "out\n"), ("capture", "out\nerr\n")]
)
def test_command_with_standard_error(on_stderr, text, context) -> None:
    script = "import sys; print('out', flush=True); print('err', file=sys.stderr)"
    command = Command(f'{PYTHON} -c "{script}"', on_stderr=on_stderr)
    assert command.perform(context) == text


def test_find_executable(context) -> None:
    assert os.access(FindExecutable(name="sh").perform(context), os.X_OK)


@pytest.mark.skipif(
    not hasattr(launch.substitutions, "FileContent"),
    reason="this launch is older than FileContent",
)
def test_file_content(context, tmp_path) -> None:
    (tmp_path / "robot.urdf").write_text("<robot/>")
    content = launch.substitutions.FileContent(str(tmp_path / "robot.urdf"))
    assert content.perform(context) == "<robot/>"


def test_local_substitution(context) -> None:
    context.extend_locals({"place": {"name": "table"}})
    assert LocalSubstitution("place['name']").perform(context) == "table"
    with pytest.raises(AttributeError, match="nowhere"):
        LocalSubstitution("nowhere").perform(context)


@pytest.mark.skipif(
    not hasattr(launch.substitutions, "LaunchLogDir"),
    reason="this launch is older than LaunchLogDir",
)
def test_launch_log_dir(context) -> None:
    assert (
        launch.substitutions.LaunchLogDir().perform(context) == launch.logging.launch_config.log_dir
    )


@pytest.mark.skipif(
    not hasattr(PathJoinSubstitution, "__truediv__"),
    reason="this launch is older than the / operator",
)
def test_paths_are_joined_with_a_slash(context) -> None:
    from launch.substitutions import PathSubstitution

    path = PathSubstitution(LaunchConfiguration("robot")) / "config" / ["a", "b.yaml"]
    assert path.perform(context) == "so101/config/ab.yaml"


@pytest.mark.parametrize(
    ("given", "text"),
    [("a", "a"), (["a", TextSubstitution(text="b")], "ab"), (("a", "b"), "ab"), ([], "")],
)
def test_texts_are_normalized_to_substitutions(given, text, context) -> None:
    substitutions = normalize_to_list_of_substitutions(given)
    assert all(isinstance(part, launch.Substitution) for part in substitutions)
    assert perform_substitutions(context, substitutions) == text


@pytest.mark.parametrize("given", [1, None, ["a", 1], [["a"]]])
def test_other_values_are_not_text(given) -> None:
    with pytest.raises(TypeError):
        normalize_to_list_of_substitutions(given)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("true", True),
        ("True", True),
        ("1", True),
        (" false ", False),
        ("FALSE", False),
        ("0", False),
    ],
)
def test_conditions(expression, value, context) -> None:
    assert IfCondition(expression).evaluate(context) is value
    assert UnlessCondition([expression]).evaluate(context) is not value


@pytest.mark.parametrize("expression", ["", "yes", "2", "on"])
def test_a_condition_must_be_true_or_false(expression, context) -> None:
    with pytest.raises(InvalidConditionExpressionError, match=f"'{expression}'"):
        IfCondition(expression).evaluate(context)


@pytest.mark.filterwarnings("ignore::UserWarning")  # they are deprecated
def test_conditions_on_launch_configurations(context) -> None:
    assert LaunchConfigurationEquals("robot", "so101").evaluate(context)
    assert not LaunchConfigurationEquals("robot", "so100").evaluate(context)
    assert LaunchConfigurationEquals("missing", None).evaluate(context)
    assert not LaunchConfigurationEquals("missing", "x").evaluate(context)
    assert LaunchConfigurationNotEquals("robot", "so100").evaluate(context)
    assert not LaunchConfigurationNotEquals("missing", None).evaluate(context)
