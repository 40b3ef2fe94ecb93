"""What can be wrong with a bag."""

from __future__ import annotations


class BagError(ValueError):
    """A bag that cannot be read, or must not be written; the text says why and what to do."""


class DamageError(Exception):
    """Where a file ends to make sense; what comes before it can be used."""


class CutOffError(DamageError):
    """The file ends too early. ``lost_bytes``: what stands behind the last record that is whole."""

    def __init__(self, text: str, lost_bytes: int) -> None:
        super().__init__(text)
        self.lost_bytes = lost_bytes
