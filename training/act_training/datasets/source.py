"""What the importer asks of a foreign dataset, and what a person may add to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from act_core.errors import suggest

from act_training.datasets.episode_file import Episode
from act_training.datasets.errors import DatasetError

UNKNOWN_UNIT = "unknown"  # nobody said

ORIGIN_DIGITS = 32  # of a fingerprint
FASTEST_HZ = 10_000  # no camera or arm is recorded at a higher rate

Item = TypeVar("Item")


class EpisodeSource(Protocol):
    """Episodes that can be read one by one."""

    @property
    def names(self) -> list[str]:
        """One for each episode, for a person."""

    @property
    def notes(self) -> list[str]:
        """What was assumed, for a person."""

    @property
    def warnings(self) -> list[str]:
        """What was lost or looks wrong, for a person to act on."""

    def fingerprint(self, position: int) -> str:
        """What the episode at `position` is made of: 64 hexadecimal digits.

        Another content gives others. The first `ORIGIN_DIGITS` stay where only files that episodes
        share have changed. Raises DatasetError as `read` does.
        """

    def read(self, position: int) -> Episode:
        """The episode at `position` of `names`; DatasetError says what is wrong with it."""


@dataclass(frozen=True)
class Declared:
    """What a person says of a dataset because its files do not; None or empty where unsaid."""

    units: str | None = None
    rate_hz: float | None = None
    task: str | None = None
    joints: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    gripper_open: float | None = None
    trust_units: bool = False  # the person knows that the values are in `units` all the same

    def choose_cameras(self, found: Mapping[str, Item]) -> tuple[Item, ...]:
        """The cameras asked for, in that order, or all; DatasetError for an unknown one."""
        for name in self.cameras:
            if name not in found:
                raise DatasetError(suggest("camera", name, found))
        return tuple(found[name] for name in self.cameras or found)

    def rename_joints(self, stored: tuple[str, ...]) -> tuple[str, ...]:
        """The names of the joint values: as said, else as stored."""
        return _rename("--joint-names", self.joints, stored)

    def rename_actions(self, stored: tuple[str, ...]) -> tuple[str, ...]:
        """The names of the action values: as said, else those said for as many joints."""
        joints = self.joints if len(self.joints) == len(stored) else ()
        return _rename("--action-names", self.actions or joints, stored)

    def check_rate(self, stored_hz: float) -> None:
        """DatasetError when a rate was said that the files contradict."""
        if self.rate_hz is not None and self.rate_hz != stored_hz:
            raise DatasetError(
                f"--rate-hz {self.rate_hz:g} contradicts the dataset, which says {stored_hz:g} Hz: "
                "leave it out"
            )

    def needed_rate(self, example: str) -> float:
        """The rate that was said; DatasetError with an example when none was."""
        if self.rate_hz is None:
            raise DatasetError(
                f"the files do not say at which rate they were recorded: say --rate-hz ({example})"
            )
        return usable_rate("--rate-hz", self.rate_hz)


def usable_rate(what: str, rate_hz: float) -> float:
    """`rate_hz`; DatasetError, which names `what`, for one that no recording can have."""
    if not 0 < rate_hz <= FASTEST_HZ:
        raise DatasetError(f"{what} is {rate_hz:g}, expected a positive rate in Hz")
    return rate_hz


def _rename(option: str, said: tuple[str, ...], stored: tuple[str, ...]) -> tuple[str, ...]:
    if said and len(said) != len(stored):
        raise DatasetError(f"{option} has {len(said)} names, the dataset {len(stored)} values")
    return said or stored
