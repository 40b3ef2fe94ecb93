"""What two arms tell each other: see `act_core.partner`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node

from act_core import ros, topics
from act_core.errors import ConfigurationError
from act_core.foreign_text import clean
from act_core.partner import Partner

_NAMESPACE = re.compile(r"/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*")


class PartnerLink:
    """One arm's end of it: tells ``arm/state`` here, hears that of the partner's namespace.

    Args:
        node: of this arm.
        namespace: of the other one, e.g. right.
        changed: called when the partner has told something.
    """

    def __init__(self, node: Node, namespace: str, changed: Callable[[], None]) -> None:
        if not _NAMESPACE.fullmatch(namespace):
            raise ConfigurationError(
                f"parameter partner is '{clean(namespace)}', expected a namespace such as right"
            )
        self._node = node
        self._partner = Partner(namespace.rpartition("/")[-1])
        self._changed = changed
        self.problem = self._partner.problem()  # why both arms hold; None while the other can move
        self._state = ros.publisher(node, topics.ARM_STATE)
        told = replace(topics.ARM_STATE, name=f"{namespace}/{topics.ARM_STATE.name}")
        ros.subscription(node, told, self._on_state)

    @property
    def is_stopped(self) -> bool:
        """Whether the partner's own e-stop is engaged."""
        return self._partner.is_stopped

    def tell(self, cannot: str | None, is_stopped: bool) -> None:
        """Why this arm cannot follow commands, None while it can; whether its own e-stop is
        engaged. To be told ten times a second, and at once when the e-stop is used."""
        level = "ok" if cannot is None else "error"
        values = {"estop": str(is_stopped).lower()}
        self._state.publish(ros.diagnostic("arm", level, cannot or "", values))

    def look(self) -> None:
        """Brings `problem` up to date and logs when it comes and goes."""
        problem, logger = self._partner.problem(), self._node.get_logger()
        if problem is None and self.problem is not None:
            logger.info(f"the {self._partner.name} arm can move")
        elif problem is not None and self.problem is None:
            logger.warning(f"holding: {problem}")
        self.problem = problem

    def _on_state(self, message: DiagnosticStatus) -> None:
        reason = None if message.level == DiagnosticStatus.OK else clean(message.message)
        is_stopped = ros.diagnostic_values(message).get("estop") == "true"
        self._partner.heard(reason, is_stopped)
        self.look()
        self._changed()
