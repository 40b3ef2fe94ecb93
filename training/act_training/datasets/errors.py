"""What is wrong with a dataset, in which file, and what to do about it."""

from __future__ import annotations

from act_core.errors import ConfigurationError


class DatasetError(ConfigurationError):
    """A dataset that cannot be used as it is; the text names the file and the remedy."""
