"""What a person at an emulated leader sees of a simulated task: for ``so101-emulator --hand
expert``."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import rclpy
from act_core import ros, topics
from act_core.foreign_text import clean, clean_list
from act_core.joints import JointMatcher
from act_core.robot import Robot
from act_core.ros_guard import LONGEST_REASON, guard
from act_core.traffic import Traffic
from diagnostic_msgs.msg import DiagnosticStatus
from numpy.typing import NDArray
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool

from so101_driver.emulator.expert_hand import Sight

OLD_S = 0.5  # what was told longer ago is not so any more
LOOKS_FOR_SIM_S = 0.5


class ExpertHandNode(Node):
    """Hears where the expert would send the arm, where it is sent, who has it, and whether the
    episode is over. It knows neither where objects are nor what the leader's node does.

    Its methods may be called from any thread.
    """

    def __init__(self, robot: Robot, **overrides: Any) -> None:
        super().__init__("so101_expert_hand", **overrides)
        self._wanted = _Heard(robot)
        self._applied = _Heard(robot)
        self._owner = ""
        self._episode: dict[str, str] = {}
        self._has_sim = False
        self._stopped = False
        self._enable: Client[Any, Any] = self.create_client(SetBool, topics.LEADER_ENABLE.name)
        ros.subscription(self, topics.EXPERT_TARGETS, self._wanted.hear)
        ros.subscription(self, topics.JOINT_COMMANDS_APPLIED, self._applied.hear)
        ros.subscription(self, topics.CONTROL_OWNER, self._on_owner)
        ros.subscription(self, topics.EPISODE_STATUS, self._on_episode)
        ros.subscription(self, topics.ESTOP_STATE, self._on_estop)
        self._name = self.resolve_topic_name(topics.EPISODE_STATUS.name)
        ros.steady_timer(self, LOOKS_FOR_SIM_S, self._look_for_sim)

    def look(self) -> Sight | str:
        """What is seen now; in words, why there is nothing to do."""
        if not self._has_sim:
            return (
                f"waits for a simulation, none tells of its task on {self._name} (ROS_DOMAIN_ID "
                f"{self.context.get_domain_id()}); it is for you to start one"
            )
        episode = self._episode
        if reason := episode.get("no_expert"):
            return f"does nothing: {clean(reason, LONGEST_REASON)}"
        if (problem := self._wanted.problem) is not None:
            task = f" of '{clean(episode['task'])}'" if "task" in episode else ""
            return f"waits for the expert{task}: {problem}"
        if (problem := self._applied.problem) is not None:
            return f"waits for the arm: {problem}"
        if not self._owner:
            return "waits for the arm: it does not tell who has it"
        if self._stopped:
            return "waits: the e-stop is engaged"
        wanted, applied = self._wanted.position_rad, self._applied.position_rad
        assert wanted is not None  # both have no problem
        assert applied is not None
        return Sight(wanted, applied, self._owner, episode.get("finished") == "true")

    def let_go(self) -> None:
        """Asks the leader's node to give the arm up."""
        if self._enable.service_is_ready():
            self._enable.call_async(SetBool.Request(data=False))

    def _on_owner(self, message: DiagnosticStatus) -> None:
        self._owner = ros.diagnostic_values(message).get("owner", "")

    def _on_episode(self, message: DiagnosticStatus) -> None:
        self._episode = ros.diagnostic_values(message)

    def _on_estop(self, message: Bool) -> None:
        self._stopped = message.data

    def _look_for_sim(self) -> None:
        self._has_sim = self.count_publishers(topics.EPISODE_STATUS.name) > 0
        if not self._has_sim:
            self._episode = {}


class _Heard:
    """The newest positions of an arm on one topic."""

    def __init__(self, robot: Robot) -> None:
        self._matcher = JointMatcher(robot.joint_names)
        self._came = Traffic()
        self._others: str | None = None
        self.position_rad: NDArray[Any] | None = None  # (6,)

    def hear(self, message: JointState) -> None:
        """Takes in a message. Raises ValueError for joints of another arm, and for positions that
        are not finite."""
        missing = set(self._matcher.wanted) - set(message.name)
        if missing:
            theirs, ours = clean_list(message.name), clean_list(self._matcher.wanted)
            self._others = f"its joints are {theirs}, the leader's {ours}"
            raise ValueError(self._others)
        self.position_rad = self._matcher.read(message.name, message.position, ()).position
        self._others = None
        self._came.count()

    @property
    def problem(self) -> str | None:
        """Why it is not known where the arm is or should be."""
        if self._others is not None:
            return self._others
        age_s = self._came.age_s
        return None if age_s is not None and age_s < OLD_S else "nothing is heard of it"


@contextmanager
def watching(robot: Robot) -> Iterator[ExpertHandNode]:
    """The node, which hears in a thread of its own."""
    # Signals are the emulator's.
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    ending = threading.Event()
    node = ExpertHandNode(robot)
    guard(node)

    def spin() -> None:
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not ending.is_set():
            executor.spin_once(timeout_sec=0.1)
        executor.shutdown()

    thread = threading.Thread(target=spin, name="expert_hand", daemon=True)
    thread.start()
    try:
        yield node
    finally:
        ending.set()
        thread.join()
        node.destroy_node()
        rclpy.try_shutdown()
