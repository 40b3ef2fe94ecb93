"""One emulated STS3215: what it answers, and what its registers do.

Left out: operating modes other than 0 (position), firmware update, the LED.

Sources differ about three things, so each can be chosen (`Firmware`, and `power_cycle`). The
clean-room firmware 0o8o0-blip/sts3215-firmware, which was compared with the factory's in thousands
of tests, sets TORQUE_ENABLE when a goal is written (pid_motor.c, pid_compute; iory/feetech-cli has
measured the same), forgets the goal while torque is off, so that a servo which is only switched on
stays where it is (pid.c, position_pid_reset), and powers up without torque. The manual's memory
table says nothing of the first two, and PickNik's feetech_ros2_driver says that servos power up
with torque.
"""

from __future__ import annotations

from dataclasses import dataclass

from so101_driver import registers as reg
from so101_driver.emulator.joint import Drive, JointModel
from so101_driver.emulator.memory import ServoMemory
from so101_driver.emulator.motor import STEP_S, Motor, settings
from so101_driver.protocol import Instruction, Packet
from so101_driver.registers import Register

CALIBRATE_HERE = 128  # written to TORQUE_ENABLE: the present position becomes 2048
REBOOT_S = 0.8  # until it answers again


@dataclass(frozen=True)
class Firmware:
    """What is not known for certain; the defaults are what is worse for a driver."""

    goal_switches_on: bool = True  # writing GOAL_POSITION switches the torque on
    keeps_goal: bool = True  # TORQUE_ENABLE alone sends the joint to the goal of before


class EmulatedServo:
    """A servo between the wire and a joint.

    Args:
        memory: its registers.
        joint: what it turns.
        zero_count: count of the encoder where the joint is at 0 rad.
    """

    def __init__(self, memory: ServoMemory, joint: JointModel, zero_count: float = 2047.5) -> None:
        self.memory = memory
        self.firmware = Firmware()
        self.dead = False  # without power or cable: neither hears nor drives
        self.silent = False  # neither hears nor answers, but drives
        self._zero_count = zero_count
        self._stays: int | None = None  # position that it was switched on at, without a goal
        self.motor = Motor(joint, settings(memory, zero_count))
        self._time_s = 0.0
        self._starts_s = 0.0  # hears nothing before
        self._waiting: bytes | None = None  # a REG_WRITE

    @property
    def servo_id(self) -> int:
        """As in its register."""
        return self.memory[reg.ID]

    @property
    def baud(self) -> int | None:
        """As in its register; None for a code that this project does not know."""
        code = self.memory[reg.BAUD_RATE]
        return reg.BAUD_RATES[code] if code < len(reg.BAUD_RATES) else None

    @property
    def is_listening(self) -> bool:
        """Whether it hears the bus."""
        return not (self.dead or self.silent) and self._time_s >= self._starts_s

    def power_cycle(self, goal: int | None = None) -> None:
        """Everything that is not kept is lost; the bus is heard again after `REBOOT_S`.

        goal: with torque on and this goal, as a driver of others reports of some servos
        (PickNik's feetech_ros2_driver); without it torque is off, as in the clean-room firmware.
        """
        self.memory.power_on()
        if goal is not None:
            self.memory[reg.GOAL_POSITION] = self._inside_limits(goal)
            self.memory[reg.TORQUE_ENABLE] = 1
        self._starts_s = self._time_s + REBOOT_S
        self._waiting = self._stays = None
        self._set_motor()
        self.motor.reset()

    def step(self) -> None:
        """Lets `STEP_S` pass."""
        self._time_s += STEP_S
        joint = self.motor.joint
        if self.dead:
            joint.step(Drive(False, 0.0, 0.0, joint.position_rad), STEP_S)
            return
        self.motor.step()
        if self.motor.tripped and self.memory[reg.TORQUE_ENABLE]:
            self.memory[reg.TORQUE_ENABLE] = 0
            self._set_motor()

    def handle(self, packet: Packet) -> Packet | None:
        """Carries out an instruction that is meant for this servo; returns its answer."""
        code, parameters = packet.code, packet.parameters
        if code == Instruction.PING:
            return self.reply()
        if code == Instruction.READ and len(parameters) == 2:
            return self.read(*parameters)
        if code == Instruction.REBOOT:
            self.power_cycle()
            return None
        if code == Instruction.WRITE and len(parameters) >= 2:
            self.write(parameters[0], parameters[1:])
        elif code == Instruction.REG_WRITE and len(parameters) >= 2:
            self._waiting = parameters
            self.memory[reg.ASYNC_WRITE] = 1
        elif code == Instruction.ACTION:
            self._act()
        elif code == Instruction.FACTORY_RESET:
            self.memory.factory_reset()
            self._set_motor()
        elif code == Instruction.CALIBRATE:
            self._calibrate(int.from_bytes(parameters[:2], "little") if parameters else 2048)
        else:
            return None
        return self.reply() if self.memory[reg.RESPONSE_LEVEL] else None

    def reply(self, data: bytes = b"") -> Packet:
        """A status packet: its error byte is the register STATUS."""
        return Packet(self.servo_id, self.motor.status, data)

    def read(self, address: int, count: int) -> Packet | None:
        """The answer to a read: None past the end of the table."""
        self._report()
        data = self.memory.read(address, count)
        return None if data is None else self.reply(data)

    def write(self, address: int, data: bytes) -> None:
        """A write with all its consequences."""
        memory = self.memory
        mode, torque = memory[reg.OPERATING_MODE], memory[reg.TORQUE_ENABLE]
        memory.write(address, data)
        if memory[reg.TORQUE_ENABLE] == CALIBRATE_HERE:
            memory[reg.TORQUE_ENABLE] = torque
            self._calibrate(2048)
        if memory[reg.OPERATING_MODE] != mode:
            for register in (reg.TORQUE_ENABLE, reg.GOAL_VELOCITY, reg.ACCELERATION):
                memory[register] = 0
        fastest = memory[reg.MAXIMUM_ACCELERATION]
        memory[reg.ACCELERATION] = min(memory[reg.ACCELERATION], fastest)
        if _touches(address, data, reg.GOAL_POSITION):
            goal = self._inside_limits(memory[reg.GOAL_POSITION])
            memory[reg.GOAL_POSITION] = goal
            memory[reg.GOAL_ECHO] = abs(goal)
            self._stays = None
            if self.firmware.goal_switches_on and memory[reg.OPERATING_MODE] == 0:
                memory[reg.TORQUE_ENABLE] = 1
        elif memory[reg.TORQUE_ENABLE] == 1 != torque and not self.firmware.keeps_goal:
            self._stays = self.motor.position
        self._set_motor()
        if memory[reg.TORQUE_ENABLE] != torque:
            self.motor.release()

    def _set_motor(self) -> None:
        """The motor's settings by the registers."""
        found = settings(self.memory, self._zero_count)
        self.motor.settings = found if self._stays is None else found._replace(goal=self._stays)

    def _act(self) -> None:
        waiting, self._waiting = self._waiting, None
        self.memory[reg.ASYNC_WRITE] = 0
        if waiting is not None:
            self.write(waiting[0], waiting[1:])

    def _calibrate(self, wanted: int) -> None:
        """Moves the homing offset so that the present position reads ``wanted``."""
        encoder = self.motor.position + self.memory[reg.HOMING_OFFSET]
        half = reg.COUNTS_PER_TURN // 2
        offset = (encoder - wanted + half) % reg.COUNTS_PER_TURN - half
        self.memory.keep(reg.HOMING_OFFSET, max(offset, reg.HOMING_OFFSET.lowest))
        self._set_motor()

    def _inside_limits(self, goal: int) -> int:
        low, high = self.memory[reg.MIN_POSITION_LIMIT], self.memory[reg.MAX_POSITION_LIMIT]
        return goal if low == high else min(max(goal, low), high)

    def _report(self) -> None:
        """Brings the registers up to date that tell how the motor is."""
        memory, motor = self.memory, self.motor
        threshold = memory[reg.MOVING_THRESHOLD] * memory[reg.VELOCITY_UNIT]
        moving = threshold <= abs(motor.speed)
        highest = reg.PRESENT_VELOCITY.highest
        memory[reg.PRESENT_POSITION] = motor.position
        memory[reg.PRESENT_VELOCITY] = min(max(motor.speed, -highest), highest) if moving else 0
        memory[reg.MOVING] = int(moving)
        memory[reg.PRESENT_LOAD] = motor.duty
        memory[reg.PRESENT_VOLTAGE] = round(max(0.0, motor.volts) / reg.VOLTS_PER_COUNT)
        memory[reg.PRESENT_TEMPERATURE] = round(motor.temperature_c)
        memory[reg.PRESENT_CURRENT] = round(motor.amperes / reg.AMPERES_PER_COUNT)
        memory[reg.STATUS] = motor.status


def _touches(address: int, data: bytes, register: Register) -> bool:
    return address < register.end and address + len(data) > register.address
