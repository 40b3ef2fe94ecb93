"""What every test shares: an isolated ROS graph and off-screen rendering.

The variables are set before any test module imports rclpy or mujoco, which read them once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

from tests.fastdds import PROFILE_VARIABLE
from tests.ros_domain import take_domain
from tests.ros_rig import PATIENCE_S

ROOT = Path(__file__).resolve().parent.parent

# Shells start background jobs with SIGINT ignored, and children inherit that: tests of Ctrl-C would
# wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A domain of its own for each test run, so that runs beside each other do not meet.
os.environ["ROS_DOMAIN_ID"] = str(take_domain())
for _name in ("ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_LOCALHOST_ONLY", "ROS_STATIC_PEERS"):
    os.environ.pop(_name, None)
os.environ.pop("ROS2_NETWORK", None)
# UDP on the loopback interface: a robot in the same network hears nothing, and what a killed test
# leaves in shared memory cannot disturb the next run.
os.environ[PROFILE_VARIABLE] = str(ROOT / "tests" / "fastdds.xml")
os.environ.setdefault("MUJOCO_GL", "egl")
# Threads of one computation wait for each other: on a busy machine several take longer than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# On a ROS 2 distribution the real launch and ros2 command are tested, elsewhere those of pip_ros2.
# (Without either, the repository's folder launch/ passes for a package without a file.)
_launch = find_spec("launch")
if _launch is None or _launch.origin is None:
    sys.path.insert(0, str(ROOT / "pip_ros2"))

# The same examples everywhere, so that a failure is of the change at hand. New ones are looked for
# with HYPOTHESIS_PROFILE=explore; what they find becomes an @example. A busy machine is no failure.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """No launch of a test that failed, and no real-time priority that a node has taken for the
    thread of the tests: what they start would starve beside it."""
    yield
    if (launches := sys.modules.get("tests.launches")) is not None:
        launches.end_left_over()
    if os.sched_getscheduler(0) != os.SCHED_OTHER:
        ordinary = os.sched_param(0)
        try:
            os.sched_setscheduler(0, os.SCHED_OTHER, ordinary)
        except PermissionError:  # to take this flag back
            os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, ordinary)


@pytest.fixture
def ros() -> Iterator[None]:
    """rclpy, initialised for one test and shut down after it."""
    rclpy = pytest.importorskip("rclpy", reason="run `make setup`: rclpy is not installed")
    rclpy.init(args=[])
    yield
    rclpy.try_shutdown()


@pytest.fixture
def spin_until(ros: None) -> Callable[..., None]:
    """``spin_until(condition, *nodes, timeout_s=240)``: spins the nodes until the condition holds.

    Polls instead of sleeping a fixed time; fails with the condition's name when time is up.
    """
    from act_core.timing import MonotonicClock, to_ns
    from rclpy.executors import SingleThreadedExecutor

    def spin(condition: Callable[[], bool], *nodes, timeout_s: float = PATIENCE_S) -> None:
        clock = MonotonicClock()
        deadline_ns = clock.now_ns() + to_ns(timeout_s)
        executor = SingleThreadedExecutor()
        for node in nodes:
            executor.add_node(node)
        try:
            while not condition():
                assert clock.now_ns() < deadline_ns, f"not within {timeout_s} s"
                executor.spin_once(timeout_sec=0.05)
        finally:
            for node in nodes:
                executor.remove_node(node)
            executor.shutdown()

    return spin
