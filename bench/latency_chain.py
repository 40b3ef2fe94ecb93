"""From a camera's stamp to the first command that used the frame, by real topics. One JSON line.

python -m bench.latency_chain --seconds 30
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bench._full_size_policy import full_size_bundle
from bench._machine import percentiles_ms
from bench._policy_rig import running_rig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=100.0, help="control rate [Hz]")
    parser.add_argument("--bundle", type=Path, help="instead of a full-size ACT")
    parser.add_argument("--variant", default="auto")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--priority", type=int, default=40, help="SCHED_FIFO; 0: none")
    arguments = parser.parse_args()
    bundle = arguments.bundle or full_size_bundle()
    with running_rig(
        bundle,
        control_rate_hz=arguments.rate,
        variant=arguments.variant,
        engine=arguments.engine,
        realtime_priority=arguments.priority,
    ) as rig:
        rig.warm_up()
        rig.run(arguments.seconds)
        status = rig.node.runner.status(rig.node.get_clock().now().nanoseconds)
        chain = percentiles_ms(rig.record.frame_to_command)
        inference = percentiles_ms(list(status.latency_s))
        result = {
            "bench": "latency_chain",
            **rig.machine(),
            "seconds": arguments.seconds,
            "rate_hz": arguments.rate,
            "frame_to_command": chain,
            "inference": inference,
            "beyond_inference_p50_ms": round(chain["p50_ms"] - inference["p50_ms"], 2),
            "chunks_used": len(rig.record.frame_to_command),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
