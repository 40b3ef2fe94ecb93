"""How soon the diagnostics tell of a flow that stopped, and that it goes on again.

    python -m bench.stopped_flow

Kills and pauses each node, pulls cables, stops the clock and so on (see `bench._stopped_flow`);
prints one JSON line with the delays of each way. ``told_s`` must be below 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench._machine import cpu_name
from bench._stopped_flow import SYSTEMS, stop_in_every_way


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", action="append", choices=sorted(SYSTEMS), default=[])
    arguments = parser.parse_args()
    ways: dict[str, dict[str, str]] = {}
    told: list[float] = []
    for kind in arguments.system or SYSTEMS:
        with tempfile.TemporaryDirectory() as folder:
            for outcome in stop_in_every_way(kind, Path(folder)):
                name = f"{kind}: {outcome.way.name}"
                ways[name] = {
                    "told_s": f"{outcome.told_after_s:.2f}",
                    "ok_s": f"{outcome.ok_after_s:.2f}",
                    "status": outcome.way.status,
                    "level": outcome.level,
                    "text": outcome.text,
                }
                told.append(outcome.told_after_s)
                print(name, ways[name], file=sys.stderr, flush=True)
    report = {
        "bench": "stopped_flow",
        "machine": cpu_name(),
        "ways": len(ways),
        "told_max_s": round(max(told), 2),
        "each": ways,
    }
    print(json.dumps(report))
    return int(max(told) > 1.0)


if __name__ == "__main__":
    sys.exit(main())
