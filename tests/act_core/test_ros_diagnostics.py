"""Statuses by their full names, at once when they change, whatever the clock of the graph does."""

from __future__ import annotations

from act_core import ros as act_ros
from act_core import ros_diagnostics, topics
from act_core.report import Report
from act_core.ros_diagnostics import Diagnostics
from rclpy.node import Node


class Listener(Node):
    def __init__(self) -> None:
        super().__init__("listener")
        self.heard: list = []
        act_ros.subscription(self, topics.DIAGNOSTICS, self.heard.append)


def test_names_and_hardware(ros, spin_until):
    node, listener = Node("arm", namespace="/left"), Listener()
    Diagnostics(node, lambda: [Report("bus", "warn", "3 retries", {"retries": "3"})], "/dev/arm")
    spin_until(lambda: bool(listener.heard), node, listener)
    (status,) = listener.heard[0].status
    assert status.name == "/left/arm: bus"
    assert status.hardware_id == "/dev/arm"
    assert (status.level, status.message) == (act_ros.DIAGNOSTIC_LEVELS["warn"], "3 retries")
    assert act_ros.diagnostic_values(status) == {"retries": "3"}
    assert act_ros.stamp_ns(listener.heard[0].header.stamp) > 0
    node.destroy_node()
    listener.destroy_node()


def test_a_change_of_level_is_told_before_the_second_is_over(ros, spin_until, monkeypatch):
    node, listener = Node("arm"), Listener()
    level = ["ok"]
    Diagnostics(node, lambda: [Report("bus", level[0], "", {})])
    spin_until(lambda: len(listener.heard) >= 2, node, listener)
    assert listener.heard[0].status[0].name == "/arm: bus"
    monkeypatch.setattr(ros_diagnostics, "LOOKS_A_SECOND", 10**9)  # nothing is told but a change
    for wanted in ("error", "ok", "warn", "ok"):
        level[0] = wanted
        told = act_ros.DIAGNOSTIC_LEVELS[wanted]
        spin_until(lambda told=told: listener.heard[-1].status[0].level == told, node, listener)
    node.destroy_node()
    listener.destroy_node()


def test_a_simulated_clock_that_never_comes_silences_nothing(ros, spin_until):
    node = Node("arm", cli_args=["--ros-args", "-p", "use_sim_time:=true"])
    listener = Listener()
    Diagnostics(node, lambda: [Report("bus", "ok", "", {})])
    spin_until(lambda: len(listener.heard) >= 2, node, listener)
    assert act_ros.stamp_ns(listener.heard[0].header.stamp) == 0
    node.destroy_node()
    listener.destroy_node()
