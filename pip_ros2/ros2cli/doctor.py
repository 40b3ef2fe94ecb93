"""``ros2 doctor``: a table of checks of this machine.

Each check is one small function that returns a Result; nothing is changed. Exit code 1 when one of
them says FAIL: what it names has to be put right before the rest can work.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

from ros2cli import doctor_machine, doctor_ros
from ros2cli.doctor_result import FAIL, Result, fail
from ros2cli.verbs import verb

CHECKS: Mapping[str, Callable[[], Result]] = {
    "python": doctor_ros.python,
    "ros": doctor_ros.ros,
    "launch": doctor_ros.launch,
    "bags": doctor_ros.bags,
    "middleware": doctor_ros.middleware,
    "large messages": doctor_ros.large_messages,
    "network": doctor_ros.network,
    "discovery": doctor_ros.discovery,
    "workspace": doctor_ros.workspace,
    "shared memory": doctor_machine.shared_memory,
    "GL libraries": doctor_machine.gl_libraries,
    "GL context": doctor_machine.gl_context,
    "real-time priority": doctor_machine.realtime_priority,
    "memory locking": doctor_machine.memory_locking,
    "cpu": doctor_machine.cpu,
    "serial ports": doctor_machine.serial_ports,
    "onnxruntime": doctor_machine.onnxruntime,
}


@verb("""
    Check this machine

    -r, --report  Accepted for compatibility: all is shown
""")
def run(_: argparse.Namespace) -> int:
    width = max(map(len, CHECKS))
    results = []
    for name, check in CHECKS.items():
        result = carry_out(check)
        results.append(result)
        print(f"{result.state:<4}  {name:<{width}}  {result.found}")
        if result.remedy:
            print(f"{'':<{6 + width}}  -> {result.remedy}")
    failed = sum(result.state == FAIL for result in results)
    print(f"\n{failed} of {len(results)} checks failed" if failed else "\nNo check failed")
    return 1 if failed else 0


def carry_out(check: Callable[[], Result]) -> Result:
    """A check that itself breaks is a failed check, not the end of the report."""
    try:
        return check()
    except Exception as error:
        return fail(f"the check itself failed: {error!r}", "please report this")


COMMAND = run
