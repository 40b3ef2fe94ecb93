"""Substitutions about ROS packages and parameters."""

from __future__ import annotations

import os
import shutil
from typing import Any

from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_packages_with_prefixes,
)
from launch.bases import LaunchContext, SomeSubstitutionsType, Substitution, SubstitutionFailure
from launch.refusal import nearest
from launch.substitutions import PathSubstitution, normalize_default
from launch.utilities import (
    describe_substitutions,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

from .scope import GlobalParameter, global_parameters

__all__ = [
    "ExecutableInPackage",
    "FindPackage",
    "FindPackagePrefix",
    "FindPackageShare",
    "Parameter",
]


def find_prefix(package: str) -> str:
    """Return the prefix of a package.

    Raises PackageNotFoundError that suggests the nearest package and lists all.
    """
    try:
        return get_package_prefix(package)
    except PackageNotFoundError as error:
        known = sorted(get_packages_with_prefixes())
        raise PackageNotFoundError(
            f"package '{package}' not found{nearest(package, known)} "
            f"(AMENT_PREFIX_PATH: {os.environ.get('AMENT_PREFIX_PATH')}; "
            f"packages: {', '.join(known) or 'none'})"
        ) from error
    except OSError as error:
        raise PackageNotFoundError(
            f"package '{package}' not found: AMENT_PREFIX_PATH is not set; source the set-up "
            "file of a workspace (install/setup.bash)"
        ) from error


class FindPackage(PathSubstitution):
    """Base of the substitutions that find a package; `/` goes on from the folder."""

    def __init__(self, package: SomeSubstitutionsType) -> None:
        super().__init__(self)
        self.package: list[Substitution] = normalize_to_list_of_substitutions(package)

    def describe(self) -> str:
        package = describe_substitutions(self.package)
        return f"{type(self).__name__}(pkg={package})"

    def find(self, package_name: str) -> str:
        """Return the folder; subclasses define it."""
        raise TypeError(f"{type(self).__name__} must define find(package_name)")

    def perform(self, context: LaunchContext) -> str:
        return self.find(perform_substitutions(context, self.package))


class FindPackagePrefix(FindPackage):
    """The prefix of a package: the folder that holds its `lib` and `share`."""

    def find(self, package_name: str) -> str:
        return find_prefix(package_name)


class FindPackageShare(FindPackage):
    """The `share` folder of a package, with its launch, configuration and other files."""

    def find(self, package_name: str) -> str:
        return os.path.join(find_prefix(package_name), "share", package_name)


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


class Parameter(Substitution):
    """The value as text; not set in this scope and no default: a failure."""

    def __init__(self, name: SomeSubstitutionsType, *, default: Any = None) -> None:
        self.name = normalize_to_list_of_substitutions(name)
        self._default = normalize_default(default)

    def describe(self) -> str:
        return f"Parameter(name={describe_substitutions(self.name)})"

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self.name)
        for parameter in global_parameters(context):
            if isinstance(parameter, GlobalParameter) and parameter.name == name:
                return str(parameter.value)
        if self._default is None:
            raise SubstitutionFailure(f"parameter '{name}' not found")
        return perform_substitutions(context, self._default)
