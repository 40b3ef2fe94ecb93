"""What every benchmark says of the machine and of its samples."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import numpy as np


def cpu_name() -> str:
    """As the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used: fields 14 and 15 of its stat file (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def percentiles_to_max_ms(samples_s: list[float]) -> dict[str, float]:
    """p50, p99, p99.9 and maximum in milliseconds, of one sample at least."""
    values = 1e3 * np.percentile(samples_s, [50, 99, 99.9, 100])
    return dict(zip(("p50", "p99", "p99.9", "max"), values.round(3).tolist(), strict=True))


def percentiles_ms(samples_s: list[float]) -> dict[str, float]:
    """p50, p99 and maximum in milliseconds; empty without samples."""
    if not samples_s:
        return {}
    p50, p99 = np.percentile(samples_s, [50, 99])
    return {
        "p50_ms": round(1e3 * float(p50), 2),
        "p99_ms": round(1e3 * float(p99), 2),
        "max_ms": round(1e3 * max(samples_s), 2),
    }
