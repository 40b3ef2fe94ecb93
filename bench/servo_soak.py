"""The driver under random faults in virtual time, and the parser under random bytes.

    python -m bench.servo_soak --faults 100000 --megabytes 10

Prints one JSON line; ``outside_limits`` and ``wrong_checksums`` must be 0.
"""

from __future__ import annotations

import argparse
import json
import random

from act_core.timing import MonotonicClock
from so101_driver.protocol import Parser, encode

from bench._servo_soak import Soak

RECENT = 2048  # bytes


def fuzz(byte_count: int, seed: int) -> dict[str, int]:
    """Random bytes, and packets with random damage, through the parser."""
    source = random.Random(seed)
    parser = Parser()
    recent = b""  # the end of the stream, longer than all that can wait in the parser
    accepted = wrong = fed = 0
    while fed < byte_count:
        piece = bytearray(source.randbytes(source.randrange(30)))
        if source.random() < 0.7:
            data = source.randbytes(source.randrange(20))
            piece += encode(source.randrange(254), source.randrange(256), data)
        if piece and source.random() < 0.5:
            piece[source.randrange(len(piece))] ^= 1 << source.randrange(8)
        fed += len(piece)
        recent = (recent + piece)[-RECENT:]
        packets = parser.feed(bytes(piece))
        if source.random() < 0.05:
            packets += parser.flush()
        for servo_id, code, parameters in packets:
            accepted += 1
            # Encoded again it has a right checksum: had it come with another one, these bytes
            # would not be in the stream.
            wrong += encode(servo_id, code, parameters) not in recent
    accepted_bytes = fed - parser.noise - len(parser)
    return {"bytes": fed, "accepted": accepted, "accepted_bytes": accepted_bytes,
            "wrong_checksums": wrong, "damaged": parser.damaged}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=100_000)
    parser.add_argument("--megabytes", type=float, default=10.0, help="of fuzzed bytes")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    clock = MonotonicClock()
    start_ns = clock.now_ns()
    soak = Soak(arguments.seed)
    soak.run(arguments.faults)
    result = {
        "bench": "servo_soak",
        "seed": arguments.seed,
        "faults": soak.faults,
        "by_kind": dict(sorted(soak.wire.faults.counts.items())),
        "cycles": soak.cycles,
        "outside_limits": soak.outside_limits,
        "resumed": soak.resumed,
        "longest_hold_s": soak.longest_hold_s,
        "driver": dict(soak.driver.values()),
        "fuzz": fuzz(round(1e6 * arguments.megabytes), arguments.seed),
        "took_s": round((clock.now_ns() - start_ns) / 1e9, 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
