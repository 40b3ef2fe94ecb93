"""Who steers an arm: the policy, or a person who has taken it over. No ROS here."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from act_core import arbiter
from act_core.arbiter import Arbiter, Ownership
from act_core.clutch import Clutch, HandBack
from act_core.command_gate import Motion, Refusal
from act_core.joints import JointMatcher
from act_core.limits import JointLimits, clip, far_outside

Vector = NDArray[np.float64]

# A hand moves a joint of a leader by a few rad/s. More than this from one message to the next is
# no hand: a cable, a servo that lost its place, another device.
JUMP_RAD, JUMP_RAD_S = 0.25, 10.0
# Two calibrations of one kind of arm differ by less. So far past an arm's limit, a device was
# calibrated for something else.
PAST_LIMIT_RAD = np.deg2rad(35.0)
FORGET_PERIODS = 1000  # a device that has been silent for so long may come back as another


class Steered(Protocol):
    """What a helm needs of an arm; see `act_core.arm_node.Backend`."""

    def command(
        self, names: Sequence[str], position_rad: Sequence[float], stamp_ns: int, now_ns: int
    ) -> Refusal | None: ...

    def hold(self, reason: str) -> None: ...

    @property
    def motion(self) -> Motion: ...


@dataclass
class _Device:
    """A device of a person that sends, or has sent."""

    name: str
    joints: list[int]  # that it moves
    matcher: JointMatcher
    clutch: Clutch
    last_rad: Vector
    age_periods: int = 0  # since its last message
    period: int = 0  # of the arm, at its last message that was followed
    owns: bool = False
    fresh: bool = True  # its next message engages it, whenever it comes
    centred: bool = False  # the clutch knows where arm and device are


class Helm:
    """Hands the commands of whoever owns the arm on to it, and nobody else's.

    The owner follows from `act_core.arbiter.RULES`. A person's device takes the arm over by its
    first message after at least ``timeout_s`` of silence: it sends only while the person wants the
    arm. What it sends is where the device is, with the arm's joint names, all of them or those of
    one side; a `Clutch` makes the arm's targets of it. When the arm is handed back, a `HandBack`
    leads from where it is to where the policy is.

    While a device that owns the arm is silent for ``timeout_s``, jumps, sends what cannot be meant
    or is joined by a second one for the same joints, and when the e-stop is engaged, nobody owns
    the arm: it holds. While a person or nobody owns it, commands of the policy are passed over.

    `applied` is called once in every control period, which is the clock here. Everything may be
    called from any thread.

    Args:
        arm: that is steered.
        limits: of its J joints.
        grippers: names of the joints that open and close a hand.
        period_s: of the control loop.
        timeout_s: of a device's silence.
        itself: see `Arbiter`.
    """

    def __init__(
        self,
        arm: Steered,
        limits: JointLimits,
        grippers: Sequence[str],
        period_s: float,
        timeout_s: float,
        itself: str = arbiter.POLICY,
    ) -> None:
        self._arm = arm
        self._limits = limits
        self._grippers = np.array([name in grippers for name in limits.names])
        self._period_s = period_s
        self._timeout_periods = max(1, round(timeout_s / period_s))
        self._timeout_s = timeout_s
        self._lock = threading.RLock()
        self._arbiter = Arbiter(itself)
        self._estopped = False
        self._devices: dict[bytes, _Device] = {}
        self._is_sent = False  # something is sent to the arm, and nothing is about to move it
        self._unknown_periods = 0  # without anything applied
        self._target = np.zeros(len(limits.names))  # (J,) last target of a person
        self._matcher = JointMatcher(limits.names)
        self._hand_back: HandBack | None = None
        self._hand_back_period: int | None = None  # of the arm, at the policy's last command
        self._passed_over = 0

    @property
    def itself(self) -> str:
        """Whose commands come on ``joint_commands``."""
        return self._arbiter.itself

    @property
    def ownership(self) -> Ownership:
        """Who owns the arm now."""
        return self._arbiter.now

    def values(self) -> Mapping[str, str]:
        """For a diagnostics message, as text."""
        now = self.ownership
        return {
            "owner": now.text,
            "owner_changes": str(now.changes),
            "passed_over": str(self._passed_over),
        }

    # -- commands --------------------------------------------------------------------------------

    def command(
        self, names: Sequence[str], position_rad: Sequence[float], stamp_ns: int, now_ns: int
    ) -> Refusal | None:
        """A command of the policy, or of the expert; why it is refused, or None. See
        `CommandGate.command`. Its refusal is of the kind ``owner`` while it owns nothing."""
        with self._lock:
            if not self._arbiter.is_itself:
                self._passed_over += 1
                return Refusal("owner", f"the arm is {self._whose()}")
            if self._hand_back is not None:
                position_rad = self._handed_back(self._hand_back, names, position_rad)
            return self._arm.command(names, position_rad, stamp_ns, now_ns)

    def person(
        self,
        sender: bytes,
        name: str,
        names: Sequence[str],
        position_rad: Sequence[float],
        stamp_ns: int,
        now_ns: int,
    ) -> Refusal | None:
        """Where a person's device is; why that is refused, or None.

        sender: tells devices apart.
        name: of the device's node, for people.
        """
        with self._lock:
            device = self._devices.get(sender)
            try:
                device, where = self._read(device, name, names, position_rad)
            except ValueError as error:
                return self._fault(device, name, str(error), now_ns)
            self._devices[sender] = device
            fresh, device.fresh = device.fresh, False
            periods, device.age_periods = device.age_periods, 0
            last, device.last_rad = device.last_rad, where
            if self._estopped:
                return Refusal("estop", "the e-stop is engaged: nobody can take the arm over")
            if (wrong := self._other_calibration(device, where)) is not None:
                return self._fault(device, name, wrong, now_ns)
            if device.owns:
                self._arbiter.call(device.name)
                if (wrong := self._jump(device, last, where, periods)) is not None:
                    return self._fault(device, name, wrong, now_ns)
            elif not fresh:
                return Refusal(
                    "owner", f"the arm is {self._whose()}; {name} has to let go and engage again"
                )
            elif (other := self._rival(device)) is not None:
                detail = f"{name} wanted {self._shared(device, other)} as well"
                self._stop(arbiter.SEVERAL, detail, now_ns)
                return Refusal("senders", f"{other.name} and {name} at once: all but one must stop")
            return self._follow(device, where, stamp_ns, now_ns)

    def take(self, who: str, now_ns: int) -> tuple[bool, str]:
        """Somebody takes the arm for a person; whether that is so now, and a text. It holds until
        a device sends something, from now on or still."""
        with self._lock:
            if self._estopped:
                return False, "refused: the e-stop is engaged; release it first"
            if self.ownership.owner == arbiter.PERSON:
                return True, f"the arm is {self._whose()} already"
            self._arbiter.event(arbiter.TAKE, now_ns, who)
            self._arm.hold(f"taken over by {who}; waiting for a person's device to send")
            for device in self._devices.values():
                device.fresh = True
            return True, "the arm is a person's: it holds until a device sends"

    def give_back(self, who: str, now_ns: int) -> tuple[bool, str]:
        """Somebody hands the arm back; whether it is the policy's now, and a text."""
        with self._lock:
            if not self._arbiter.event(arbiter.RETURN, now_ns, who):
                return True, f"the arm is the {self._arbiter.itself}'s already"
            self._disengage()
            self._hand_back = HandBack(self._limits, self._period_s)
            self._hand_back_period = None
            return True, f"the arm is the {self._arbiter.itself}'s"

    def estop(self, engage: bool, now_ns: int) -> None:
        """The e-stop was engaged or released; the arm itself knows."""
        with self._lock:
            self._estopped = engage
            if engage:
                self._stop(arbiter.ESTOP, "the e-stop was engaged", now_ns)

    def stuck(self, text: str, now_ns: int) -> None:
        """The policy gets nowhere: the arm holds until somebody says who is to go on."""
        with self._lock:
            self._stop(arbiter.STUCK, text, now_ns)

    def begin_anew(self, now_ns: int) -> None:
        """The arm was put somewhere else: a new episode."""
        with self._lock:
            self._is_sent, self._hand_back = False, None
            if self._arbiter.event(arbiter.EPISODE, now_ns):
                self._disengage()
                self._arm.hold("a new episode")

    def applied(self, sent: bool, now_ns: int) -> None:
        """The end of a control period in which a target was sent to the arm, or nothing was."""
        with self._lock:
            self._unknown_periods = 0 if sent else self._unknown_periods + 1
            if sent or self._unknown_periods >= self._timeout_periods:
                self._is_sent = sent
            if self._devices:
                self._grow_older(now_ns)

    # -- a person's devices ------------------------------------------------------------------------

    def _read(
        self,
        device: _Device | None,
        name: str,
        names: Sequence[str],
        position_rad: Sequence[float],
    ) -> tuple[_Device, Vector]:
        """The device, made where it is new or moves other joints now, and where it is (K,)."""
        matcher = device.matcher if device is not None else JointMatcher(self._limits.names)
        found, reading = matcher.read_part(names, position_rad, ())
        if not found:
            known = ", ".join(self._limits.names)
            raise ValueError(f"it has none of the arm's joints: {known}")
        if device is not None and device.owns and found != device.joints:
            raise ValueError("it moves other joints than before")
        if device is None or found != device.joints:
            part = self._limits.part(found)
            clutch = Clutch(part, self._grippers[found], self._period_s)
            return _Device(name, list(found), matcher, clutch, reading.position), reading.position
        device.name = name or device.name
        return device, reading.position

    def _follow(self, device: _Device, where: Vector, stamp_ns: int, now_ns: int) -> Refusal | None:
        if not self._is_sent:
            device.fresh = not device.owns
            return Refusal("owner", "where the arm is sent to is not known yet")
        here, step, now = self._arm.motion
        periods, device.period = now - device.period, now
        if self.ownership.owner != arbiter.PERSON or not any(
            other.owns for other in self._devices.values()
        ):
            self._target = here.copy()
        joints = device.joints
        if device.centred:
            part = device.clutch.map(where, periods)
        else:
            part = device.clutch.engage(here[joints], step[joints], where)
        inside = clip(part, self._limits.lower_rad[joints], self._limits.upper_rad[joints])
        device.clutch.slip(inside - part)
        target = self._target.copy()
        target[joints] = inside
        refusal = self._arm.command(self._limits.names, target.tolist(), stamp_ns, now_ns)
        device.centred = refusal is None  # where it was refused, the arm may go elsewhere
        if refusal is not None:
            device.fresh = not device.owns  # a person who wants it has it as soon as that can be
            return refusal
        self._target = target
        if not device.owns:
            device.owns = True
            self._arbiter.event(arbiter.TAKE, now_ns, device.name)
            self._hand_back = None
        return None

    def _fault(self, device: _Device | None, name: str, text: str, now_ns: int) -> Refusal:
        if device is not None:
            owns, device.age_periods, device.fresh = device.owns, 0, False
            if owns:
                self._stop(arbiter.FAULT, text, now_ns)
        return Refusal("person", f"{name}: {text}")

    def _jump(self, device: _Device, last: Vector, where: Vector, periods: int) -> str | None:
        most = JUMP_RAD + JUMP_RAD_S * self._period_s * max(1, periods)
        moved = np.abs(where - last)
        if (moved <= most).all():
            return None
        worst = int(np.argmax(moved))
        joint = self._limits.names[device.joints[worst]]
        return f"its {joint} jumped by {moved[worst]:.2f} rad"

    def _other_calibration(self, device: _Device, where: Vector) -> str | None:
        lower, upper = self._limits.lower_rad[device.joints], self._limits.upper_rad[device.joints]
        past = np.maximum(lower - where, where - upper)
        worst = int(np.argmax(past))
        if past[worst] <= PAST_LIMIT_RAD:
            return None
        joint = self._limits.names[device.joints[worst]]
        return (
            f"its {joint} is at {where[worst]:.2f} rad, the arm's goes from {lower[worst]:.2f} to "
            f"{upper[worst]:.2f}: another calibration, or degrees"
        )

    def _rival(self, device: _Device) -> _Device | None:
        """Another device that owns some of the joints."""
        for other in self._devices.values():
            if other is not device and other.owns and set(other.joints) & set(device.joints):
                return other
        return None

    def _shared(self, device: _Device, other: _Device) -> str:
        both = [self._limits.names[i] for i in device.joints if i in other.joints]
        return "the same joints" if len(both) == len(self._limits.names) else ", ".join(both)

    def _grow_older(self, now_ns: int) -> None:
        silent = None
        for sender, device in list(self._devices.items()):
            device.age_periods += 1
            if device.age_periods >= self._timeout_periods:
                device.fresh = True
                silent = device if device.owns else silent
            if device.age_periods >= FORGET_PERIODS and not device.owns:
                del self._devices[sender]
        if silent is not None:
            detail = f"{silent.name} has sent nothing for {self._timeout_s:g} s"
            self._stop(arbiter.SILENCE, detail, now_ns)

    def _stop(self, kind: str, detail: str, now_ns: int) -> None:
        """What ends a person's ownership without handing the arm back."""
        if self._arbiter.event(kind, now_ns, detail=detail):
            self._disengage()
            self._arm.hold(self.ownership.reason)

    def _disengage(self) -> None:
        for device in self._devices.values():
            device.owns = device.centred = False

    def _whose(self) -> str:
        now = self.ownership
        if now.owner == arbiter.PERSON:
            return f"a person's ({now.who})"
        return "nobody's" if now.owner == arbiter.NOBODY else f"the {now.owner}'s"

    # -- the way back ------------------------------------------------------------------------------

    def _handed_back(
        self, hand_back: HandBack, names: Sequence[str], position_rad: Sequence[float]
    ) -> Sequence[float]:
        """The command that leads from where the arm is to ``position_rad``; that itself where the
        gate is to refuse it."""
        try:
            reading = self._matcher.read(names, position_rad, ())
        except ValueError:
            return position_rad
        wanted = reading.position
        if far_outside(wanted, self._limits) is not None or not self._is_sent:
            return position_rad
        here, step, now = self._arm.motion
        before, self._hand_back_period = self._hand_back_period, now
        if before is not None:
            target = hand_back.map(wanted, now - before)
        else:
            target = hand_back.engage(here, step, wanted)
        if hand_back.is_over:
            self._hand_back = None
        place = {joint: i for i, joint in enumerate(self._limits.names)}
        return [float(target[place[name]]) for name in names]
