"""``ros2 run PACKAGE EXECUTABLE ...``."""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess

from ros2cli import packages
from ros2cli.errors import CliError, unknown
from ros2cli.verbs import verb


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
    asked_to_end: list[int] = []
    started: list[subprocess.Popen[bytes]] = []

    def forward(signum: int, _: object) -> None:
        asked_to_end.append(signum)  # for a child that is not there yet
        for process in started:
            process.send_signal(signum)

    # Both handlers stand before there is a child, which begins with the defaults again.
    previous = {signal.SIGTERM: signal.signal(signal.SIGTERM, forward)}
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as in a shell's background jobs
        previous[signal.SIGINT] = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with subprocess.Popen(command) as process:
            started.append(process)
            if asked_to_end:
                process.send_signal(asked_to_end[0])
            code = process.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if code < 0:
        print("[ros2run]:", signal.strsignal(-code))
    elif code > 0:
        print(f"[ros2run]: Process exited with failure {code}")
    return code if code >= 0 else 128 - code


COMMAND = run
