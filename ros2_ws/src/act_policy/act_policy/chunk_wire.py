"""How a chunk travels from one computer to another, and when it is refused.

``act_policy/chunk`` is a trajectory_msgs/JointTrajectory, which every distribution has. Its stamp
is that of the observation, its points are rows 1 / rate_hz apart, and ``header.frame_id``, which a
trajectory in joint space has no other use for, says of whom it is::

    bundle=5f0c2a91d3b84e67 inference_s=0.0312
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from act_core.foreign_text import clean, clean_list
from act_core.policy_json import SPEC_FILE, bundle_folder, read_spec, spec_to_json
from act_core.policy_spec import MAX_ROWS, PolicySpec
from act_core.stamps import YEAR_S, StampCheck, duration
from act_core.timing import NS_PER_S, to_ns

from act_policy.chunk import Chunk
from act_policy.policy import Inference

GRAPH_FILE = "policy.onnx"
MARK_LENGTH = 16  # hexadecimal digits: nobody forges bundles, people mix them up
ROW_TIME_S = 1e-3  # that a point's time may be off
FUTURE_S = 0.05  # that an observation may be ahead of this computer's clock
LATER_S = 60.0  # more than any network: another clock
MOST_INFERENCE_S = 3600.0

KINDS = ("malformed", "bundle", "clock", "future", "epoch", "late", "order")
"""Why chunks are refused, in the order in which it is looked for."""


class Tag(NamedTuple):
    """Of whom a chunk is. bundle: see `bundle_mark`."""

    bundle: str
    inference_s: float

    def text(self) -> str:
        return f"bundle={self.bundle} inference_s={self.inference_s:.4f}"


def read_tag(text: str) -> Tag:
    """The inverse of `Tag.text`; ValueError for anything else."""
    pairs = [part.partition("=") for part in text.split(" ")] if len(text) < 200 else []
    values = {key: value for key, equals, value in pairs if equals}
    try:
        tag = Tag(values["bundle"], float(values["inference_s"]))
    except (KeyError, ValueError):
        raise ValueError(
            f"frame_id is '{clean(text)}', expected e.g. '{Tag('5f0c2a91d3b84e67', 0.03).text()}'"
        ) from None
    if not 0.0 <= tag.inference_s <= MOST_INFERENCE_S:
        raise ValueError(f"inference_s is {tag.inference_s}, expected seconds")
    return tag


def bundle_mark(folder: str | Path) -> str:
    """What tells a bundle from others: of its policy.json, without what may be changed where it
    runs (execution, measured success), and of its graph, where there is one.

    Raises BundleError for a folder without policy.json.
    """
    folder = bundle_folder(folder)
    content = spec_to_json(read_spec(folder))
    content.pop("execution")
    content["provenance"] = {k: v for k, v in content["provenance"].items() if k != "success"}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    graph = folder / GRAPH_FILE
    if graph.is_file():
        with graph.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:MARK_LENGTH]


class Arrival(NamedTuple):
    """A message as it came. rows: K of A numbers; times_ns: K, of each since ``stamp_ns``."""

    stamp_ns: int
    joints: Sequence[str]
    times_ns: Sequence[int]
    rows: Sequence[Sequence[float]]
    tag: str


class Refusal(NamedTuple):
    """A chunk that is not followed. kind: one of KINDS."""

    kind: str
    text: str


class ChunkGate:
    """Takes chunks that others infer, and refuses and counts what cannot be meant.

    Args:
        spec: of the policy that controls.
        mark: `bundle_mark` of it.
        max_age_s: of a chunk's observation when it comes.
        stamps: judges the clock behind the stamps.
    """

    def __init__(self, spec: PolicySpec, mark: str, max_age_s: float, stamps: StampCheck) -> None:
        self._spec = spec
        self._mark = mark
        self._max_age_s = max_age_s
        self._stamps = stamps
        self._begun_ns: int | None = None
        self._last_ns: int | None = None  # stamp of the last one that was taken
        self._ages_s: deque[float] = deque(maxlen=256)
        self.taken = 0
        self.refused: Counter[str] = Counter()
        self.last_refusal: Refusal | None = None

    def begin(self, now_ns: int) -> None:
        """A new epoch: what was observed before now is of no use."""
        self._begun_ns, self._last_ns = now_ns, None

    def take(self, arrival: Arrival, now_ns: int) -> Inference | Refusal:
        """The chunk of a message that came at ``now_ns`` of ROS time, or why it is refused."""
        try:
            found = self._judged(arrival, now_ns)
        except ValueError as error:
            found = Refusal("malformed", str(error))
        if isinstance(found, Refusal):
            self.refused[found.kind] += 1
            self.last_refusal = found
            return found
        self.taken += 1
        self._last_ns = found.chunk.stamp_ns
        self._ages_s.append((now_ns - found.chunk.stamp_ns) / NS_PER_S)
        return found

    def values(self) -> dict[str, str]:
        """For the diagnostics. ``chunk_age``: of the observation when its chunk came, which is
        inference, both ways on the wire and, where another clock stamps, its offset."""
        values = {"chunks": str(self.taken), "bundle": self._mark}
        values |= {f"chunks_refused_{kind}": str(self.refused[kind]) for kind in KINDS}
        if self._ages_s:
            ages_ms = 1e3 * np.percentile(self._ages_s, [0, 50, 99])
            names = ("min", "p50", "p99")
            values |= {
                f"chunk_age_{n}_ms": f"{age:.1f}" for n, age in zip(names, ages_ms, strict=True)
            }
        if self.last_refusal is not None:
            values["last_refused_chunk"] = f"{self.last_refusal.kind}: {self.last_refusal.text}"
        return values

    def _judged(self, arrival: Arrival, now_ns: int) -> Inference | Refusal:
        tag = read_tag(arrival.tag)
        if tag.bundle != self._mark:
            return Refusal(
                "bundle",
                f"it is of bundle {clean(tag.bundle)}, here is '{self._spec.name}', {self._mark}: "
                f"copy the same folder to both computers ({SPEC_FILE} and {GRAPH_FILE} count)",
            )
        rows = self._rows(arrival)
        return self._wrong_time(arrival.stamp_ns, now_ns, tag) or Inference(
            Chunk(arrival.stamp_ns, self._spec.rate_hz, rows), tag.inference_s
        )

    def _rows(self, arrival: Arrival) -> np.ndarray:
        """(K, A) in the order of the policy's output."""
        spec = self._spec
        joints = spec.output.joints
        if sorted(arrival.joints) != sorted(joints):
            raise ValueError(
                f"its joints are {clean_list(arrival.joints)}, expected {', '.join(joints)}"
            )
        if len(arrival.rows) != spec.chunk_size or len(arrival.rows) > MAX_ROWS:
            raise ValueError(f"it has {len(arrival.rows)} rows, expected {spec.chunk_size}")
        if any(len(row) != len(joints) for row in arrival.rows):
            raise ValueError(f"its rows are not of {len(joints)} positions each")
        rows = np.array(arrival.rows, dtype=np.float64)
        if not np.isfinite(rows).all():
            raise ValueError("it has values that are not finite")
        expected_ns = np.arange(spec.chunk_size) * (NS_PER_S / spec.rate_hz)
        off_ns = np.abs(np.array(arrival.times_ns, dtype=np.float64) - expected_ns)
        if not off_ns.max() <= to_ns(ROW_TIME_S):
            raise ValueError(f"its rows are not 1/{spec.rate_hz:g} s apart")
        order = [list(arrival.joints).index(name) for name in joints]
        return rows[:, order]

    def _wrong_time(self, stamp_ns: int, now_ns: int, tag: Tag) -> Refusal | None:
        age_s = (now_ns - stamp_ns) / NS_PER_S
        if abs(age_s) > LATER_S or stamp_ns <= 0:
            why = self._stamps.refusal(stamp_ns, now_ns)
            return Refusal("clock", why or f"its stamp is {duration(min(age_s, YEAR_S))} off")
        if age_s < -FUTURE_S:
            return Refusal(
                "future",
                f"its observation is {duration(-age_s)} ahead of this clock: whoever stamps the "
                "pictures has another one (chrony sets both)",
            )
        if self._begun_ns is not None and stamp_ns < self._begun_ns:
            return Refusal("epoch", "its observation is from before the last reset")
        if not age_s <= self._max_age_s:
            return Refusal(
                "late",
                f"its observation is {duration(age_s)} old (limit {self._max_age_s:g} s), of which "
                f"inference took {duration(tag.inference_s)}",
            )
        if self._last_ns is not None and stamp_ns <= self._last_ns:
            return Refusal("order", "one of a later observation, or the same, came before it")
        return None
