"""The driver under random faults in virtual time, and the parser under random bytes.

    python -m bench.servo_soak --faults 100000 --megabytes 10 --scripts 1000
    python -m bench.servo_soak --faults 0 --megabytes 0 --scripts 100 --first-script 900  # a part

Prints one JSON line; ``outside_limits``, ``wrong_checksums`` and ``motions`` must be 0. ``motions``
counts what servos did that nobody commanded, measured at the emulated joints, over scripts of 12 s
with faults of every kind that overlap; ``motions_out_of_reach`` are those of servos that lost and
regained their force while the driver could not talk to them: nobody can prevent them.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from concurrent.futures import ProcessPoolExecutor

from act_core.timing import MonotonicClock
from so101_driver.emulator.faults import EVENTS
from so101_driver.protocol import Parser, encode

from bench._servo_soak import Soak

RECENT = 2048  # bytes
SCRIPT_S = 12.0


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


def script(seed: int) -> dict[str, float]:
    """One script of random faults; what it came to."""
    soak = Soak(seed, 0.5 + seed % 4, with_people=True)
    soak.run(seconds=SCRIPT_S)
    motions = [motion for motion in soak.motions if not motion.out_of_reach]
    for motion in motions:
        print(f"script {seed}: {motion}", file=sys.stderr)
    arm = [joint for joint in soak.joints if joint.name != "gripper"]
    return {
        "events": sum(soak.wire.faults.counts[kind] for kind in EVENTS),
        "motions": len(motions),
        "motions_out_of_reach": len(soak.motions) - len(motions),
        "outside_limits": soak.outside_limits,
        "resumed": soak.resumed,
        "fastest_rad_s": max(joint.fastest for joint in arm),
        "most_uncommanded_rad": max(joint.most for joint in arm),
    }


def scripts(first: int, count: int, jobs: int) -> dict[str, float]:
    """Sums over scripts, and the worst of them."""
    with ProcessPoolExecutor(jobs) as pool:
        results = list(pool.map(script, range(first, first + count), chunksize=10))
    worst = ("fastest_rad_s", "most_uncommanded_rad")
    return {
        key: round((max if key in worst else sum)(result[key] for result in results), 3)
        for key in results[0]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=100_000)
    parser.add_argument("--megabytes", type=float, default=10.0, help="of fuzzed bytes")
    parser.add_argument("--scripts", type=int, default=0, help="of faults that overlap, 12 s each")
    parser.add_argument("--first-script", type=int, default=0, help="number (seed) of the first")
    parser.add_argument("--jobs", type=int, default=2, help="processes for the scripts")
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
        "scripts": arguments.scripts,
        **(
            scripts(arguments.first_script, arguments.scripts, arguments.jobs)
            if arguments.scripts
            else {}
        ),
        "fuzz": fuzz(round(1e6 * arguments.megabytes), arguments.seed),
        "took_s": round((clock.now_ns() - start_ns) / 1e9, 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
