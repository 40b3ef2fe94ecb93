"""``act-check BUNDLE``: before anything moves, does all of it fit together?

act-check policies/so101_pick_place                     # the bundle, and the graph if one runs
act-check BUNDLE --setup kitchen --dataset data/mine    # also arm, calibration, cameras, data

Compares joints, their order, units, ranges, normalisation, cameras by name, size and view, rates,
clocks and the start pose, and says of each finding what to do. Nothing is published or commanded.
Exit status: 0 it fits, 1 something is wrong, 2 the command line is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from act_core.errors import ConfigurationError
from act_core.policy_spec import BundleError, PolicySpec
from act_core.setup_file import read_setup
from act_policy.bundle import read_bundle

from act_console.check.data import check_data, read_data
from act_console.check.findings import WRONG, Finding, lines, wrong
from act_console.check.graph import check_graph
from act_console.check.policy import check_bundle, check_spec
from act_console.check.table import check_setup

FITS, IS_WRONG = 0, 1
LISTEN_S = 3.0

Look = Callable[[PolicySpec], Iterable[Finding]]


def findings(
    bundle: Path, setup: str, dataset: str, look: Look | None, is_quick: bool = False
) -> list[Finding]:
    """Everything that is found; what cannot be read is a finding, and the rest is still looked at.

    Args:
        setup, dataset: empty: none.
        look: at the running graph; None: not at all.
        is_quick: without the bundle's graph and its parity.
    """
    spec, found = check_spec(bundle)
    if spec is None:
        return found
    if not is_quick:
        found += check_bundle(bundle, spec)
    if setup:
        try:
            found += check_setup(spec, read_setup(setup))
        except ConfigurationError as error:
            found.append(wrong("set-up", str(error), "so101-setup save NAME makes one"))
    if dataset:
        try:
            found += check_data(spec, read_data(Path(dataset)))
        except ConfigurationError as error:
            found.append(wrong("data", str(error), "act-import makes datasets of what others made"))
    if look is not None:
        found += look(spec)
    return found


def look_at_graph(bundle: Path, listen_s: float, args: list[str]) -> Look:
    """Compares with what runs now."""

    def compare(spec: PolicySpec) -> Iterable[Finding]:
        from act_console.check.graph_node import look  # rclpy takes a second to import

        try:
            known = read_bundle(bundle).parity_sample().images
        except (BundleError, OSError):
            known = {}  # told with the bundle
        steps = spec.n_obs_steps
        newest = {c: stack if steps == 1 else stack[:, -1] for c, stack in known.items()}
        return check_graph(spec, look(spec, listen_s, args), newest, str(bundle))

    return compare


def told(found: Sequence[Finding]) -> int:
    """Prints findings and what they amount to; the exit status."""
    for line in lines(found):
        print(line)
    bad = sum(finding.state == WRONG for finding in found)
    print(f"{bad} of {len(found)} findings are wrong" if bad else "nothing is wrong")
    return IS_WRONG if bad else FITS


def parser() -> argparse.ArgumentParser:
    """The command line."""
    text = __doc__ or ""
    top = argparse.ArgumentParser(
        "act-check", description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.add_argument("bundle", type=Path, help="folder of the policy bundle")
    top.add_argument("--setup", default="", help="name of a set-up, or its file")
    top.add_argument("--dataset", default="", help="folder of a dataset")
    top.add_argument("--no-graph", action="store_true", help="do not look at what runs")
    top.add_argument("--quick", action="store_true", help="do not load the network")
    top.add_argument(
        "--listen", type=float, default=LISTEN_S, metavar="S",
        help="to a running graph, at most so many seconds (%(default)s)",
    )  # fmt: skip
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """See the module."""
    given = list(sys.argv[1:] if argv is None else argv)
    at = given.index("--ros-args") if "--ros-args" in given else len(given)
    arguments = parser().parse_args(given[:at])
    if not 0 < arguments.listen <= 60:
        parser().error(f"--listen is {arguments.listen:g}, expected up to 60 seconds")
    look = None
    if not arguments.no_graph:
        look = look_at_graph(arguments.bundle, arguments.listen, given[at:])
    return told(
        findings(arguments.bundle, arguments.setup, arguments.dataset, look, arguments.quick)
    )
