"""What is wrong with a dataset, in which file, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from act_core.errors import ConfigurationError


class DatasetError(ConfigurationError):
    """A dataset that cannot be used as it is; the text names the file and the remedy."""


@contextmanager
def damage_of(what: object) -> Iterator[None]:
    """Within, whatever reading foreign data raises becomes a DatasetError that names `what`.

    Files of others can be broken in more ways than their readers check for; what the libraries
    below then raise says little to a person, but is all that is known.
    """
    try:
        yield
    except DatasetError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
            RuntimeError, MemoryError) as error:  # fmt: skip
        detail = str(error) if isinstance(error, OSError) else repr(error)
        raise DatasetError(f"{what} is damaged or missing: {detail}") from error
