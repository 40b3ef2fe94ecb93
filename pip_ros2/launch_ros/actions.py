"""Node, and the actions that set something for all nodes in scope."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from launch.bases import Action, LaunchContext, SomeSubstitutionsType, Substitution
from launch.execute import ExecuteProcess
from launch.logging import get_logger, log_base
from launch.utilities import (
    describe_substitutions,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

from .descriptions import (
    Parameter,
    ParameterFile,
    dump_value,
    evaluate_parameter_dict,
    evaluate_parameters,
    normalize_parameter_dict,
    normalize_parameters,
)
from .scope import (
    GlobalParameter,
    absolute_namespace,
    add_global_parameters,
    add_global_remap,
    check_namespace,
    check_node_name,
    global_parameters,
    global_remaps,
    join_namespaces,
    scoped_namespace,
    set_scoped_namespace,
)
from .substitutions import ExecutableInPackage

__all__ = [
    "Node",
    "PushROSNamespace",
    "PushRosNamespace",
    "SetParameter",
    "SetParametersFromFile",
    "SetROSLogDir",
    "SetRemap",
]


class SetParameter(Action):
    """Sets a parameter of the nodes that are started afterwards in the same scope."""

    def __init__(self, name: SomeSubstitutionsType, value: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = normalize_to_list_of_substitutions(name)
        self.value = value
        self._parameters = normalize_parameter_dict({tuple(self.name): value})

    def execute(self, context: LaunchContext) -> None:
        values = evaluate_parameter_dict(context, self._parameters)
        add_global_parameters(context, [GlobalParameter(*item) for item in values.items()])


class SetParametersFromFile(Action):
    """Gives a parameter file to the nodes that are started afterwards in the same scope."""

    def __init__(self, filename: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._filename = normalize_to_list_of_substitutions(filename)

    def execute(self, context: LaunchContext) -> None:
        path = Path(perform_substitutions(context, self._filename))
        if not path.is_file():
            raise FileNotFoundError(f"SetParametersFromFile: '{path}' is not a file")
        add_global_parameters(context, [path])


class SetRemap(Action):
    """Remaps a name in the nodes that are started afterwards in the same scope."""

    def __init__(
        self, src: SomeSubstitutionsType, dst: SomeSubstitutionsType, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.src = normalize_to_list_of_substitutions(src)
        self.dst = normalize_to_list_of_substitutions(dst)

    def execute(self, context: LaunchContext) -> None:
        add_global_remap(
            context,
            perform_substitutions(context, self.src),
            perform_substitutions(context, self.dst),
        )


class PushROSNamespace(Action):
    """Adds a namespace for the nodes that are started afterwards in the same scope.

    A scoped `GroupAction` takes it away again; nothing else does.
    """

    def __init__(self, namespace: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.namespace = normalize_to_list_of_substitutions(namespace)

    def execute(self, context: LaunchContext) -> None:
        pushed = perform_substitutions(context, self.namespace)
        namespace = absolute_namespace(join_namespaces(scoped_namespace(context), pushed))
        assert namespace is not None
        check_namespace(namespace)
        set_scoped_namespace(context, namespace)


PushRosNamespace = PushROSNamespace  # both spellings exist


class SetROSLogDir(Action):
    """Sets ROS_LOG_DIR for what is started afterwards; a relative path goes below the present."""

    def __init__(self, new_log_dir: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.log_dir = normalize_to_list_of_substitutions(new_log_dir)

    def execute(self, context: LaunchContext) -> None:
        new_log_dir = perform_substitutions(context, self.log_dir)
        context.environment["ROS_LOG_DIR"] = os.path.join(log_base(), new_log_dir)


_NODE_NAMES = "ros_node_names"  # in the context's globals: full name -> how often it was started


class Node(ExecuteProcess):
    """Runs the executable of a package (or, without package, a path) as a ROS node.

    name, namespace: override what the node calls itself; a relative namespace goes below that
        of `PushRosNamespace`.
    parameters: files and dictionaries, later ones override earlier ones. A dictionary may be
        nested and hold substitutions, whose text is read as YAML; plain strings stay strings.
    remappings: (from, to) pairs.
    ros_arguments: more arguments after `--ros-args`; arguments: those before it.
    exec_name: name of the process in the log.
    The other arguments are those of `ExecuteProcess`.
    """

    UNSPECIFIED_NODE_NAME = "<node_name_unspecified>"
    UNSPECIFIED_NODE_NAMESPACE = "<node_namespace_unspecified>"

    def __init__(
        self,
        *,
        executable: SomeSubstitutionsType,
        package: SomeSubstitutionsType | None = None,
        name: SomeSubstitutionsType | None = None,
        namespace: SomeSubstitutionsType | None = None,
        exec_name: SomeSubstitutionsType | None = None,
        parameters: Sequence[Any] | None = None,
        remappings: Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]] | None = None,
        ros_arguments: Iterable[SomeSubstitutionsType] | None = None,
        arguments: Iterable[SomeSubstitutionsType] | None = None,
        **kwargs: Any,
    ) -> None:
        cmd: list[SomeSubstitutionsType] = [
            executable if package is None else ExecutableInPackage(executable, package)
        ]
        cmd += list(arguments or ())
        if ros_arguments is not None:
            cmd += ["--ros-args", *ros_arguments]
        super().__init__(cmd=cmd, name=exec_name, **kwargs)
        self.node_package = package
        self.node_executable = executable
        self._name = None if name is None else normalize_to_list_of_substitutions(name)
        self._namespace = (
            None if namespace is None else normalize_to_list_of_substitutions(namespace)
        )
        self._parameters = normalize_parameters(parameters or [])
        self._remappings = [_normalize_remapping(remapping) for remapping in remappings or ()]
        self._full_name: str | None = None
        self.expanded_node_namespace = self.UNSPECIFIED_NODE_NAMESPACE
        self.expanded_remapping_rules: list[tuple[str, str]] | None = None

    @property
    def node_name(self) -> str:
        """Full name of the node; parts that are left to the node are marked as unspecified."""
        if self._full_name is None:
            raise RuntimeError("cannot access 'node_name' before executing action")
        return self._full_name

    def is_node_name_fully_specified(self) -> bool:
        """Return whether both name and namespace are given."""
        unspecified = (self.UNSPECIFIED_NODE_NAME, self.UNSPECIFIED_NODE_NAMESPACE)
        return not any(part in self.node_name for part in unspecified)

    def execute(self, context: LaunchContext) -> None:
        words = ["--ros-args"]
        words += self._name_arguments(context)
        words += self._parameter_arguments(context)
        words += self._remapping_arguments(context)
        self.cmd.extend(normalize_to_list_of_substitutions(word) for word in words)
        super().execute(context)
        if self.is_node_name_fully_specified():
            self._warn_of_duplicate(context)

    def _name_arguments(self, context: LaunchContext) -> list[str]:
        words = []
        name = self.UNSPECIFIED_NODE_NAME
        if self._name is not None:
            name = perform_substitutions(context, self._name)
            check_node_name(name)
            words += ["-r", f"__node:={name}"]
        given = None if self._namespace is None else perform_substitutions(context, self._namespace)
        namespace = absolute_namespace(join_namespaces(scoped_namespace(context), given))
        if namespace is not None:
            check_namespace(namespace)
            self.expanded_node_namespace = namespace
            words += ["-r", f"__ns:={namespace}"]
        self._full_name = join_namespaces(self.expanded_node_namespace, name)
        return words

    def _parameter_arguments(self, context: LaunchContext) -> list[str]:
        # Those of SetParameter first, so that the node's own override them.
        words = []
        for parameter in global_parameters(context):
            if isinstance(parameter, GlobalParameter):
                words += ["-p", f"{parameter.name}:={dump_value(parameter.value)}"]
            else:
                words += self._file_arguments(parameter)
        for parameters in evaluate_parameters(context, self._parameters):
            if isinstance(parameters, dict):
                words += ["--params-file", self._write_parameters(parameters)]
            elif isinstance(parameters, Parameter):
                name, value = parameters.evaluate(context)
                words += ["-p", f"{name}:={dump_value(value)}"]
            else:
                words += self._file_arguments(parameters)
        return words

    def _file_arguments(self, path: Path) -> list[str]:
        if not path.is_file():
            get_logger("launch_ros").warning("Parameter file path is not a file: %s", path)
            return []
        return ["--params-file", os.path.abspath(path)]

    def _write_parameters(self, parameters: dict[str, Any]) -> str:
        """Write a parameter file into the log folder and return its path."""
        node = self.node_name if self.is_node_name_fully_specified() else "/**"
        path = ParameterFile.temporary_path()
        path.write_text(yaml.safe_dump({node: {"ros__parameters": parameters}}), encoding="utf-8")
        return str(path)

    def _remapping_arguments(self, context: LaunchContext) -> list[str]:
        rules = global_remaps(context)
        rules += [
            (perform_substitutions(context, source), perform_substitutions(context, target))
            for source, target in self._remappings
        ]
        self.expanded_remapping_rules = rules or None
        return [word for source, target in rules for word in ("-r", f"{source}:={target}")]

    def _warn_of_duplicate(self, context: LaunchContext) -> None:
        names = context.get_locals_as_dict().get(_NODE_NAMES, {})
        count = names.get(self.node_name, 0) + 1
        context.extend_globals({_NODE_NAMES: {**names, self.node_name: count}})
        if count > 1:
            get_logger("launch_ros").warning(
                "there are now at least %d nodes with the name %s created within this launch "
                "context",
                count,
                self.node_name,
            )


def _normalize_remapping(
    remapping: tuple[SomeSubstitutionsType, SomeSubstitutionsType],
) -> tuple[list[Substitution], list[Substitution]]:
    if not isinstance(remapping, tuple) or len(remapping) != 2:
        raise TypeError(f"Node: a remapping must be a tuple (from, to), got {remapping!r}")
    source, target = remapping
    return normalize_to_list_of_substitutions(source), normalize_to_list_of_substitutions(target)


def _text(value: SomeSubstitutionsType) -> str:
    return describe_substitutions(normalize_to_list_of_substitutions(value))
