"""Import paths: the same with the real `launch` and `launch_ros` and with those of pip_ros2."""

from __future__ import annotations

import importlib
import importlib.util

import launch
import pytest

PATHS = {
    "launch": "Action Condition Event EventHandler InvalidLaunchFileError LaunchContext "
    "LaunchDescription LaunchDescriptionEntity LaunchDescriptionSource LaunchService "
    "SomeSubstitutionsType Substitution actions conditions event_handlers events logging "
    "substitutions",
    "launch.action": "Action",
    "launch.actions": "AppendEnvironmentVariable DeclareLaunchArgument EmitEvent ExecuteProcess "
    "GroupAction IncludeLaunchDescription LogInfo OpaqueFunction PopLaunchConfigurations "
    "PushLaunchConfigurations RegisterEventHandler SetEnvironmentVariable SetLaunchConfiguration "
    "Shutdown TimerAction UnsetEnvironmentVariable UnsetLaunchConfiguration",
    "launch.actions.append_environment_variable": "AppendEnvironmentVariable",
    "launch.actions.declare_launch_argument": "DeclareLaunchArgument",
    "launch.actions.emit_event": "EmitEvent",
    "launch.actions.execute_process": "ExecuteProcess",
    "launch.actions.group_action": "GroupAction",
    "launch.actions.include_launch_description": "IncludeLaunchDescription",
    "launch.actions.log_info": "LogInfo",
    "launch.actions.opaque_function": "OpaqueFunction",
    "launch.actions.pop_launch_configurations": "PopLaunchConfigurations",
    "launch.actions.push_launch_configurations": "PushLaunchConfigurations",
    "launch.actions.register_event_handler": "RegisterEventHandler",
    "launch.actions.set_environment_variable": "SetEnvironmentVariable",
    "launch.actions.set_launch_configuration": "SetLaunchConfiguration",
    "launch.actions.shutdown_action": "Shutdown",
    "launch.actions.timer_action": "TimerAction",
    "launch.actions.unset_environment_variable": "UnsetEnvironmentVariable",
    "launch.actions.unset_launch_configuration": "UnsetLaunchConfiguration",
    "launch.condition": "Condition",
    "launch.conditions": "IfCondition LaunchConfigurationEquals LaunchConfigurationNotEquals "
    "UnlessCondition evaluate_condition_expression",
    "launch.conditions.if_condition": "IfCondition",
    "launch.conditions.launch_configuration_equals": "LaunchConfigurationEquals",
    "launch.conditions.launch_configuration_not_equals": "LaunchConfigurationNotEquals",
    "launch.conditions.unless_condition": "IfCondition UnlessCondition",
    "launch.event": "Event",
    "launch.event_handler": "BaseEventHandler EventHandler",
    "launch.event_handlers": "OnExecutionComplete OnProcessExit OnProcessIO OnProcessStart "
    "OnShutdown",
    "launch.event_handlers.on_process_exit": "OnProcessExit",
    "launch.event_handlers.on_process_io": "OnProcessIO",
    "launch.event_handlers.on_process_start": "OnProcessStart",
    "launch.event_handlers.on_shutdown": "OnShutdown",
    "launch.events": "ExecutionComplete IncludeLaunchDescription Shutdown TimerEvent "
    "matches_action process",
    "launch.events.matchers": "matches_action",
    "launch.events.process": "ProcessExited ProcessIO ProcessStarted ProcessStderr ProcessStdout "
    "RunningProcessEvent",
    "launch.events.process.process_exited": "ProcessExited",
    "launch.events.process.process_io": "ProcessIO",
    "launch.events.process.process_started": "ProcessStarted",
    "launch.launch_context": "LaunchContext",
    "launch.launch_description": "LaunchDescription",
    "launch.launch_description_entity": "LaunchDescriptionEntity",
    "launch.launch_description_source": "LaunchDescriptionSource",
    "launch.launch_description_sources": "AnyLaunchDescriptionSource "
    "InvalidPythonLaunchFileError PythonLaunchDescriptionSource "
    "get_launch_description_from_any_launch_file get_launch_description_from_python_launch_file "
    "load_python_launch_file_as_module",
    "launch.launch_description_sources.any_launch_description_source": "AnyLaunchDescriptionSource",
    "launch.launch_description_sources.python_launch_description_source": (
        "PythonLaunchDescriptionSource"
    ),
    "launch.launch_description_sources.python_launch_file_utilities": (
        "get_launch_description_from_python_launch_file"
    ),
    "launch.launch_service": "LaunchService",
    "launch.logging": "get_logger get_output_loggers launch_config log_launch_config",
    "launch.some_entities_type": "SomeEntitiesType SomeEntitiesType_types_tuple",
    "launch.some_substitutions_type": "SomeSubstitutionsType SomeSubstitutionsType_types_tuple",
    "launch.substitution": "Substitution",
    "launch.substitutions": "AndSubstitution Command EnvironmentVariable EqualsSubstitution "
    "FileContent FindExecutable IfElseSubstitution LaunchConfiguration LaunchLogDir "
    "LocalSubstitution NotEqualsSubstitution NotSubstitution OrSubstitution PathJoinSubstitution "
    "PythonExpression SubstitutionFailure TextSubstitution ThisLaunchFile ThisLaunchFileDir",
    "launch.substitutions.command": "Command",
    "launch.substitutions.environment_variable": "EnvironmentVariable",
    "launch.substitutions.equals_substitution": "EqualsSubstitution",
    "launch.substitutions.find_executable": "FindExecutable",
    "launch.substitutions.launch_configuration": "LaunchConfiguration",
    "launch.substitutions.local_substitution": "LocalSubstitution",
    "launch.substitutions.not_equals_substitution": "NotEqualsSubstitution",
    "launch.substitutions.path_join_substitution": "PathJoinSubstitution",
    "launch.substitutions.python_expression": "PythonExpression",
    "launch.substitutions.substitution_failure": "SubstitutionFailure",
    "launch.substitutions.text_substitution": "TextSubstitution",
    "launch.substitutions.this_launch_file": "ThisLaunchFile",
    "launch.substitutions.this_launch_file_dir": "ThisLaunchFileDir",
    "launch.utilities": "ensure_argument_type normalize_to_list_of_substitutions "
    "perform_substitutions",
    "launch.utilities.type_utils": "coerce_to_type normalize_typed_substitution "
    "perform_typed_substitution",
    "launch_ros.actions": "Node PushRosNamespace PushROSNamespace SetParameter "
    "SetParametersFromFile SetRemap SetROSLogDir SetUseSimTime",
    "launch_ros.actions.node": "Node",
    "launch_ros.actions.push_ros_namespace": "PushROSNamespace",
    "launch_ros.actions.set_parameter": "SetParameter",
    "launch_ros.actions.set_remap": "SetRemap",
    "launch_ros.descriptions": "ParameterFile ParameterValue",
    "launch_ros.parameter_descriptions": "ParameterFile ParameterValue",
    "launch_ros.substitutions": "ExecutableInPackage FindPackagePrefix FindPackageShare",
    "launch_ros.substitutions.find_package": "FindPackagePrefix FindPackageShare",
}


# What the first releases of Humble lack.
NEWER = {
    "EqualsSubstitution",
    "FileContent",
    "IfElseSubstitution",
    "LaunchLogDir",
    "NotEqualsSubstitution",
    "PushROSNamespace",
    "SetROSLogDir",
    "SetUseSimTime",
    "SomeEntitiesType",
    "SomeEntitiesType_types_tuple",
}


@pytest.mark.parametrize("path", PATHS)
def test_import_path(path: str) -> None:
    names = set(PATHS[path].split())
    may_lack = set() if hasattr(launch, "refusal") else NEWER
    if names <= may_lack and importlib.util.find_spec(path) is None:
        pytest.skip(f"this launch is older than {path}")
    module = importlib.import_module(path)
    assert {name for name in names if not hasattr(module, name)} <= may_lack


def test_an_import_leaves_the_whole_path_behind() -> None:
    for path in ("launch.launch_context", "launch.actions.execute_process", "launch.substitution"):
        importlib.import_module(path)
    assert launch.launch_context.LaunchContext is launch.LaunchContext
    assert launch.actions.execute_process.ExecuteProcess is launch.actions.ExecuteProcess
    assert launch.substitution.Substitution is launch.Substitution
