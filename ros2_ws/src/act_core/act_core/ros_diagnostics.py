"""What a node says of itself on ``/diagnostics``."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node

from act_core import ros, topics
from act_core.report import Report

LOOK_S = 0.2  # a status that becomes better or worse is told this soon
LOOKS_A_SECOND = 5  # every so many looks all are told, changed or not


class Diagnostics:
    """Publishes a node's reports every second, and within `LOOK_S` of a change of level.

    A status is named ``<full name of the node>: <task>``, e.g. ``/left/so101_driver: bus``: as
    diagnostic_updater does with its parameter ``use_fqn``, so that two arms keep apart. The timer
    runs on a steady clock: a simulated clock that stands still must not silence the diagnostics.

    Args:
        node: that speaks of itself.
        reports: called in each look, by the node's executor; must not take long.
        hardware_id: of the device behind it, such as a port; ``none`` where there is none.
    """

    def __init__(
        self, node: Node, reports: Callable[[], Iterable[Report]], hardware_id: str = "none"
    ) -> None:
        self._node = node
        self._reports = reports
        self._hardware_id = hardware_id
        self._name = node.get_fully_qualified_name()
        self._looks = 0
        self._levels: list[tuple[str, str]] = []
        self._publisher = ros.publisher(node, topics.DIAGNOSTICS)
        ros.steady_timer(node, LOOK_S, self._look)

    def _look(self) -> None:
        reports = list(self._reports())
        levels = [(report.task, report.level) for report in reports]
        if levels != self._levels or self._looks % LOOKS_A_SECOND == 0:
            self._levels = levels
            statuses = [self._status(report) for report in reports]
            self._publisher.publish(ros.diagnostic_array(self._node, statuses))
        self._looks += 1

    def _status(self, report: Report) -> DiagnosticStatus:
        name = f"{self._name}: {report.task}"
        status = ros.diagnostic(name, report.level, report.text, report.values)
        status.hardware_id = self._hardware_id
        return status
