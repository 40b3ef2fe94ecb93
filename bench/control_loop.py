"""Is control on time while inference never stops? One JSON line.

The real node, real topics and a synthetic robot in a second process; two cameras at 30 Hz keep
inference busy without a pause wherever a chunk takes more than 33 ms.

    python -m bench.control_loop --seconds 600
    python -m bench.control_loop --seconds 60 --priority 0     # without real-time permission
    python -m bench.control_loop --seconds 60 --switch-s 1     # the arm changes hands meanwhile

(Steps of commands are of no meaning while a person has the arm: they go nowhere.)
"""

from __future__ import annotations

import argparse
import json
import os
import resource
from pathlib import Path

from bench._full_size_policy import full_size_bundle
from bench._machine import percentiles_ms
from bench._policy_rig import running_rig

MAX_JUMP = 0.005  # rad; the promise is: no command moves more beyond the policy's own motion


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=100.0, help="control rate [Hz]")
    parser.add_argument("--priority", type=int, default=40, help="SCHED_FIFO; 0: none")
    parser.add_argument("--bundle", type=Path, help="instead of a full-size ACT")
    parser.add_argument("--variant", default="auto")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--mode", default="bundle")
    parser.add_argument(
        "--switch-s", type=float, default=0.0,
        help="a person and the policy have the arm in turn for so long; 0: only the policy",
    )  # fmt: skip
    arguments = parser.parse_args()
    bundle = arguments.bundle or full_size_bundle()
    with running_rig(
        bundle,
        arguments.switch_s,
        control_rate_hz=arguments.rate,
        realtime_priority=arguments.priority,
        variant=arguments.variant,
        engine=arguments.engine,
        mode=arguments.mode,
    ) as rig:
        rig.warm_up()
        memory_kb = _memory_kb()
        rig.run(arguments.seconds)
        loop = rig.loop.whole.snapshot()
        assert loop is not None  # it has run
        status = rig.node.runner.status(rig.node.get_clock().now().nanoseconds)
        record = rig.record
        result = {
            "bench": "control_loop",
            **rig.machine(),
            "seconds": arguments.seconds,
            "rate_hz": arguments.rate,
            "switch_s": arguments.switch_s,
            "load": round(os.getloadavg()[0], 1),
            "mode": rig.node.runner.execution.mode,
            "lateness_ms": {
                key: round(1e3 * value, 3)
                for key, value in (("p50", loop.p50_s), ("p99", loop.p99_s),
                                   ("p99.9", loop.p999_s), ("max", loop.max_s))
            },
            "ticks": loop.ticks,
            "lost_ticks": loop.skipped,
            "commands": record.commands,
            "holds": dict(record.holds),
            "inference": percentiles_ms(list(status.latency_s)),
            "inferences": status.inferences,
            "largest_command_step_mrad": round(1e3 * max(record.moved), 3),
            "largest_beyond_own_motion_mrad": round(1e3 * max(record.beyond), 3),
            "jump_bound_mrad": 1e3 * MAX_JUMP,
            "memory_growth_mb": round((_memory_kb() - memory_kb) / 1024, 1),
        }  # fmt: skip
    print(json.dumps(result))


def _memory_kb() -> int:
    """Resident memory now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() // 1024


if __name__ == "__main__":
    main()
