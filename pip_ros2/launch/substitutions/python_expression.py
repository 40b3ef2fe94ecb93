"""PythonExpression: the value of a Python expression."""

from __future__ import annotations

import importlib

from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.substitution_lists import describe_substitutions


class PythonExpression(Substitution):
    """A Python expression as text, evaluated with the modules named; `math` without its name."""

    def __init__(
        self,
        expression: SomeSubstitutionsType,
        python_modules: SomeSubstitutionsType = ("math",),
    ) -> None:
        self.expression = normalize_to_list_of_substitutions(expression)
        self.python_modules = normalize_to_list_of_substitutions(python_modules)

    def describe(self) -> str:
        expression = describe_substitutions(self.expression)
        modules = ", ".join(part.describe() for part in self.python_modules)
        return f"PythonExpr({expression}, [{modules}])"

    def perform(self, context: LaunchContext) -> str:
        values: dict[str, object] = {}
        for part in self.python_modules:
            name = context.perform_substitution(part)
            module = importlib.import_module(name)
            if name == "math":
                values.update(vars(module))
            values[name] = module
        # The expression comes from the launch file, which is itself Python code.
        return str(eval(perform_substitutions(context, self.expression), {}, values))
