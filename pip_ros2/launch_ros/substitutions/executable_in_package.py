"""ExecutableInPackage: the path of a node's executable."""

from __future__ import annotations

import os
import shutil

from launch.launch_context import LaunchContext
from launch.refusal import nearest
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import SubstitutionFailure
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch.utilities.substitution_lists import describe_substitutions

from .find_package import FindPackagePrefix


class ExecutableInPackage(FindPackagePrefix):
    """`<prefix>/lib/<package>/<executable>`; a failure lists the executables of the package."""

    def __init__(self, executable: SomeSubstitutionsType, package: SomeSubstitutionsType) -> None:
        super().__init__(package)
        self.executable = normalize_to_list_of_substitutions(executable)

    def describe(self) -> str:
        package = describe_substitutions(self.package)
        executable = describe_substitutions(self.executable)
        return f"ExecInPkg(pkg={package}, exec={executable})"

    def perform(self, context: LaunchContext) -> str:
        executable = perform_substitutions(context, self.executable)
        package = perform_substitutions(context, self.package)
        folder = os.path.join(super().perform(context), "lib", package)
        path = shutil.which(executable, path=folder)
        if path is None:
            known = _executables(folder)
            raise SubstitutionFailure(
                f"executable '{executable}' not found in package '{package}' "
                f"({folder}){nearest(executable, known)} "
                f"(executables: {', '.join(known) or 'none'})"
            )
        return path


def _executables(folder: str) -> list[str]:
    if not os.path.isdir(folder):
        return []
    return sorted(name for name in os.listdir(folder) if shutil.which(name, path=folder))
