"""What a recorder says of itself: whether everything that it records really comes. No ROS here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from act_core.clock_watch import ClockWatch
from act_core.report import Report
from act_core.stamps import StampCheck
from act_core.timing import Clock
from act_core.traffic import Traffic

SILENT_S = 0.7  # cameras send 30 times a second; with the look of the diagnostics within a second
# Stamps that differ by less are late, which the verdict judges: judging an episode keeps the node
# from its messages for up to a second, which is several of a simulation that runs ahead.
TOLERANCE_S, SIMULATED_TOLERANCE_S = 2.0, 10.0


class Stream:
    """One topic that a recording is of no use without.

    Args:
        name: of the topic.
        simulated: whether the node's time is.
        clock: monotonic.
    """

    def __init__(self, name: str, simulated: bool, clock: Clock | None = None) -> None:
        self.name = name
        self.traffic = Traffic(clock)
        self._refused = Traffic(clock)
        self._refusal = ""
        tolerance_s = SIMULATED_TOLERANCE_S if simulated else TOLERANCE_S
        self._check = StampCheck(tolerance_s, simulated, zero_passes=False, clock=clock)

    def saw(self, stamp_ns: int | None, now_ns: int) -> None:
        """A message came at ``now_ns`` of ROS time; without a stamp where it cannot be read."""
        self.traffic.count()
        refusal = "it cannot be read" if stamp_ns is None else None
        if stamp_ns is not None:
            refusal = self._check.refusal(stamp_ns, now_ns)
        if refusal is not None:
            self._refusal = refusal
            self._refused.count()

    def silence(self) -> str | None:
        """What to say while nothing comes; otherwise None."""
        age_s = self.traffic.age_s
        if age_s is None:
            return f"nothing on {self.name} yet"
        return f"nothing on {self.name} for {age_s:.1f} s" if age_s > SILENT_S else None

    def wrong_stamps(self) -> str | None:
        """What to say of the stamps of the last second; None where they are right."""
        return f"{self.name} is {self._refusal}" if self._refused.rate_hz else None


class RecordStatus:
    """The status of a recorder, made of what came in the last second of a steady clock.

    Example: while an episode is recorded and the camera is unplugged, ``error: nothing on
    camera/front/image_raw for 0.8 s``; idle, the same is a warning.

    Args:
        streams: without which a recording is of no use.
        simulated: whether the node's time is.
        clock: monotonic.
    """

    def __init__(
        self, streams: Sequence[Stream], simulated: bool, clock: Clock | None = None
    ) -> None:
        self._streams = tuple(streams)
        self._clock_watch = ClockWatch(clock) if simulated else None

    def problems(self, ros_now_ns: int) -> dict[str, str]:
        """What is wrong, by its kind; silent streams first named as what they follow from."""
        found = {}
        stands = self._clock_watch.look(ros_now_ns) if self._clock_watch is not None else None
        if stands is not None:
            found["clock"] = stands
        for stream in self._streams:
            if (silence := stream.silence()) is not None:
                found[f"silent {stream.name}"] = silence
            elif (wrong := stream.wrong_stamps()) is not None:
                found[f"stamps {stream.name}"] = wrong
        return found

    def report(
        self,
        recording: bool,
        problems: Mapping[str, str],
        warnings: Sequence[str],
        values: Mapping[str, str],
    ) -> Report:
        """The status.

        problems: of `problems` and others that spoil a recording; an error while one is made.
        warnings: what a person should know and a recording survives.
        """
        level = "error" if problems and recording else "warn" if problems or warnings else "ok"
        text = "; ".join([*problems.values(), *warnings])
        rates = {f"{s.name}_rate_hz": f"{s.traffic.rate_hz:.1f}" for s in self._streams}
        return Report(
            "recorder", level, text or ("recording" if recording else "idle"), {**values, **rates}
        )
