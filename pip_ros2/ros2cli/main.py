"""``ros2 <command> ...``: the table of commands and how one is run.

Only the module of the chosen command is imported, and rclpy only by the verbs that need it, so
``ros2 --help`` answers in about 0.1 s.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence

from ros2cli import graph, leftovers, log_folder, network
from ros2cli.errors import CliError
from ros2cli.packages import ensure_prefix_path
from ros2cli.verbs import DISTRIBUTION, Parser

COMMANDS = {
    "bag": "Record, inspect and play rosbag2 folders (MCAP)",
    "doctor": "Check this machine: what is installed, transport, GL, real-time permissions",
    "launch": "Run a launch file",
    "node": "List nodes and what they publish, subscribe to and serve",
    "param": "Read and change the parameters of nodes",
    "pkg": "List packages, their prefixes and their executables",
    "run": "Run an executable of a package",
    "service": "List and call services",
    "topic": "List, print, publish and measure topics",
}
WRITES_LOGS = ("bag", "launch", "node", "param", "run", "service", "topic")


def build_parser(chosen: str | None) -> Parser:
    """The parser with all commands, but only the chosen one's verbs and options."""
    parser = Parser(
        prog="ros2",
        description="ros2 for machines with the PyPI wheels of ROS 2 (the subset listed below).",
    )
    parser.add_argument(
        "--use-python-default-buffering",
        action="store_true",
        help="do not force line buffering of the output",
    )
    subparsers = parser.add_subparsers(metavar="<command>", title="commands")
    for name, summary in COMMANDS.items():
        sub = subparsers.add_parser(name, help=summary, description=summary)
        if name == chosen:
            sub.add(importlib.import_module(f"ros2cli.{name}").COMMAND)
    parser.set_defaults(run=lambda _: parser.print_help(), parser=parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the exit code (2 also after Ctrl-C, as the real one)."""
    try:
        code = _run(argv)
    except SystemExit as end:
        if not graph.is_stuck():
            raise
        code = end.code if isinstance(end.code, int) else 1
    if graph.is_stuck():  # the interpreter's own way out would wait for the middleware
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _run(argv: Sequence[str] | None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    try:
        ensure_prefix_path()
        network.choose()
        if chosen in WRITES_LOGS:
            log_folder.ensure()
        if chosen in ("launch", "run"):
            network.warn_if_open()
            leftovers.clean()
        parser = build_parser(chosen)
        args, between = parser.parse_known_args(arguments)
        if between and hasattr(args, "launch_arguments") and not between[0].startswith("-"):
            # argparse gives up on name:=value words that stand after an option.
            args.launch_arguments += between
        elif between:
            what = f"unrecognized arguments: {' '.join(between)}"
            args.parser.error(f"{what}. Where the real command takes them: {DISTRIBUTION}")
        if not args.use_python_default_buffering and hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(line_buffering=True)
        return args.run(args) or 0
    except CliError as error:
        print(f"ros2: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(
            f"ros2: this needs the Python package '{error.name}'; see ros2 doctor", file=sys.stderr
        )
        return 1
    except KeyboardInterrupt:
        return int(signal.SIGINT)
    except BrokenPipeError:  # e.g. `ros2 topic echo /x | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
