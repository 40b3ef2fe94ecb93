"""``ros2 run PACKAGE EXECUTABLE ...``."""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess

from ros2cli import packages
from ros2cli.command import verb
from ros2cli.errors import CliError, unknown


@verb("""
    Run an executable of a package

    --prefix COMMAND  Command to put before the executable (e.g. 'gdb -ex run --args')
    package_name      Name of the ROS package
    executable_name   Name of the executable
    argv REST         Arguments passed on to the executable
""")
def run(args: argparse.Namespace) -> int:
    available = packages.executables(args.package_name)
    matches = [path for path in available if path.name == args.executable_name]
    if not matches:
        raise unknown(
            "executable",
            args.executable_name,
            [path.name for path in available],
            f"of package '{args.package_name}'",
        )
    if len(matches) > 1:
        raise CliError("Multiple executables found:" + "".join(f"\n- {path}" for path in matches))
    return run_executable([*shlex.split(args.prefix or ""), str(matches[0]), *args.argv])


def run_executable(command: list[str]) -> int:
    """Run to the end; Ctrl-C reaches the child by the terminal, so it alone decides when to end."""
    with subprocess.Popen(command) as process:

        def forward(signum: int, _: object) -> None:
            process.send_signal(signum)

        previous = signal.signal(signal.SIGTERM, forward)
        try:
            while True:
                try:
                    code = process.wait()
                    break
                except KeyboardInterrupt:
                    continue
        finally:
            signal.signal(signal.SIGTERM, previous)
    if code < 0:
        print("[ros2run]:", signal.strsignal(-code))
    elif code > 0:
        print(f"[ros2run]: Process exited with failure {code}")
    return code if code >= 0 else 128 - code


COMMAND = run
