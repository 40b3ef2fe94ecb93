"""What an arm's node says of itself, from what it really got and sent. No ROS here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from act_core import arbiter
from act_core.command_gate import Refusal
from act_core.report import Report
from act_core.timing import Clock
from act_core.traffic import Traffic

SILENT_S = 0.5  # without a message for so long, a stream stands


class ArmStatus:
    """Counts commands, refusals, joint states and what was applied, and judges by them.

    `hold` and `failing` are set in every control period; all else is told as it happens. What a
    control loop means to do is no proof that anything moves: so "following" takes a command and a
    joint state within the last moments of a steady clock.

    Args:
        clock: monotonic.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.commands = Traffic(clock)  # that are followed
        self.refused = Traffic(clock)
        self.states = Traffic(clock)
        self.applied = Traffic(clock)
        self.hold: str | None = "starting"  # why commands are not followed; None while they are
        self.failing = False  # it cannot follow until somebody sees to it
        self._started = Traffic(clock)
        self._started.count()
        self._clock = clock
        self._refusals: dict[tuple[str, str], tuple[Refusal, Traffic]] = {}  # newest of a kind

    def heard(self, refusal: Refusal | None, source: str = arbiter.POLICY) -> None:
        """A command came from a source of the arbiter, and was refused or will be followed."""
        if refusal is None:
            self.commands.count()
        else:
            self.refused.count()
            about = source, refusal.kind
            _, traffic = self._refusals.get(about, (refusal, Traffic(self._clock)))
            traffic.count()
            self._refusals[about] = refusal, traffic

    def report(self, values: Mapping[str, str], others: Sequence[str] = ()) -> Report:
        """The status of the control loop: what is wrong, the cause first, or "following".

        ``others`` are warnings of whoever knows more: of the clock, of a second publisher.
        """
        errors: list[str] = []
        warnings = list(others)
        if self.hold is not None:
            (errors if self.failing else warnings).append(self.hold)
        age_s = self.states.age_s
        if age_s is None:
            age_s = self._started.age_s
        if age_s is not None and age_s > SILENT_S and not self.failing:
            errors.append(f"no joint states for {age_s:.1f} s")
        if self.hold is None:
            age_s = self.commands.age_s
            if age_s is not None and age_s > SILENT_S:
                warnings.append(f"no command for {age_s:.1f} s")
        warnings = [*self._refused(told=(*errors, *warnings)), *warnings]
        level = "error" if errors else "warn" if warnings else "ok"
        return Report(
            "control", level, "; ".join([*errors, *warnings]) or "following",
            {
                **values,
                **self.commands.as_values("commands"),
                **self.refused.as_values("refused"),
                **self.states.as_values("joint_states"),
                **self.applied.as_values("applied"),
            },
        )  # fmt: skip

    def _refused(self, told: Sequence[str]) -> list[str]:
        """What was refused in the last second and why, without what is ``told`` already; by source
        and kind, since a policy's refusals must not hide a person's."""
        lines = []
        for refusal, traffic in list(self._refusals.values()):
            count = round(traffic.rate_hz)
            if count and refusal.kind != "senders" and refusal.text not in told:
                lines.append(f"{count} commands refused in the last second: {refusal.text}")
        return lines
