"""Packets: golden bytes of the manual, and a parser that nothing confuses."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from so101_driver import protocol
from so101_driver.protocol import Instruction, Packet, Parser

PACKETS = st.builds(
    Packet, st.integers(0, 254), st.integers(0, 255), st.binary(max_size=60)
)  # fmt: skip


@pytest.mark.parametrize(
    ("made", "golden"),
    [
        (protocol.encode(1, Instruction.PING), "FF FF 01 02 01 FB"),
        (protocol.encode(1, 0), "FF FF 01 02 00 FC"),
        (protocol.read(1, 0x38, 2), "FF FF 01 04 02 38 02 BE"),
        (protocol.encode(1, 0, b"\x18\x05"), "FF FF 01 04 00 18 05 DD"),
        (
            protocol.write(1, 0x2A, bytes.fromhex("00 08 00 00 e8 03")),
            "FF FF 01 09 03 2A 00 08 00 00 E8 03 D5",
        ),
        (protocol.encode(0xFE, Instruction.ACTION), "FF FF FE 02 05 FA"),
        (
            protocol.sync_write(0x2A, dict.fromkeys(range(1, 5), bytes.fromhex("00080000e803"))),
            "FF FF FE 20 83 2A 06 01 00 08 00 00 E8 03 02 00 08 00 00 E8 03"
            "03 00 08 00 00 E8 03 04 00 08 00 00 E8 03 58",
        ),
    ],
)
def test_golden_bytes(made, golden):
    assert made == bytes.fromhex(golden)


def test_wrong_packets_are_not_made():
    with pytest.raises(ValueError, match="servo id 255 does not exist, expected 0 to 254"):
        protocol.encode(255, 1)
    with pytest.raises(ValueError, match="254 parameters do not fit"):
        protocol.encode(1, 1, bytes(254))
    with pytest.raises(ValueError, match=r"one length for all, got \[1, 2\]"):
        protocol.sync_write(42, {1: b"a", 2: b"bc"})


@given(st.lists(PACKETS, max_size=8), st.data())
def test_packets_come_back_however_the_stream_is_cut(packets, data):
    stream = b"".join(packet.encode() for packet in packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    parser, found = Parser(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += parser.feed(stream[start:end])
    assert found == packets
    assert (parser.noise, parser.damaged, len(parser)) == (0, 0, 0)


@given(PACKETS, st.integers(0, 7), st.data())
def test_one_wrong_bit_is_always_noticed(packet, bit, data):
    wire = bytearray(packet.encode())
    wire[data.draw(st.integers(0, len(wire) - 1))] ^= 1 << bit
    parser = Parser()
    assert packet not in parser.feed(bytes(wire)) + parser.flush()


@given(st.binary(max_size=40), PACKETS)
def test_a_packet_is_found_behind_any_noise(noise, packet):
    parser = Parser()
    found = parser.feed(noise + packet.encode()) + parser.flush()
    # Unless the noise and the packet's beginning happen to be a packet themselves.
    assert packet in found or any(p.encode() not in packet.encode() for p in found)


def test_a_damaged_length_hides_the_next_packet_only_until_the_flush():
    """The example of the class."""
    parser = Parser()
    assert parser.feed(bytes.fromhex("FF FF 01 20 00 FF FF 02 02 00 FB")) == []
    assert parser.flush() == [Packet(2, 0, b"")]
    assert parser.noise == 5


def test_a_third_ff_belongs_to_no_packet():
    parser = Parser()
    assert parser.feed(b"\xff" + protocol.encode(3, 0)) == [Packet(3, 0, b"")]
    assert parser.noise == 1


def test_bytes_are_all_accounted_for():
    parser = Parser()
    parser.feed(b"abc\xff\xff\x01")
    assert (parser.noise, len(parser)) == (3, 3)
    assert parser.clear() == 3
    assert (parser.noise, len(parser)) == (6, 0)


def is_valid(wire: bytes) -> bool:
    """The checksum rule, written down a second time."""
    return wire[:2] == b"\xff\xff" and (sum(wire[2:]) & 0xFF) == 0xFF and wire[3] == len(wire) - 4


@pytest.mark.parametrize("seed", range(4))
def test_of_fuzzed_bytes_only_what_has_a_right_checksum_is_accepted(seed):
    """bench/servo_bus_soak.py does the same with ten million bytes."""
    source = random.Random(seed)
    parser, stream, found = Parser(), bytearray(), []
    for _ in range(2_000):
        piece = bytearray(source.randbytes(source.randrange(20)))
        if source.random() < 0.7:  # nearly right is harder than random
            piece += protocol.encode(source.randrange(254), source.randrange(256),
                                     source.randbytes(source.randrange(12)))  # fmt: skip
        if piece and source.random() < 0.5:
            piece[source.randrange(len(piece))] ^= 1 << source.randrange(8)
        stream += piece
        found += parser.feed(bytes(piece))
    found += parser.flush()
    assert len(found) > 500
    position = 0
    for packet in found:  # each was really there, in this order and without overlap
        wire = packet.encode()
        assert is_valid(wire)
        position = stream.index(wire, position) + len(wire)
    assert sum(len(packet.encode()) for packet in found) + parser.noise == len(stream)
