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
from act_core.robot import Robot
from numpy.typing import NDArray

DEVICES = Path("/dev/input")
DEVICE = str(DEVICES / "js0")

_EVENT = struct.Struct("=IhBB")  # struct js_event: time [ms], value, type, number
BUTTON, AXIS = 0x01, 0x02
_INITIAL = 0x80  # added to the type: how the control is, told when the device is opened
FULL = 32767  # an axis at its end

# Of the way of a stick; less is rest. Microsoft's XInput recommends 7849 and 8689 of 32767 for the
# left and the right stick of such pads.
DEAD_ZONE = 0.25

# For each joint of an arm from its base on, but the gripper: what the control is called, which way
# it goes, and its types, numbers and directions. Axes count to the right and towards the person, so
# that the second and the third joint lean forwards as the sticks do.
ARM_CONTROLS = (
    ("left stick", "to the sides", {(AXIS, 0): 1.0}),
    ("left stick", "forwards and back", {(AXIS, 1): -1.0}),
    ("right stick", "forwards and back", {(AXIS, 4): -1.0}),
    ("right stick", "to the sides", {(AXIS, 3): 1.0}),
    ("LB, RB (PlayStation: L1, R1)", "", {(BUTTON, 4): -1.0, (BUTTON, 5): 1.0}),
    ("D-pad", "to the sides", {(AXIS, 6): 1.0}),
    ("D-pad", "forwards and back", {(AXIS, 7): -1.0}),
)
GRIPPER_CONTROLS = {(BUTTON, 0): -1.0, (BUTTON, 1): 1.0}
HAND_BACK = 7  # button: start; options of a PlayStation's pad is 9 there, as its triggers count
LET_GO = (2, 3)  # buttons; both, because pads differ in which of the two they count first


class Pad:
    """Tells how far the joints are pushed, without waiting, from the events of a gamepad.

    A control counts once it has been at rest: not a trigger that rests at the end of an axis, where
    a pad numbers its axes otherwise, nor a stick that is held while the pad is plugged in.

    Raises ConfigurationError for a robot with more joints than controls.

    Attributes:
        device: where its events come from, for people.
        controls: type and number of a control: index of its joint, direction.
        help: what they do, for a person.
        hands_back: whether the last `read` saw the button that gives the arm back.
    """

    def __init__(self, robot: Robot, device: str) -> None:
        self.device = device
        self.controls, self.help = _controls(robot)
        self.hands_back = False
        self._joints = len(robot.joints)
        self._pushed: dict[tuple[int, int], float] = {}
        self._counts: set[tuple[int, int]] = set()  # the controls that have been at rest

    @property
    def connected(self) -> bool:
        raise NotImplementedError

    def _events(self) -> Iterator[tuple[int, int, int]]:
        """Type, number and value of what has happened since the last call."""
        raise NotImplementedError

    def read(self) -> NDArray[np.float64] | None:
        """(J,) -1..1 how far each joint is pushed; None: let go of the arm.

        None was asked for with a button, or the pad is not there. Raises ConfigurationError for a
        device that is no joystick.
        """
        let_go = self.hands_back = False
        for kind, number, value in self._events():
            if kind == BUTTON and number in (*LET_GO, HAND_BACK):
                if value:
                    let_go = let_go or number in LET_GO
                    self.hands_back = self.hands_back or number == HAND_BACK
                    self.disregard()
            elif (kind, number) in self.controls:
                share = value / FULL if kind == AXIS else float(value)
                self._pushed[kind, number] = pushed = _beyond_rest(share)
                if not pushed:
                    self._counts.add((kind, number))
        if let_go or not self.connected:
            return None
        joints = np.zeros(self._joints)
        for control in self._counts:
            joint, direction = self.controls[control]
            joints[joint] += direction * self._pushed[control]
        return joints

    def disregard(self) -> None:
        """What is pushed now counts again once it has been at rest."""
        self._counts = {control for control in self._counts if not self._pushed[control]}

    def close(self) -> None:
        """Nothing is pushed any more."""
        self._pushed.clear()
        self._counts.clear()

    def __enter__(self) -> Pad:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Gamepad(Pad):
    """A pad that Linux shows as a joystick device, which may come and go.

    Raises ConfigurationError as well where the device cannot be opened at the start.
    """

    def __init__(self, robot: Robot, device: str = DEVICE) -> None:
        super().__init__(robot, device)
        self._descriptor: int | None = None
        self._partial = b""  # the part of an event that has come so far
        try:
            self._open()
        except OSError as error:
            raise ConfigurationError(_why_not(device, error)) from error

    @property
    def connected(self) -> bool:
        return self._descriptor is not None

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor, self._partial = None, b""
        super().close()

    def _open(self) -> None:
        descriptor = os.open(self.device, os.O_RDONLY | os.O_NONBLOCK)
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
            os.close(descriptor)
            raise OSError(errno.ENODEV, "it is no device")
        self._descriptor = descriptor

    def _events(self) -> Iterator[tuple[int, int, int]]:
        data = self._partial + self._receive()
        whole = len(data) - len(data) % _EVENT.size
        self._partial = data[whole:] if self.connected else b""
        for _time_ms, value, kind, number in _EVENT.iter_unpack(data[:whole]):
            kind &= ~_INITIAL
            if kind not in (BUTTON, AXIS):
                raise ConfigurationError(
                    f"{self.device} is no joystick device: type {kind} in an event, expected "
                    f"{BUTTON} or {AXIS}; {_there_are()}"
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


def _controls(robot: Robot) -> tuple[dict[tuple[int, int], tuple[int, float]], str]:
    """Type and number of each control with its joint and direction; and the help."""
    arm = [name for name in robot.joint_names if name not in robot.grippers]
    if len(arm) > len(ARM_CONTROLS) or len(robot.grippers) > 1:
        raise ConfigurationError(
            f"robot '{robot.name}' has {len(arm)} joints and {len(robot.grippers)} grippers, and a "
            f"gamepad moves {len(ARM_CONTROLS)} and 1"
            + (f": choose a side, {' or '.join(robot.sides)}" if robot.sides else "")
        )
    moves: dict[str, list[str]] = {}
    for name, (control, way, _) in zip(arm, ARM_CONTROLS, strict=False):
        moves.setdefault(control, []).append(f"{name} {way}".rstrip())
    lines = [f"{control}: {', '.join(what)}" for control, what in moves.items()]
    uses = [
        *zip(arm, (controls for _, _, controls in ARM_CONTROLS), strict=False),
        *((name, GRIPPER_CONTROLS) for name in robot.grippers),
    ]
    if robot.grippers:
        lines.append("A (cross): gripper closes   B (circle): it opens")
    lines.append("X or Y (square or triangle): stop and let go of the arm   Ctrl-C: quit")
    lines.append("start: hand the arm back to the policy")
    found = {
        control: (robot.index(name), direction)
        for name, controls in uses
        for control, direction in controls.items()
    }
    return found, "\n".join(lines)


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
