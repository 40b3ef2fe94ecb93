"""A subscription with a thread of its own, for topics at control rate."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.node import Node

from act_core import ros, topics
from act_core.realtime import request_fifo

WAIT_NS = 100_000_000  # between looks at whether to end


class Listener:
    """Calls ``callback(message)`` for every message of a topic until `close`; one that takes two
    arguments gets the information that comes with it, too, as a subscription's would.

    For each callback, rclpy's executor asks everything that its node has anew whether it may be
    waited for: a third of the CPU time of a driver that got 100 commands a second went there. This
    thread waits for one subscription only, in the way of `rclpy.wait_for_message`; the executor
    sees to the rest of the node.

    Args:
        node: that listens.
        topic: of the topic table.
        callback: what it raises goes to ``on_error`` and the listening goes on.
        on_error: gets the exception of a failed callback.
        priority: SCHED_FIFO priority to ask for; 0 for none.
    """

    def __init__(
        self,
        node: Node,
        topic: topics.Topic,
        callback: Callable[..., None],
        on_error: Callable[[Exception], None],
        priority: int = 0,
    ) -> None:
        self._context = node.context
        self._callback = callback
        self._wants_info = len(inspect.signature(callback).parameters) > 1
        self._on_error = on_error
        self._priority = priority
        self._subscription = ros.subscription(node, topic, callback, _NotForTheExecutor())
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread; before the node is destroyed."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        request_fifo(self._priority)
        subscription, handle = self._subscription, self._context.handle
        assert handle is not None  # rclpy was initialised: there is a node
        # Of a publisher whose quality of service does not fit, for instance: rclpy logs them.
        events = subscription.event_handlers
        with subscription.handle, handle, ExitStack() as in_use:
            for event in events:
                in_use.enter_context(event)
            wait_set = _rclpy.WaitSet(1, 0, 0, 0, 0, len(events), handle)
            while not self._closing.is_set() and self._context.ok():
                wait_set.clear_entities()
                wait_set.add_subscription(subscription.handle)
                for event in events:
                    event.add_to_wait_set(wait_set)
                wait_set.wait(WAIT_NS)
                for event in events:
                    if event.is_ready(wait_set):
                        event.callback(event.take_data())
                taken = subscription.handle.take_message(subscription.msg_type, False)
                if taken is not None:
                    self._call(*taken)

    def _call(self, message: Any, info: Any) -> None:
        try:
            if self._wants_info:
                self._callback(message, info)
            else:
                self._callback(message)
        except Exception as error:  # a thread that ended would leave the topic unheard
            self._on_error(error)


class _NotForTheExecutor(CallbackGroup):
    """What no executor waits for. (Events of a subscription wake one for every message, too.)"""

    def can_execute(self, _entity: Any) -> bool:
        return False
