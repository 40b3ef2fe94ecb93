"""What a page needs to play an episode's joints: few enough numbers for a browser."""

from __future__ import annotations

from typing import Any

import numpy as np
from act_core.timing import NS_PER_S
from act_record.timeline import APPLIED, Timeline, series
from numpy.typing import NDArray

RATE_HZ = 20.0
MOST_S = 3600.0  # of an episode: more is cut off

Vector = NDArray[np.float64]


def track_of(timeline: Timeline) -> dict[str, Any]:
    """Joints at `RATE_HZ` from the first measured one on, as JSON takes them.

    Returns ``names``; ``rate_hz``; ``q`` (T, J) [rad] as measured; ``a`` (T, J) [rad] as sent, or
    None where that was not recorded; ``owners``: pairs of a time [s] and who had the arm from then
    on; ``film_s``: when the film of it begins. Raises ValueError for an episode without joints.
    """
    measured = [sample for sample in timeline.joints() if sample.is_whole]
    if not measured:
        raise ValueError("no joints were recorded")
    names = measured[0].names
    stamps_ns, values = series(measured, names)
    begin_ns = int(stamps_ns[0])
    length_s = min((int(stamps_ns[-1]) - begin_ns) / NS_PER_S, MOST_S)
    times = np.arange(0.0, length_s, 1.0 / RATE_HZ)
    sent = [s for s in timeline.commands.get(APPLIED, []) if s.is_whole and s.names == names]
    sent_ns, sent_values = series(sent, names)
    camera = min(timeline.cameras, default=None)
    frames = timeline.frames(camera) if camera is not None else []
    film_ns = frames[0].stamp_ns if frames else begin_ns
    return {
        "names": names,
        "rate_hz": RATE_HZ,
        "q": _at(times, (stamps_ns - begin_ns) / NS_PER_S, values),
        "a": _at(times, (sent_ns - begin_ns) / NS_PER_S, sent_values) if len(sent) else None,
        "owners": [
            [round(max(0.0, (one.since_ns - begin_ns) / NS_PER_S), 2), one.owner]
            for one in timeline.owners
        ],
        "film_s": round((film_ns - begin_ns) / NS_PER_S, 3) if frames else None,
    }


def _at(times: Vector, known: Vector, values: Vector) -> list[list[float]]:
    """(T, J) the newest of ``values`` at each of ``times``."""
    newest = np.clip(np.searchsorted(known, times + 1e-9, side="right") - 1, 0, len(known) - 1)
    return np.round(values[newest], 4).tolist()
