"""The command ``so101-emulator``."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from act_core.errors import ConfigurationError, suggest
from act_core.realtime import prepare_process
from act_core.robot import Robot

from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.expert_hand import ExpertHand
from so101_driver.emulator.faults import EVENTS, RATES, FaultScript, load_script
from so101_driver.emulator.hand import KEYS_HELP, Hand, KeysHand, SweepHand, servos_for_a_hand
from so101_driver.emulator.pty_port import PtyPort
from so101_driver.emulator.servo import EmulatedServo
from so101_driver.emulator.terminal_keys import keys_of_terminal
from so101_driver.so_arm import ARM, find_arm

SWEEP, KEYS, EXPERT = "sweep", "keys", "expert"
HANDS = (SWEEP, KEYS, EXPERT)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    rates = "\n".join(f"  {kind:<12}{text}" for kind, text in RATES.items())
    events = "\n".join(f"  {kind:<12}{text}" for kind, text in EVENTS.items())
    top = argparse.ArgumentParser(
        prog="so101-emulator",
        description="An SO-101's or SO-100's servo bus on a pseudo-terminal: whatever speaks to\n"
        "Feetech STS servos over a serial port can be pointed at it.",
        epilog=f"random faults (--rate KIND=SHARE):\n{rates}\n\n"
        f"events in a script (--faults FILE; form: so101_driver/emulator/faults.py):\n{events}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--pty", type=Path, required=True, metavar="PATH", help="name of the port")
    top.add_argument("--robot", default="so101", help=ARM)
    top.add_argument("--faults", type=Path, metavar="FILE", help="YAML script of faults")
    top.add_argument(
        "--rate", action="append", default=[], metavar="KIND=SHARE", help="e.g. lost=0.01"
    )
    top.add_argument("--seed", type=int, help="of the random faults")
    top.add_argument("--echo", action="store_true", help="an adapter that hears what it sends")
    top.add_argument(
        "--latency-ms", type=float, default=0.0, help="of the adapter: 1 to 2 for USB CDC"
    )
    top.add_argument(
        "--hand", choices=HANDS, type=_known_hand,
        help="moves the joints while they are limp: sweep does what `so101-setup calibrate` asks "
        "for, and plays with a leader; keys are those of this terminal; expert calibrates likewise "
        "and then shows with a leader what the expert of a simulated task would do",
    )  # fmt: skip
    top.add_argument(
        "--priority", type=int, default=0,
        help="SCHED_FIFO, where that is granted, so that replies are never late; 0: none",
    )  # fmt: skip
    top.add_argument(
        "--save-calibration", type=Path, metavar="FILE", help="write the arm's calibration, too"
    )
    return top


def _script(arguments: argparse.Namespace) -> FaultScript:
    script = load_script(arguments.faults) if arguments.faults else FaultScript()
    rates = dict(script.rates)
    for text in arguments.rate:
        kind, _, share = text.partition("=")
        try:
            rates[kind] = float(share)
        except ValueError:
            raise ConfigurationError(
                f"--rate {text}: expected KIND=SHARE, e.g. lost=0.01"
            ) from None
    return replace(
        script,
        rates=rates,
        seed=script.seed if arguments.seed is None else arguments.seed,
        echo=script.echo or arguments.echo,
    )


def _known_hand(name: str) -> str:
    if name not in HANDS:
        raise argparse.ArgumentTypeError(suggest("hand", name, HANDS))
    return name


def _hand(
    kind: str | None, servos: Sequence[EmulatedServo], robot: Robot, ending: ExitStack
) -> Hand | None:
    """The hand that was asked for; when `ending` is closed, the terminal is as it was and no node
    is left."""
    say = partial(print, flush=True)
    if kind == SWEEP:
        return SweepHand(servos, say)
    if kind == KEYS:
        print(KEYS_HELP)
        return KeysHand(servos, keys_of_terminal(ending))
    if kind == EXPERT:
        try:
            from so101_driver.expert_hand_node import watching
        except ImportError as error:  # everything else here does without ROS
            raise ConfigurationError(
                f"--hand {EXPERT} needs ROS 2 (`source env.sh`): {error}; {SWEEP} and {KEYS} do not"
            ) from error
        node = ending.enter_context(watching(robot))
        return ExpertHand(servos, node.look, node.let_go, say)
    return None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs until SIGINT or SIGTERM."""
    arguments = parser().parse_args(argv)
    ending = ExitStack()
    with ending:
        return _run(arguments, ending)


def _run(arguments: argparse.Namespace, ending: ExitStack) -> int:
    try:
        robot = find_arm(arguments.robot)
        of_a_hand = servos_for_a_hand(robot) if arguments.hand else None
        servos = emulated_servos(robot=robot) if of_a_hand is None else of_a_hand
        bus = EmulatedBus(
            servos, faults=_script(arguments), latency_s=arguments.latency_ms / 1000,
            hand=_hand(arguments.hand, servos, robot, ending),
        )  # fmt: skip
        port = PtyPort(bus, arguments.pty, arguments.priority)
    except ConfigurationError as error:
        print(f"so101-emulator: {error}", file=sys.stderr)
        return 2
    if arguments.save_calibration:
        emulated_calibration(robot).save(arguments.save_calibration)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: port.close())
    if arguments.priority:
        prepare_process()
    print(f"{len(bus.servos)} servos on {arguments.pty} at {bus.baud} baud", flush=True)
    port.serve()
    port.path.unlink(missing_ok=True)
    faults = ", ".join(f"{kind} {count}" for kind, count in sorted(bus.faults.counts.items()))
    print(f"faults: {faults or 'none'}", flush=True)
    return 0
