"""The 87 bytes of one servo, and which of them survive without power."""

from __future__ import annotations

from collections.abc import Mapping

from so101_driver import registers as reg
from so101_driver.registers import Area, Register

_AREAS: dict[int, Area] = {
    address: register.area
    for register in reg.REGISTERS
    for address in range(register.address, register.end)
}


class ServoMemory:
    """Register values with the rules of the servo for reading and writing them.

    - A read past the end is cut short; one that begins past the end is not answered.
    - Bytes that are read-only or reserved are skipped when written, without an error.
    - EEPROM bytes change at once, but stay changed without power only if LOCK was 0.
    """

    def __init__(self, eeprom: Mapping[Register, int] | None = None) -> None:
        self._bytes = bytearray(reg.TABLE_SIZE)
        for register in reg.REGISTERS:
            self[register] = register.default
        for register, value in (eeprom or {}).items():
            self[register] = value
        self._kept = bytes(self._bytes)
        self.power_on()

    def __getitem__(self, register: Register) -> int:
        return register.decode(self._bytes[register.address : register.end])

    def __setitem__(self, register: Register, value: int) -> None:
        """What the servo itself does: no rules apply."""
        self._bytes[register.address : register.end] = register.encode(value)

    def power_on(self) -> None:
        """EEPROM as it was kept, everything else as it is after power-up."""
        self._bytes[:] = self._kept
        self[reg.TORQUE_LIMIT] = self[reg.MAX_TORQUE_LIMIT]

    def factory_reset(self) -> None:
        """EEPROM as delivered; the ID stays."""
        for register in reg.REGISTERS:
            if register.area is Area.EEPROM and register is not reg.ID:
                self[register] = register.default
                self._keep(register.address, register.end)

    def keep(self, register: Register, value: int) -> None:
        """Sets a register for good, LOCK or not."""
        self[register] = value
        self._keep(register.address, register.end)

    def read(self, address: int, count: int) -> bytes | None:
        """What a READ brings, or None where the servo stays silent."""
        if address >= reg.TABLE_SIZE:
            return None
        return bytes(self._bytes[address : min(address + count, reg.TABLE_SIZE)])

    def write(self, address: int, data: bytes) -> None:
        """What a WRITE does."""
        for offset, value in enumerate(data, start=address):
            area = _AREAS.get(offset, Area.READ_ONLY)
            if area is Area.READ_ONLY:
                continue
            self._bytes[offset] = value
            if area is Area.EEPROM and self[reg.LOCK] == 0:
                self._keep(offset, offset + 1)

    def _keep(self, start: int, end: int) -> None:
        kept = bytearray(self._kept)
        kept[start:end] = self._bytes[start:end]
        self._kept = bytes(kept)
