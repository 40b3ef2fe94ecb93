"""FindPackagePrefix and FindPackageShare: where a ROS package is installed."""

from __future__ import annotations

import os

from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_packages_with_prefixes,
)
from launch.launch_context import LaunchContext
from launch.refusal import nearest
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution
from launch.substitutions import PathSubstitution
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch.utilities.substitution_lists import describe_substitutions


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
