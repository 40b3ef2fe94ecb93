"""What the launch of pip_ros2 says about everything that it leaves out."""

from __future__ import annotations

import importlib

import launch
import launch_ros
import pytest

pytestmark = pytest.mark.skipif(
    not hasattr(launch, "refusal"),
    reason="a ROS 2 distribution provides launch: that of pip_ros2 is not in use",
)

NEEDS = "is not part of the launch subset .* it needs a ROS 2 distribution"


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("from launch.actions import OpaqueCoroutine", "launch.actions.OpaqueCoroutine"),
        ("from launch.actions import ExecuteLocal", "launch.actions.ExecuteLocal"),
        (
            "from launch.actions.push_environment import PushEnvironment",
            "launch.actions.push_environment",
        ),
        ("from launch.descriptions import Executable", "launch.descriptions"),
        ("from launch.events.process import SignalProcess", "launch.events.SignalProcess"),
        ("from launch.substitutions import AnonName", "launch.substitutions.AnonName"),
        ("from launch_ros.substitutions import Parameter", "launch_ros.substitutions.Parameter"),
        ("from launch.frontend import parse_substitution", "launch.frontend.parse_substitution"),
        ("from launch_ros.actions import LifecycleNode", "launch_ros.actions.LifecycleNode"),
        (
            "from launch_ros.actions import Node, ComposableNodeContainer",
            "launch_ros.actions.ComposableNodeContainer",
        ),
        (
            "from launch_ros.descriptions import ComposableNode",
            "launch_ros.descriptions.ComposableNode",
        ),
        ("from launch_ros.events.lifecycle import ChangeState", "launch_ros.events"),
        ("from launch_ros.event_handlers import OnStateTransition", "launch_ros.event_handlers"),
        ("from launch_ros import ros_adapters", "launch_ros.ros_adapters"),
    ],
)
def test_an_import_names_what_is_missing(statement, name) -> None:
    with pytest.raises(ImportError, match=f"^{name} {NEEDS}"):
        exec(statement)


def test_an_attribute_names_what_is_missing_and_the_nearest() -> None:
    with pytest.raises(
        AttributeError, match=r"^launch\.actions\.Shutdwn .*did you mean 'Shutdown'"
    ):
        launch.actions.Shutdwn  # noqa: B018
    with pytest.raises(ImportError, match="did you mean 'FindPackageShare'"):
        exec("from launch_ros.substitutions import FindPackageShar")
    assert not hasattr(launch_ros.actions, "LifecycleNode")


def test_private_names_are_plain_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="has no attribute '_private'"):
        launch.actions._private  # noqa: B018


def packages() -> list[str]:
    inner = "actions conditions event_handlers events events.process logging"
    inner += " launch_description_sources substitutions utilities"
    return [
        "launch",
        *(f"launch.{name}" for name in inner.split()),
        "launch_ros",
        *(f"launch_ros.{name}" for name in ("actions", "descriptions", "substitutions")),
    ]


@pytest.mark.parametrize("name", packages())
def test_every_public_name_exists(name) -> None:
    module = importlib.import_module(name)
    for public in module.__all__:
        assert getattr(module, public) is not None
    with pytest.raises(AttributeError, match=NEEDS):
        module.NoSuchName  # noqa: B018


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: launch_ros.actions.Node(executable="x", parameter=[]),
            r"Node: unknown argument 'parameter'; did you mean 'parameters'\?",
        ),
        (
            lambda: launch.actions.ExecuteProcess(cmd=["x"], cached_output=True),
            r"ExecuteProcess: unknown argument 'cached_output'.*\(cached_output=\) is not part of",
        ),
        (
            lambda: launch.actions.LogInfo(msg="x", colour="red"),
            r"LogInfo: unknown argument 'colour' \(known: msg, condition\)",
        ),
        (
            lambda: launch.event_handlers.OnProcessExit(on_exit=[], onexit=[]),
            r"OnProcessExit: unknown argument 'onexit'; did you mean 'on_exit'\?",
        ),
        (
            lambda: launch.EventHandler(matcher=bool, entity=[]),
            r"EventHandler: unknown argument 'entity'; did you mean 'entities'\?",
        ),
    ],
)
def test_an_unknown_argument_is_named(make, message) -> None:
    with pytest.raises(TypeError, match=message):
        make()


def test_an_unknown_setting_of_the_log_is_named() -> None:
    with pytest.raises(AttributeError, match="log_handler_factory"):
        launch.logging.launch_config.log_handler_factory = None


@pytest.mark.parametrize("name", ["robot.launch.xml", "robot.launch.yaml", "robot.yml"])
def test_launch_files_in_other_formats_are_named(launched, name) -> None:
    extension = name.rpartition(".")[2].upper()
    source = launch.launch_description_sources.AnyLaunchDescriptionSource(f"/opt/{name}")
    result = launched(launch.actions.IncludeLaunchDescription(source))
    assert result.return_code == 1
    assert f"launch file '/opt/{name}' in {extension} format is not part of" in result.log


def test_a_missing_launch_file_lists_those_beside_it(launched, tmp_path) -> None:
    (tmp_path / "sim.launch.py").touch()
    result = launched(launch.actions.IncludeLaunchDescription(str(tmp_path / "sin.launch.py")))
    assert "does not exist; launch files there: sim.launch.py" in result.log


def test_included_arguments_as_a_dictionary_are_refused() -> None:
    with pytest.raises(TypeError, match=r"got a dictionary; use \.items\(\)"):
        launch.actions.IncludeLaunchDescription("x.launch.py", launch_arguments={"rate": "30"})


def test_a_missing_launch_configuration_lists_those_that_are_set() -> None:
    context = launch.LaunchContext()
    context.launch_configurations["rate"] = "30"
    with pytest.raises(
        launch.substitutions.SubstitutionFailure,
        match=r"'rat' does not exist; did you mean 'rate'\? \(set: rate\)",
    ):
        launch.substitutions.LaunchConfiguration("rat").perform(context)


def test_missing_packages_and_executables_list_what_exists(
    tmp_path, environment, monkeypatch
) -> None:
    index = tmp_path / "share/ament_index/resource_index/packages"
    index.mkdir(parents=True)
    (index / "act_sim").touch()
    folder = tmp_path / "lib/act_sim"
    folder.mkdir(parents=True)
    (folder / "sim_node").touch(mode=0o755)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    from launch_ros.substitutions import ExecutableInPackage, FindPackageShare

    context = launch.LaunchContext()
    with pytest.raises(
        LookupError, match=r"'act_sin' not found; did you mean 'act_sim'\?.*packages: act_sim"
    ):
        FindPackageShare("act_sin").perform(context)
    with pytest.raises(
        launch.substitutions.SubstitutionFailure,
        match=r"'simnode' not found in package 'act_sim' .*did you mean 'sim_node'\? "
        r"\(executables: sim_node\)",
    ):
        ExecutableInPackage("simnode", "act_sim").perform(context)
    monkeypatch.delenv("AMENT_PREFIX_PATH")
    with pytest.raises(LookupError, match="AMENT_PREFIX_PATH is not set; source"):
        FindPackageShare("act_sim").perform(context)


def test_an_unknown_substitution_in_a_parameter_file_is_named(tmp_path) -> None:
    path = tmp_path / "file.yaml"
    context = launch.LaunchContext()
    file = launch_ros.parameter_descriptions.ParameterFile(path, allow_substs=True)
    for text, message in (
        ("a: $(frobnicate x)", r"substitution '\$\(frobnicate …\)' is not part"),
        ("a: $(var x", r"no '\)' after '\$\(var x'"),
        ("a: $(env)", r"'\$\(env\)': expected 1 or 2 arguments, got 0"),
        ("a: $(var 'x)", "no closing '"),
        ("a: [", "is not YAML once its substitutions are made"),
    ):
        path.write_text(text)
        with pytest.raises(launch.substitutions.SubstitutionFailure, match=message):
            file.evaluate(context)
