"""How long one chunk takes, for each variant of a bundle on each engine. One JSON line.

python -m bench.policy_latency --repeat 50
python -m bench.policy_latency --threads 1 --engines cpu
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

from act_core.errors import ConfigurationError
from act_core.policy_spec import BundleError
from act_policy.bundle import FP32, read_bundle
from act_policy.load_policy import ENGINES, load_policy
from act_policy.openvino_policy import is_installed

from bench._full_size_policy import full_size_bundle
from bench._machine import cpu_name, percentiles_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=50)
    parser.add_argument("--threads", type=int, default=0, help="0: one for each core")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, help="default: those for CPUs")
    parser.add_argument("--bundle", type=Path, help="instead of a full-size ACT")
    arguments = parser.parse_args()
    bundle = read_bundle(arguments.bundle or full_size_bundle())
    threads = arguments.threads or len(os.sched_getaffinity(0))
    openvino = ["openvino_fp32", "openvino_bf16"] if is_installed() else []
    observation = bundle.parity_sample().observation(0)
    runs = []
    for engine in arguments.engines or ["cpu", *openvino]:
        for variant in (FP32, *bundle.spec.variants):
            started = time.perf_counter()
            try:
                policy = load_policy(bundle.folder, engine=engine, variant=variant, threads=threads)
            # Less exact on this engine than the bundle allows, or not for it.
            except (BundleError, ConfigurationError) as error:
                runs.append({"engine": engine, "variant": variant, "refused": str(error)})
                continue
            load_s = time.perf_counter() - started
            assert policy.parity is not None  # load_policy has checked it
            times = [policy.infer(observation).latency_s for _ in range(arguments.repeat)]
            runs.append({
                "engine": engine,
                "variant": variant,
                **percentiles_ms(times),
                "min_ms": round(1e3 * min(times), 2),
                "load_s": round(load_s, 2),
                "difference": float(f"{policy.parity.max_difference:.2g}"),
            })  # fmt: skip
            del policy
    result = {
        "bench": "policy_latency",
        "cpu": cpu_name(),
        "threads": threads,
        "policy": bundle.spec.name,
        "chunk_size": bundle.spec.chunk_size,
        "images": [list(image.shape) for image in bundle.spec.image_inputs],
        "runs": runs,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
