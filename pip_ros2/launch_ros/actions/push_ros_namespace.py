"""PushRosNamespace: a namespace for every node in scope."""

from __future__ import annotations

from typing import Any

from launch.action import Action
from launch.launch_context import LaunchContext
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

from ..names import absolute_namespace, check_namespace, join_namespaces
from ..node_scope import scoped_namespace, set_scoped_namespace


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
