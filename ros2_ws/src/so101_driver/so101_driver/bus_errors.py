"""What can go wrong on the bus. None of these is the caller's fault; that would be a ValueError."""

from __future__ import annotations

from collections.abc import Iterable


class BusError(Exception):
    """The port, the bus or a servo did not do what was asked of it."""


class PortError(BusError):
    """The serial port cannot be opened, or is gone."""


class NoPortError(PortError):
    """There is no port of that name."""


class NoReplyError(BusError):
    """Servos did not answer, however often they were asked."""

    def __init__(self, servo_ids: Iterable[int], what: str) -> None:
        self.servo_ids = tuple(servo_ids)
        ids = ", ".join(map(str, self.servo_ids))
        super().__init__(f"{what}: no valid reply from servo {ids}")


class ArmError(BusError):
    """The bus works, but the arm on it is not as it should be; the text says what to do."""


class MissingError(ArmError):
    """Servos of the arm do not answer; the others do, or their port is there."""
