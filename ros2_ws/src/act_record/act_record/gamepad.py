"""A gamepad, read from Linux' joystick device: how far it pushes each joint.

The device is described in the kernel's Documentation/input/joydev/joystick-api.rst; it numbers the
controls of a pad in the order of their codes (gamepad.rst), which gives those below for the pads of
Xbox and PlayStation and all that the kernel treats like them.
"""

from __future__ import annotations

import errno
import math
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from act_core.errors import ConfigurationError
from act_core.so101 import JOINT_NAMES
from numpy.typing import NDArray

DEVICES = Path("/dev/input")
DEVICE = str(DEVICES / "js0")

_EVENT = struct.Struct("=IhBB")  # struct js_event: time [ms], value, type, number
_BUTTON, _AXIS = 0x01, 0x02
_INITIAL = 0x80  # added to the type: how the control is, told when the device is opened
_FULL = 32767  # an axis at its end

# Of the way of a stick; less is rest. Microsoft's XInput recommends 7849 and 8689 of 32767 for the
# left and the right stick of such pads.
DEAD_ZONE = 0.25

# Type and number of a control: index of the joint, direction. Axes count to the right and towards
# the person, so that lift and elbow lean forwards as the sticks do.
CONTROLS = {
    (_AXIS, 0): (0, 1.0),
    (_AXIS, 1): (1, -1.0),
    (_AXIS, 4): (2, -1.0),
    (_AXIS, 3): (3, 1.0),
    (_BUTTON, 4): (4, -1.0),
    (_BUTTON, 5): (4, 1.0),
    (_BUTTON, 0): (5, -1.0),
    (_BUTTON, 1): (5, 1.0),
}
LET_GO = (2, 3)  # buttons; both, because pads differ in which of the two they count first
HELP = (
    "left stick: shoulder_pan to the sides, shoulder_lift forwards and back\n"
    "right stick: wrist_flex to the sides, elbow_flex forwards and back\n"
    "LB, RB (PlayStation: L1, R1): wrist_roll   A (cross): gripper closes   B (circle): it opens\n"
    "X or Y (square or triangle): stop and let go of the arm   Ctrl-C: quit"
)


class Gamepad:
    """Tells how far the joints are pushed, without waiting. The device may come and go.

    A control counts once it has been at rest: not a trigger that rests at the end of an axis, where
    a pad numbers its axes otherwise, nor a stick that is held while the pad is plugged in.

    Raises ConfigurationError where the device cannot be opened at the start.
    """

    def __init__(self, device: str = DEVICE) -> None:
        self.device = device
        self._descriptor: int | None = None
        self._partial = b""  # the part of an event that has come so far
        self._pushed: dict[tuple[int, int], float] = {}
        self._counts: set[tuple[int, int]] = set()  # the controls that have been at rest
        try:
            self._open()
        except OSError as error:
            raise ConfigurationError(_why_not(device, error)) from error

    @property
    def connected(self) -> bool:
        return self._descriptor is not None

    def read(self) -> NDArray[np.float64] | None:
        """(J,) -1..1 how far each joint is pushed; None: let go of the arm.

        None was asked for with a button, or the pad is not there. Raises ConfigurationError for a
        device that is no joystick.
        """
        let_go = False
        for kind, number, value in self._events():
            if kind == _BUTTON and number in LET_GO:
                if value:
                    let_go = True
                    self.disregard()
            elif (kind, number) in CONTROLS:
                share = value / _FULL if kind == _AXIS else float(value)
                self._pushed[kind, number] = pushed = _beyond_rest(share)
                if not pushed:
                    self._counts.add((kind, number))
        if let_go or not self.connected:
            return None
        joints = np.zeros(len(JOINT_NAMES))
        for control in self._counts:
            joint, direction = CONTROLS[control]
            joints[joint] += direction * self._pushed[control]
        return joints

    def disregard(self) -> None:
        """What is pushed now counts again once it has been at rest."""
        self._counts = {control for control in self._counts if not self._pushed[control]}

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor, self._partial = None, b""
        self._pushed.clear()
        self._counts.clear()

    def __enter__(self) -> Gamepad:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        descriptor = os.open(self.device, os.O_RDONLY | os.O_NONBLOCK)
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
            os.close(descriptor)
            raise OSError(errno.ENODEV, "it is no device")
        self._descriptor = descriptor

    def _events(self) -> Iterator[tuple[int, int, int]]:
        """Type, number and value of what has happened since the last call."""
        data = self._partial + self._receive()
        whole = len(data) - len(data) % _EVENT.size
        self._partial = data[whole:] if self.connected else b""
        for _time_ms, value, kind, number in _EVENT.iter_unpack(data[:whole]):
            kind &= ~_INITIAL
            if kind not in (_BUTTON, _AXIS):
                raise ConfigurationError(
                    f"{self.device} is no joystick device: type {kind} in an event, expected "
                    f"{_BUTTON} or {_AXIS}; {_there_are()}"
                )
            yield kind, number, value

    def _receive(self) -> bytes:
        """What can be read at once; of a device that is gone, or just back, it may be nothing."""
        found = b""
        try:
            if self._descriptor is None:
                self._open()
            while self._descriptor is not None:
                data = os.read(self._descriptor, 64 * _EVENT.size)
                found += data
                if not data:
                    self.close()
        except BlockingIOError:
            pass
        except OSError:  # ENODEV of a pad that was unplugged; ENOENT until it is back
            self.close()
        return found if self.connected else b""


def _beyond_rest(share: float) -> float:
    """-1..1 how far a control is pushed beyond its dead zone; e.g. 0.625 is halfway, 0.5."""
    size = min(abs(share), 1.0)
    return math.copysign(max(0.0, size - DEAD_ZONE) / (1.0 - DEAD_ZONE), share)


def _there_are() -> str:
    found = ", ".join(sorted(map(str, DEVICES.glob("js*"))))
    return f"there are: {found}" if found else f"there is no {DEVICES}/js* here"


def _why_not(device: str, error: OSError) -> str:
    """What keeps the device from being opened, and what to do."""
    if error.errno == errno.ENOENT:
        return (
            f"there is no gamepad at {device}: is it plugged in, or paired? ({_there_are()}; where "
            "the kernel knows the pad but makes none: sudo modprobe joydev)"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{device}: no permission; sudo usermod -aG input $USER, then log in again"
    return f"{device} cannot be read as a gamepad: {error.strerror}; {_there_are()}"
