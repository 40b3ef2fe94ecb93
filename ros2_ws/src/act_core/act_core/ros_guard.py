"""No content of a message or a request ends a node: it is refused with its reason in the log."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node

from act_core.foreign_text import clean
from act_core.timing import MonotonicClock, to_ns

REMIND_S = 5.0  # at least so long between two lines about messages of one topic
LONGEST_REASON = 300  # characters


class Refusals:
    """Writes a line about what was refused, at most one in `REMIND_S`, with the count of the rest.

    Args:
        node: whose log it is.
        what: was refused, e.g. ``message on joint_states``.
    """

    def __init__(self, node: Node, what: str) -> None:
        self._node = node
        self._what = what
        self._clock = MonotonicClock()
        self._told_ns: int | None = None
        self._untold = 0

    def tell(self, error: Exception) -> str:
        """Returns the reason as it may be shown."""
        reason = clean(error, LONGEST_REASON)
        self._untold += 1
        now_ns = self._clock.now_ns()
        if self._told_ns is None or now_ns - self._told_ns >= to_ns(REMIND_S):
            more = f" ({self._untold} since the last line)" if self._untold > 1 else ""
            self._node.get_logger().warning(f"{self._what} refused{more}: {reason}")
            self._told_ns, self._untold = now_ns, 0
        return reason


def refusing(node: Node, topic: str, callback: Callable[..., None]) -> Callable[..., None]:
    """``callback``, which refuses a message by a ValueError, with that as a line in the log."""
    refusals = Refusals(node, f"message on {topic}")

    @wraps(callback)  # rclpy looks at the signature: a message, or what came with it, too
    def take(*received: Any) -> None:
        try:
            callback(*received)
        except ValueError as error:
            refusals.tell(error)

    return take


def guard(node: Node) -> None:
    """Puts a check before what rclpy itself listens to on every node: ``/clock`` and the services
    of the parameters. A negative time and a parameter of an unknown type end the node otherwise."""
    source = node._time_source  # rclpy has no other way to it
    follow = refusing(node, "/clock", _checked_clock(source.clock_callback))
    setattr(source, "clock_callback", follow)  # noqa: B010 - a method, of this object only
    if source._clock_sub is not None:
        source._clock_sub.callback = follow
    for service in node.services:
        if service.srv_type.__module__.startswith("rcl_interfaces."):
            service.callback = _refusing_request(node, service.srv_name, service.callback)


def _checked_clock(callback: Callable[[Any], None]) -> Callable[[Any], None]:
    def take(message: Any) -> None:
        time = message.clock
        if time.sec < 0 or time.nanosec >= 1_000_000_000:
            raise ValueError(f"{time.sec} s and {time.nanosec} ns are no time")
        callback(message)

    return take


def _refusing_request(
    node: Node, name: str, callback: Callable[[Any, Any], Any]
) -> Callable[[Any, Any], Any]:
    refusals = Refusals(node, f"request to {name}")

    def answer(request: Any, response: Any) -> Any:
        try:
            return callback(request, response)
        except Exception as error:  # of rclpy, about the request: it declares none
            no = SetParametersResult(successful=False, reason=refusals.tell(error))
        if hasattr(response, "results"):
            response.results = [no] * len(request.parameters)
        elif hasattr(response, "result"):
            response.result = no
        return response

    return answer
