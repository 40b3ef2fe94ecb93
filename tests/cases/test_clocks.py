"""Clocks that step, stand still or never come: the arm goes on, or holds with the true reason, and
recovers by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import rclpy
from act_core import ros, topics
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES
from act_core.timing import NS_PER_S, to_ns
from act_sim.sim_node import SimNode
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage
from so101_driver.driver_node import DriverNode
from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.pty_port import PtyPort

from tests.cases.test_who_commands import Watcher
from tests.ros_rig import Rig, ros_arguments, spinning

TARGET = HOME_POSE_RAD + 0.05


class World(Node):
    """Publishes /clock, and commands stamped with a time of its own."""

    def __init__(self, name: str = "world") -> None:
        super().__init__(name, use_global_arguments=False)
        self.clock_on = self.commands_on = False
        self.clock_ns = NS_PER_S
        self.stamp_offset_ns = 0
        self._clock_topic = self.create_publisher(ClockMessage, "/clock", 10)
        self._commands = ros.publisher(self, topics.JOINT_COMMANDS)
        self.create_timer(0.02, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def now_ns(self) -> int:
        return self.clock_ns + self.stamp_offset_ns

    def _tick(self) -> None:
        if self.clock_on:
            self.clock_ns += to_ns(0.02)
            self._clock_topic.publish(ClockMessage(clock=ros.to_stamp(self.clock_ns)))
        if self.commands_on:
            self._commands.publish(ros.joint_state(JOINT_NAMES, TARGET, self.now_ns()))


@contextmanager
def simulated_time(tmp_path) -> Iterator[tuple[Rig, World, Watcher]]:
    """A driver that waits for /clock, with its emulated arm."""
    emulated_calibration().save(tmp_path / "arm.json")
    servos = emulated_servos(HOME_POSE_RAD)
    for servo in servos:
        servo.motor.joint.load_nm = 0.0
    with PtyPort(EmulatedBus(servos), tmp_path / "port") as port:
        values = {
            "port": port.path, "calibration": tmp_path / "arm.json", "rate_hz": 50.0,
            "guard": False, "exit_policy": "release", "realtime_priority": 0,
            "use_sim_time": True,
        }  # fmt: skip
        rclpy.init(args=ros_arguments(**values))
        node, world, watcher = DriverNode(), World(), Watcher("/so101_driver: control")
        try:
            yield Rig(node, world, watcher), world, watcher
        finally:
            node.close()
            for member in (node, world, watcher):
                member.destroy_node()
            rclpy.try_shutdown()


def test_simulated_time_that_never_comes_stops_or_starts_again(tmp_path):
    with simulated_time(tmp_path) as (rig, world, watcher):
        world.commands_on = True
        rig.wait_for(lambda: "simulated time has not begun" in watcher.text)
        rig.wait_for(lambda: "nothing publishes /clock" in watcher.text)
        assert watcher.level in ("warn", "error")
        world.clock_on = True
        rig.wait_for(lambda: (watcher.level, watcher.text) == ("ok", "following"))
        rig.wait_for(lambda: watcher.goes_to(TARGET))

        world.stamp_offset_ns = -world.clock_ns - to_ns(1.0)  # to be 0 for a sender without clock
        world.now_ns = lambda: 0
        rig.wait_for(lambda: "stamped 0: the sender's clock never came" in watcher.text)
        rig.wait_for(lambda: watcher.level == "warn")
        del world.now_ns
        world.stamp_offset_ns = 0
        rig.wait_for(lambda: (watcher.level, watcher.text) == ("ok", "following"))

        world.clock_on = world.commands_on = False  # as a simulation that is killed
        rig.wait_for(lambda: "simulated time has stood still" in watcher.text)
        rig.wait_for(lambda: watcher.level == "warn")  # an error, while the bus is silent
        world.clock_ns = NS_PER_S  # and started again
        world.clock_on = world.commands_on = True
        rig.wait_for(lambda: (watcher.level, watcher.text) == ("ok", "following"))


def test_a_second_clock_is_named_and_over_when_it_ends(tmp_path):
    """A bag that is played with --clock beside the simulation."""
    with simulated_time(tmp_path) as (rig, world, watcher):
        world.clock_on = world.commands_on = True
        rig.wait_for(lambda: (watcher.level, watcher.text) == ("ok", "following"))
        bag = World("bag_player")
        bag.clock_ns, bag.clock_on = 5000 * NS_PER_S, True
        with spinning(bag):
            rig.wait_for(lambda: "2 publishers on /clock: /bag_player, /world" in watcher.text)
            rig.wait_for(lambda: watcher.level in ("warn", "error"))
        bag.destroy_node()
        rig.wait_for(lambda: (watcher.level, watcher.text) == ("ok", "following"))


class Offset:
    """A system clock that can be set; stands in for the machine's at the two nodes' only source."""

    def __init__(self) -> None:
        self.ns = 0


@pytest.mark.parametrize("step_s", [-3600.0, -3.0, -0.2, 0.2, 3.0, 3600.0])
def test_a_step_of_the_machine_s_clock_interrupts_for_a_moment_at_most(monkeypatch, step_s):
    offset = Offset()
    machine = SimNode.now_ns
    monkeypatch.setattr(SimNode, "now_ns", lambda self: machine(self) + offset.ns)
    rclpy.init(args=ros_arguments(task="reach", cameras="[]", rate_hz=50))
    node, world, watcher = SimNode(), World(), Watcher()
    world.now_ns = lambda: world.get_clock().now().nanoseconds + world.stamp_offset_ns
    try:
        rig = Rig(node, world, watcher)
        world.commands_on = True
        rig.wait_for(lambda: (watcher.level, watcher.text) == ("ok", "following"))
        node.bridge.reset(node.now_ns())  # its epoch is of the time before the step
        offset.ns = to_ns(step_s)
        if abs(step_s) > 1.0:  # the sender is on another machine, and is set a little later
            way = "back" if step_s < 0 else "forward"
            rig.wait_for(lambda: f"this node's clock stepped {way} by" in watcher.text)
            assert watcher.level == "warn"
        world.stamp_offset_ns = offset.ns
        accepted = int(watcher.values["commands"])
        rig.wait_for(lambda: int(watcher.values["commands"]) > accepted + 20)
        rig.wait_for(lambda: (watcher.level, watcher.text) == ("ok", "following"))
        assert np.abs(np.array(watcher.applied.position) - TARGET).max() < 0.5
    finally:
        node.close()
        for member in (node, world, watcher):
            member.destroy_node()
        rclpy.try_shutdown()
