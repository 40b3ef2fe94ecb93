"""InvalidLaunchFileError: a launch file that cannot be read."""

from __future__ import annotations


class InvalidLaunchFileError(Exception):
    """The launch file does not exist, has an error, or is in a format that is not supported."""
