"""How much help a policy needed: what a dataset with take-overs says about it.

Gripper openings tell of grasps: one that closes is tried, and won where it closes around something
and is still closed around it half a second later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from act_core.intervals import wilson_interval
from numpy.typing import NDArray

from act_training.datasets.episode_file import Episode, takeovers

GRIPPER = "gripper"  # the end of the names of joints that open and close a hand
CLOSED_RAD, OPENED_RAD = 0.07, 0.45  # an SO-101's: below, nothing is between; above, it is open
HELD_S = 0.5
Z = 1.96  # of a 95 % interval


@dataclass(frozen=True)
class Interventions:
    """Of E episodes with T seconds in all.

    Attributes:
        counts: (E,) take-overs in each episode.
        seconds: T.
        by_person_s: of it, that a person had the arm.
        tried, won: grasps while the policy drove.
        alone: episodes without a take-over.
    """

    counts: NDArray[np.int64]
    seconds: float
    by_person_s: float
    tried: int
    won: int
    alone: int

    @property
    def per_episode(self) -> tuple[float, float, float]:
        """Mean take-overs in an episode, and the ends of its interval (normal approximation)."""
        mean = float(self.counts.mean())
        error = float(self.counts.std(ddof=1) / np.sqrt(len(self.counts))) if self.several else 0.0
        return mean, max(0.0, mean - Z * error), mean + Z * error

    @property
    def several(self) -> bool:
        """Whether there are enough episodes for an interval of a mean."""
        return len(self.counts) > 1

    @property
    def autonomous(self) -> float:
        """Share of the time in which no person had the arm."""
        return 1.0 - self.by_person_s / self.seconds

    @property
    def between_s(self) -> tuple[float, float, float] | None:
        """Mean time that the policy drove for each take-over, and the ends of its interval (counts
        of a Poisson process, approximated as Wilson and Hilferty, 1931); None without any."""
        count = int(self.counts.sum())
        if not count:
            return None
        alone_s = self.seconds - self.by_person_s
        low = count * (1 - 1 / (9 * count) - Z / (3 * np.sqrt(count))) ** 3
        above = count + 1
        high = above * (1 - 1 / (9 * above) + Z / (3 * np.sqrt(above))) ** 3
        return alone_s / count, alone_s / high, alone_s / low


def count_interventions(episodes: Sequence[Episode]) -> Interventions:
    """Count them in a dataset."""
    tried = won = 0
    for episode in episodes:
        for joint, name in enumerate(episode.features.joints):
            if name.endswith(GRIPPER):
                opening = episode.joints[:, joint]
                grasps = grasps_of(opening, episode.features.rate_hz)
                own = [success for step, success in grasps if not episode.intervention[step]]
                tried, won = tried + len(own), won + sum(own)
    counts = np.array([_count(episode) for episode in episodes])
    return Interventions(
        counts=counts,
        seconds=sum(len(episode) / episode.features.rate_hz for episode in episodes),
        by_person_s=sum(
            float(episode.intervention.sum()) / episode.features.rate_hz for episode in episodes
        ),
        tried=tried,
        won=won,
        alone=int((counts == 0).sum()),
    )


def _count(episode: Episode) -> int:
    """Take-overs, that which begins with the episode included."""
    return len(takeovers(episode)) + int(episode.intervention[0])


def grasps_of(opening_rad: NDArray, rate_hz: float) -> list[tuple[int, bool]]:
    """The steps at which a gripper (T,) [rad] that was open had stopped closing, and whether
    something was between its fingers half a second later."""
    found: list[tuple[int, bool]] = []
    later = max(1, round(HELD_S * rate_hz))
    was_open = False
    for step, opening in enumerate(opening_rad.tolist()):
        if opening > OPENED_RAD:
            was_open = True
            continue
        after = opening_rad[min(step + later, len(opening_rad) - 1)]
        if was_open and abs(after - opening) < 0.02:
            was_open = False
            found.append((step, bool(CLOSED_RAD < after < OPENED_RAD)))
    return found


def format_interventions(found: Interventions) -> list[str]:
    """Lines for a report; none for a dataset without take-overs, or of a person alone."""
    if not found.counts.sum() or found.by_person_s >= found.seconds:
        return []
    mean, low, high = found.per_episode
    lines = [
        f"take-overs  {found.counts.sum()} in {len(found.counts)} episodes, {mean:.2f} an episode "
        f"({low:.2f} to {high:.2f})",
        f"alone       {_share(found.alone, len(found.counts))} of the episodes, "
        f"{found.autonomous:.1%} of the time",
    ]
    if found.between_s is not None:
        mean_s, least_s, most_s = found.between_s
        lines.append(
            f"between     {mean_s:.1f} s of the policy for each take-over ({least_s:.1f} to "
            f"{most_s:.1f})"
        )
    if found.tried:
        lines.append(f"grasps      {_share(found.won, found.tried)} of the policy's own were won")
    return lines


def _share(part: int, whole: int) -> str:
    interval = wilson_interval(part, whole)
    return f"{part} of {whole} ({interval.low:.0%} to {interval.high:.0%})"
