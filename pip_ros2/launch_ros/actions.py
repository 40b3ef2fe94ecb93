"""Node, and the actions that set something for all nodes in scope."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from launch.bases import Action, LaunchContext, SomeSubstitutionsType, Text, optional
from launch.logging import get_logger, log_base
from launch.process import ExecuteProcess

from .descriptions import (
    ParameterFile,
    dump_value,
    evaluate_parameter_dict,
    normalize_parameter_dict,
    normalize_parameters,
)
from .scope import (
    NAMESPACE,
    PARAMETERS,
    REMAPS,
    add_to_scope,
    check_node_name,
    in_scope,
    join_namespaces,
    namespace_in_scope,
)
from .substitutions import ExecutableInPackage


class SetParameter(Action):
    """Sets a parameter of the nodes that are started afterwards in the same scope."""

    def __init__(self, name: SomeSubstitutionsType, value: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._parameters = normalize_parameter_dict({tuple(Text(name)): value})

    def execute(self, context: LaunchContext) -> None:
        values = evaluate_parameter_dict(context, self._parameters)
        add_to_scope(context, PARAMETERS, list(values.items()))


class SetUseSimTime(SetParameter):
    """Sets the parameter use_sim_time of the nodes that are started afterwards in the scope."""

    def __init__(self, value: Any, **kwargs: Any) -> None:
        super().__init__("use_sim_time", value, **kwargs)


class SetParametersFromFile(Action):
    """Gives a parameter file to the nodes that are started afterwards in the same scope."""

    def __init__(self, filename: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._filename = Text(filename)

    def execute(self, context: LaunchContext) -> None:
        path = Path(self._filename.perform(context))
        if not path.is_file():
            raise FileNotFoundError(f"SetParametersFromFile: '{path}' is not a file")
        add_to_scope(context, PARAMETERS, [path])


class SetRemap(Action):
    """Remaps a name in the nodes that are started afterwards in the same scope."""

    def __init__(
        self, src: SomeSubstitutionsType, dst: SomeSubstitutionsType, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.src, self.dst = Text(src), Text(dst)

    def execute(self, context: LaunchContext) -> None:
        add_to_scope(context, REMAPS, [(self.src.perform(context), self.dst.perform(context))])


class PushROSNamespace(Action):
    """Adds a namespace for the nodes that are started afterwards in the same scope.

    A scoped `GroupAction` takes it away again; nothing else does.
    """

    def __init__(self, namespace: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.namespace = Text(namespace)

    def execute(self, context: LaunchContext) -> None:
        pushed = namespace_in_scope(context, self.namespace.perform(context))
        context.launch_configurations[NAMESPACE] = pushed


PushRosNamespace = PushROSNamespace  # both spellings exist


class SetROSLogDir(Action):
    """Sets ROS_LOG_DIR for what is started afterwards; a relative path goes below the present."""

    def __init__(self, new_log_dir: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.log_dir = Text(new_log_dir)

    def execute(self, context: LaunchContext) -> None:
        context.environment["ROS_LOG_DIR"] = os.path.join(log_base(), self.log_dir.perform(context))


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
        program = executable if package is None else ExecutableInPackage(executable, package)
        cmd: list[SomeSubstitutionsType] = [program, *(arguments or ())]
        if ros_arguments is not None:
            cmd += ["--ros-args", *ros_arguments]
        super().__init__(cmd=cmd, name=exec_name, **kwargs)
        self._node_name, self._namespace = optional(name), optional(namespace)
        self._parameters = normalize_parameters(parameters or [])
        self._remappings = [_normalize_remapping(remapping) for remapping in remappings or ()]
        self._full_name: str | None = None
        self.expanded_node_namespace = self.UNSPECIFIED_NODE_NAMESPACE

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
        words = [
            "--ros-args",
            *self._name_arguments(context),
            *self._parameter_arguments(context),
            *self._remapping_arguments(context),
        ]
        self.cmd.extend(map(Text, words))
        super().execute(context)
        if self.is_node_name_fully_specified():
            self._warn_of_duplicate(context)

    def _name_arguments(self, context: LaunchContext) -> list[str]:
        words = []
        name = self.UNSPECIFIED_NODE_NAME
        if self._node_name is not None:
            name = self._node_name.perform(context)
            check_node_name(name)
            words += ["-r", f"__node:={name}"]
        given = None if self._namespace is None else self._namespace.perform(context)
        namespace = namespace_in_scope(context, given)
        if namespace is not None:
            self.expanded_node_namespace = namespace
            words += ["-r", f"__ns:={namespace}"]
        self._full_name = join_namespaces(self.expanded_node_namespace, name)
        return words

    def _parameter_arguments(self, context: LaunchContext) -> list[str]:
        # Those of SetParameter first, so that the node's own override them.
        words = []
        for parameter in in_scope(context, PARAMETERS):
            if isinstance(parameter, Path):
                words += self._file_arguments(parameter)
            else:
                name, value = parameter
                words += ["-p", f"{name}:={dump_value(value)}"]
        for parameters in self._parameters:
            if isinstance(parameters, ParameterFile):
                words += self._file_arguments(parameters.evaluate(context))
            else:
                values = evaluate_parameter_dict(context, parameters)
                words += ["--params-file", self._write_parameters(values)]
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
        own = [(source.perform(context), to.perform(context)) for source, to in self._remappings]
        rules = [*in_scope(context, REMAPS), *own]
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


def _normalize_remapping(remapping: Any) -> tuple[Text, Text]:
    if not isinstance(remapping, tuple) or len(remapping) != 2:
        raise TypeError(f"Node: a remapping must be a tuple (from, to), got {remapping!r}")
    return Text(remapping[0]), Text(remapping[1])
