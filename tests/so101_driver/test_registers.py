"""The control table: addresses, signs, ranges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from so101_driver import registers as reg


def test_no_two_registers_share_a_byte():
    owners = [address for r in reg.REGISTERS for address in range(r.address, r.end)]
    assert len(owners) == len(set(owners))
    assert max(owners) < reg.TABLE_SIZE


@pytest.mark.parametrize(
    ("register", "value", "data"),
    [
        (reg.PRESENT_POSITION, 1304, "18 05"),  # from Feetech's manual
        (reg.GOAL_VELOCITY, 1000, "e8 03"),
        (reg.HOMING_OFFSET, 904, "88 03"),
        (reg.HOMING_OFFSET, -904, "88 0b"),  # bit 11
        (reg.PRESENT_LOAD, -120, "78 04"),  # bit 10
        (reg.PRESENT_VELOCITY, -50, "32 80"),  # bit 15
        (reg.ID, 253, "fd"),
    ],
)
def test_bytes_of_known_values(register, value, data):
    assert register.encode(value) == bytes.fromhex(data)
    assert register.decode(bytes.fromhex(data)) == value


@given(st.sampled_from(reg.REGISTERS), st.data())
def test_every_value_comes_back(register, data):
    value = data.draw(st.integers(register.lowest, register.highest))
    assert register.decode(register.encode(value)) == value


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="homing_offset: 2048 does not fit, expected -2047 to 204"):
        reg.HOMING_OFFSET.encode(2048)
    with pytest.raises(ValueError, match="id: -1 does not fit, expected 0 to 255"):
        reg.ID.encode(-1)


def test_spans():
    assert reg.span((reg.PRESENT_POSITION, reg.PRESENT_VELOCITY, reg.PRESENT_LOAD)) == (56, 6)
    assert reg.span((reg.TORQUE_ENABLE, reg.STATUS)) == (40, 26), "gaps are read along"
    assert reg.unpack((reg.TORQUE_ENABLE, reg.GOAL_POSITION), b"\x01\xfe\x00\x08") == (1, 2048)
    with pytest.raises(ValueError, match="present_position .* must stand before present_velocity"):
        reg.span((reg.PRESENT_VELOCITY, reg.PRESENT_POSITION))
    with pytest.raises(ValueError, match="no registers"):
        reg.span(())


def test_status_in_words():
    assert (reg.Status.OVERLOAD | reg.Status.OVERHEAT).words() == "overheat, overload"
    assert reg.Status(0).words() == "ok"
