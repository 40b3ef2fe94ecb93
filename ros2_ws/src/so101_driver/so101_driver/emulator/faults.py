"""What goes wrong on an emulated bus: at random with given rates, and at given times.

Example of a script (YAML), all keys optional::

    seed: 3
    echo: false                       # true: an adapter that hears what it sends
    rates: {lost: 0.01, corrupt: 0.01, late: 0.005}       # share of the replies; see RATES
    events:                           # seconds since the emulator's start; see EVENTS
      - {at_s: 2.0, kind: dead, servo: 3, for_s: 0.5}
      - {at_s: 5.0, kind: port_gone, for_s: 1.5}
      - {at_s: 9.0, kind: supply, value: 3.6, for_s: 2.0}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from act_core.errors import ConfigurationError, suggest
from act_core.timing import to_ns
from act_core.yaml_file import read_yaml

from so101_driver.protocol import HEADER

# Kinds of random faults, each with the share of replies (unheard: of instructions, per servo).
RATES: dict[str, str] = {
    "lost": "the reply never comes",
    "late": "the reply comes 2 to 30 ms late",
    "corrupt": "one bit is wrong",
    "split": "the reply comes in two parts",
    "cut": "the reply ends early",
    "duplicated": "the reply comes twice",
    "noise": "a few random bytes come before it",
    "unheard": "the servo does not hear the instruction",
}

# Kinds of events and what their keys servo and value mean.
EVENTS: dict[str, str] = {
    "dead": "servo loses its cable: silent and without torque; it restarts when it is back",
    "silent": "servo neither hears nor answers; it goes on driving",
    "blocked": "something holds the joint of servo where it is",
    "pushed": "a hand pushes the joint of servo with value N m (default 1)",
    "power_cycle": "servo (or all without one) restarts; with value: torque on, that goal [counts]",
    "supply": "the supply has value volts (default 3.6) for servo or all",
    "hot": "the motor of servo is at value degrees (default 80)",
    "encoder": "the angle sensor of servo fails: it goes on with the last angle",
    "overcurrent": "the motor of servo takes too much current and switches off",
    "torque_off": "another program switches the torque of servo off, and at the end on again",
    "port_gone": "the USB cable is pulled out",
}
# Kinds that for_s ends.
BACK_TO_NORMAL = {
    "dead", "silent", "blocked", "pushed", "supply", "encoder", "torque_off", "port_gone",
}  # fmt: skip


@dataclass(frozen=True)
class FaultEvent:
    """Something that happens at a given time."""

    at_s: float
    kind: str
    servo: int | None = None  # id; None: all
    value: float | None = None
    for_s: float | None = None  # None: for good

    def __post_init__(self) -> None:
        for name in ("at_s", "servo", "value", "for_s"):
            value, is_optional = getattr(self, name), name != "at_s"
            if not (_is_number(value) or (value is None and is_optional)):
                raise ConfigurationError(f"{name} of {self.kind} is {value!r}, expected a number")
        if self.kind not in EVENTS:
            raise ConfigurationError(suggest("fault event", self.kind, EVENTS))
        if self.for_s is not None and self.kind not in BACK_TO_NORMAL:
            raise ConfigurationError(f"{self.kind} has no for_s: it is over at once")


@dataclass(frozen=True)
class FaultScript:
    """All that goes wrong. Raises ConfigurationError for rates that are none."""

    seed: int = 0
    echo: bool = False
    rates: Mapping[str, float] = field(default_factory=dict)
    events: tuple[FaultEvent, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.rates, Mapping):
            raise ConfigurationError(f"rates is {self.rates!r}, expected e.g. {{lost: 0.01}}")
        for kind, rate in self.rates.items():
            if kind not in RATES:
                raise ConfigurationError(suggest("fault", kind, RATES))
            if not (_is_number(rate) and 0 <= rate <= 1):
                raise ConfigurationError(f"rate of {kind} is {rate}, expected 0 to 1")
        if sum(self.rates.values()) > 1:
            raise ConfigurationError(f"the rates add up to {sum(self.rates.values())}, above 1")


def load_script(path: Path) -> FaultScript:
    """Reads a script. Raises ConfigurationError that names the file."""
    try:
        content = read_yaml(path) or {}
    except ConfigurationError as error:
        raise ConfigurationError(f"fault script {path}: it {error}") from error
    try:
        if not isinstance(content, dict):
            raise ConfigurationError("expected keys: seed, echo, rates, events")
        listed = content.pop("events", None) or []
        if not isinstance(listed, list):
            raise ConfigurationError(f"events is {listed!r}, expected a list")
        events = tuple(_build(FaultEvent, event) for event in listed)
        return _build(FaultScript, {**content, "events": events})
    except ConfigurationError as error:
        raise ConfigurationError(f"fault script {path}: {error}") from error


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _build(kind: Any, values: Any) -> Any:
    if not isinstance(values, dict):
        raise ConfigurationError(f"{values!r}: expected keys and values")
    names = [entry.name for entry in fields(kind)]
    for name in values:
        if name not in names:
            raise ConfigurationError(suggest("key", name, names))
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigurationError(f"{dict(values)}: {error}") from error


class ReplyFaults:
    """Spoils replies at random, repeatably by seed, and counts what it did."""

    def __init__(self, rates: Mapping[str, float], seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self._rates = dict(rates)
        self._unheard = self._rates.pop("unheard", 0.0)
        self._random = np.random.default_rng(seed)

    def set_rates(self, rates: Mapping[str, float]) -> None:
        """From now on; kinds as in `RATES`."""
        self._rates = dict(rates)
        self._unheard = self._rates.pop("unheard", 0.0)

    def is_unheard(self) -> bool:
        """Whether one servo misses one instruction."""
        if self._unheard and self._random.random() < self._unheard:
            self.counts["unheard"] += 1
            return True
        return False

    def spoil(self, due_ns: int, reply: bytes) -> list[tuple[int, bytes]]:
        """What comes over the wire in place of ``reply``, and when."""
        kind = self._draw()
        if kind is None:
            return [(due_ns, reply)]
        self.counts[kind] += 1
        uniform, integers = self._random.uniform, self._random.integers
        if kind == "lost":
            return []
        if kind == "late":
            return [(due_ns + to_ns(uniform(0.002, 0.030)), reply)]
        if kind == "duplicated":
            return [(due_ns, reply), (due_ns + to_ns(1e-5 * len(reply)), reply)]
        if kind == "noise":
            return [(due_ns, self._random.bytes(int(integers(1, 6))) + reply)]
        cut = int(integers(1, len(reply)))
        if kind == "split":
            # Closer together than two replies of a sync read, so that none comes in between.
            return [(due_ns, reply[:cut]), (due_ns + to_ns(uniform(0.0, 25e-6)), reply[cut:])]
        if kind == "cut":
            return [(due_ns, reply[:cut])]
        damaged = bytearray(reply)  # corrupt; a broken header is a lost reply with noise
        damaged[int(integers(len(HEADER), len(reply)))] ^= 1 << int(integers(8))
        return [(due_ns, bytes(damaged))]

    def _draw(self) -> str | None:
        if not self._rates:
            return None
        draw = self._random.random()
        for kind, rate in self._rates.items():
            if draw < rate:
                return kind
            draw -= rate
        return None
