"""Trials of policies on a real table: what is tried next, what became of it, and what that says.

Every placement is tried by every policy, in an order drawn anew for each, so that light, batteries
and the person's patience, which change during an evening, change for all of them alike.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from act_core.errors import ConfigurationError
from act_core.files import read_json, write_json
from act_core.intervals import paired_p, wilson_interval

SUCCESS, FAILURE, INTERVENTION = "success", "failure", "intervention"
OUTCOMES = (SUCCESS, FAILURE, INTERVENTION)
VERSION = 1


@dataclass(frozen=True)
class Region:
    """Where the object may lie [cm]: seen from the arm's base, ahead and to the left."""

    ahead: tuple[float, float] = (15.0, 27.0)
    left: tuple[float, float] = (-10.0, 10.0)


@dataclass(frozen=True)
class Trial:
    """One trial that was made.

    placement: number of the placement, from 0.
    outcome: one of `OUTCOMES`; a trial with an intervention is no success.
    """

    policy: str
    placement: int
    outcome: str
    seconds: float
    note: str = ""


@dataclass
class ScoreSheet:
    """The trials of some policies at the same placements.

    seed: of the placements and of the order; the same one proposes the same.
    """

    policies: tuple[str, ...]
    placements: int
    seed: int = 0
    region: Region = field(default_factory=Region)
    trials: list[Trial] = field(default_factory=list)

    def __post_init__(self) -> None:
        if len(set(self.policies)) != len(self.policies) or not self.policies:
            raise ConfigurationError(f"policies are {self.policies}, expected different ones")
        if self.placements < 1:
            raise ConfigurationError(f"{self.placements} placements, expected at least 1")

    def next(self) -> tuple[int, str] | None:
        """Placement and policy of the next trial; None when all are made."""
        made = {(trial.placement, trial.policy) for trial in self.trials}
        for placement in range(self.placements):
            order = list(self.policies)
            random.Random(f"{self.seed} order {placement}").shuffle(order)
            for policy in order:
                if (placement, policy) not in made:
                    return placement, policy
        return None

    def placement_text(self, placement: int) -> str:
        """Where the object is to lie, in words for a person with a ruler."""
        draw = random.Random(f"{self.seed} placement {placement}")
        ahead, left = (round(draw.uniform(*side)) for side in (self.region.ahead, self.region.left))
        turned = 15 * draw.randrange(12)
        side = "left" if left >= 0 else "right"
        return (
            f"{ahead} cm ahead of the base, {abs(left)} cm to the {side}, turned {turned} degrees"
        )

    def add(self, trial: Trial) -> None:
        """Takes a trial down. Raises ConfigurationError for one that is not to be made."""
        if trial.outcome not in OUTCOMES:
            raise ConfigurationError(f"outcome '{trial.outcome}', expected {', '.join(OUTCOMES)}")
        if trial.policy not in self.policies or not 0 <= trial.placement < self.placements:
            raise ConfigurationError(f"no trial of {trial.policy} at {trial.placement} is planned")
        if any((t.policy, t.placement) == (trial.policy, trial.placement) for t in self.trials):
            raise ConfigurationError(f"{trial.policy} was tried at {trial.placement} already")
        self.trials.append(trial)

    def successes(self, policy: str) -> dict[int, bool]:
        """Placement -> whether the policy did it there, alone."""
        return {t.placement: t.outcome == SUCCESS for t in self.trials if t.policy == policy}

    def report(self) -> list[str]:
        """Lines: each policy with its count and interval, and each pair compared."""
        lines = []
        for policy in self.policies:
            done = self.successes(policy)
            if not done:
                lines.append(f"{policy}: not tried yet")
                continue
            won, interval = sum(done.values()), wilson_interval(sum(done.values()), len(done))
            helped = sum(t.outcome == INTERVENTION for t in self.trials if t.policy == policy)
            lines.append(
                f"{policy}: {won} of {len(done)} ({won / len(done):.0%}, 95 % interval "
                f"{interval.low:.0%} to {interval.high:.0%}), {helped} with an intervention"
            )
        for k, a in enumerate(self.policies):
            lines += [self._compared(a, b) for b in self.policies[k + 1 :]]
        return lines

    def _compared(self, a: str, b: str) -> str:
        of_a, of_b = self.successes(a), self.successes(b)
        both = sorted(set(of_a) & set(of_b))
        only_a = sum(of_a[k] and not of_b[k] for k in both)
        only_b = sum(of_b[k] and not of_a[k] for k in both)
        p = paired_p(only_a, only_b)
        verdict = "no difference is shown"
        if p < 0.05:
            verdict = f"{a if only_a > only_b else b} is better"
        return (
            f"{a} against {b} at {len(both)} same placements: only {a} {only_a}, "
            f"only {b} {only_b}, p = {p:.3g}: {verdict}"
        )

    def save(self, file: Path) -> None:
        """Writes all of it, whole or not at all."""
        write_json(file, {"version": VERSION, **asdict(self)})


def read_sheet(file: Path) -> ScoreSheet:
    """A sheet that was saved. Raises ConfigurationError for what is none."""
    values: Any = read_json(file)
    try:
        if values.pop("version") != VERSION:
            raise ValueError("it is of another version")
        sides = values.pop("region")
        region = Region(_pair(sides["ahead"]), _pair(sides["left"]))
        trials = [Trial(**trial) for trial in values.pop("trials")]
        sheet = ScoreSheet(tuple(values.pop("policies")), region=region, **values)
        for trial in trials:
            sheet.add(trial)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{file} is no score sheet: {error}") from error
    return sheet


def _pair(values: Sequence[float]) -> tuple[float, float]:
    low, high = values
    return float(low), float(high)


def sheet_for(
    file: Path, policies: Sequence[str], placements: int, seed: int | None = None
) -> ScoreSheet:
    """The sheet to go on with, or a new one.

    Raises ConfigurationError for one of other policies: their trials would be mixed.
    """
    if not file.exists():
        drawn = random.SystemRandom().randrange(1_000_000) if seed is None else seed
        return ScoreSheet(tuple(policies), placements, drawn)
    sheet = read_sheet(file)
    if sheet.policies != tuple(policies):
        raise ConfigurationError(
            f"{file} is of {', '.join(sheet.policies)}, not of {', '.join(policies)}: name another"
        )
    sheet.placements = max(placements, sheet.placements)
    return sheet


def outcome_of(answer: str) -> tuple[str, str] | None:
    """Outcome and note of what a person typed, e.g. ``f dropped it``; None for anything else."""
    letter, _, note = answer.strip().partition(" ")
    outcome: Mapping[str, str] = {word[0]: word for word in OUTCOMES}
    return (outcome[letter.lower()], note.strip()) if letter.lower() in outcome else None
