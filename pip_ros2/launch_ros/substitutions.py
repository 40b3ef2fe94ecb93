"""Substitutions about ROS packages."""

from __future__ import annotations

import os
import shutil

from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_packages_with_prefixes,
)
from launch.bases import LaunchContext, SomeSubstitutionsType, SubstitutionFailure, Text
from launch.refusal import nearest
from launch.substitutions import Path


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


class FindPackagePrefix(Path):
    """The prefix of a package: the folder that holds its `lib` and `share`."""

    def __init__(self, package: SomeSubstitutionsType) -> None:
        self.package = Text(package)

    def find(self, package_name: str) -> str:
        """Return the folder of any package."""
        return find_prefix(package_name)

    def perform(self, context: LaunchContext) -> str:
        return self.find(self.package.perform(context))


class FindPackageShare(FindPackagePrefix):
    """The `share` folder of a package, with its launch, configuration and other files."""

    def find(self, package_name: str) -> str:
        return os.path.join(find_prefix(package_name), "share", package_name)


class ExecutableInPackage(FindPackagePrefix):
    """`<prefix>/lib/<package>/<executable>`; a failure lists the executables of the package."""

    def __init__(self, executable: SomeSubstitutionsType, package: SomeSubstitutionsType) -> None:
        super().__init__(package)
        self.executable = Text(executable)

    def perform(self, context: LaunchContext) -> str:
        executable = self.executable.perform(context)
        package = self.package.perform(context)
        folder = os.path.join(super().perform(context), "lib", package)
        path = shutil.which(executable, path=folder)
        if path is None:
            names = os.listdir(folder) if os.path.isdir(folder) else []
            known = sorted(name for name in names if shutil.which(name, path=folder))
            raise SubstitutionFailure(
                f"executable '{executable}' not found in package '{package}' "
                f"({folder}){nearest(executable, known)} "
                f"(executables: {', '.join(known) or 'none'})"
            )
        return path
