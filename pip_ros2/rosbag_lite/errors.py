"""What can be wrong with a bag."""

from __future__ import annotations

from pathlib import Path

_POINTER = b"version https://git-lfs"  # begins the text that Git LFS leaves in place of a file


class BagError(ValueError):
    """A bag that cannot be read, or must not be written; the text says why and what to do."""


class DamageError(Exception):
    """Where a file ends to make sense; what comes before it can be used."""


class CutOffError(DamageError):
    """The file ends too early. ``lost_bytes``: what stands behind the last record that is whole."""

    def __init__(self, text: str, lost_bytes: int) -> None:
        super().__init__(text)
        self.lost_bytes = lost_bytes


def check_is_itself(path: Path) -> None:
    """BagError for a pointer of Git LFS in place of a bag's file."""
    with path.open("rb") as stream:
        if stream.read(len(_POINTER)) == _POINTER:
            raise BagError(
                f"{path} is a pointer of Git LFS, not the file: run `git lfs install && git lfs "
                "pull` in its repository, or download the file itself"
            )
