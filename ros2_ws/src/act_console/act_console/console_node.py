"""The robot's side of the console: hears topics while somebody looks, and calls services.

Two threads: the executor's hears and draws, the web server's answers the pages. With no page open
nothing is subscribed to.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from act_core import ros, topics
from act_core.console_parameters import ConsoleParameters
from act_core.errors import ConfigurationError
from act_core.foreign_text import clean
from act_core.joints import JointMerger, OtherJointsError
from act_core.robots import find_robot
from act_core.ros_newest import Newest
from act_core.timing import NS_PER_S
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from numpy.typing import NDArray
from rclpy.client import Client
from rclpy.node import Node
from rclpy.subscription import Subscription
from rclpy.timer import Timer
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from act_console.access import Access
from act_console.actions import ACTIONS
from act_console.drag import PERIOD_S, Drag
from act_console.heard import LEVELS, MOST_VALUES, Heard
from act_console.live import Pages, picture_message
from act_console.plans import Plans
from act_console.qr_code import qr_lines
from act_console.thumbnails import small_jpeg

LOOK_S = 0.2  # so often it is seen whether anybody looks
DRAW_S = 0.05  # the twin: 20 times a second
PICTURES_EVERY = 2  # turns of drawing
STATE_EVERY = 10
GRAPH_EVERY = 20
ARM_SILENT_S = 2.0  # then its node has ended
ANSWER_S = 3.0  # a service may take so long
FOUND_WITHIN_S, FOUND_EVERY_S = 2.0, 0.02  # an arm that has just begun
MOST_CAMERAS = 6
OTHER_CLOCK_NS = 3600 * NS_PER_S
IMAGE, COMPRESSED_IMAGE = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"

Vector = NDArray[np.float64]


class ConsoleNode(Node):
    """Serves the page. Parameters: `ConsoleParameters`.

    Raises ConfigurationError where the packages of the page are missing, and where its address is
    taken.
    """

    def __init__(self, **overrides: Any) -> None:
        super().__init__("act_console", **overrides)
        p = self.params = ros.declare_parameters(self, ConsoleParameters)
        self.robot = find_robot(p.robot)
        self.heard = Heard()
        self.pages = Pages(json.dumps(self._hello()))
        self.drag = Drag(self.robot)
        self.access = Access.of(p.host, p.token)
        self._arms = max(1, len(self.robot.sides))
        self._plans = Plans()
        self._measured = JointMerger(self.robot.joint_names)
        self._sent = JointMerger(self.robot.joint_names)
        self._here: dict[str, Vector] = {}  # (J,) [rad] newest, measured and sent
        self._newest: dict[str, Newest] = {}
        self._cameras: dict[str, Newest] = {}
        self._subscriptions_: list[Subscription] = []
        self._drawing: Timer | None = None
        self._turn = 0
        self._dragging: asyncio.Task[None] | None = None
        self._clients_: dict[str, Client] = {
            action.service.name: self.create_client(
                ros.interface_type(action.service.type_name), action.service.name
            )
            for action in ACTIONS.values()
        }
        self._person = ros.publisher(self, topics.JOINT_COMMANDS_PERSON)
        ros.steady_timer(self, LOOK_S, self._look)
        self._server = _server_of(self)
        link = self.access.link(self._server.port)
        self.get_logger().info(f"the page: {link}")
        if self.access.token:
            self.get_logger().warning(
                "others in the network reach it; whoever has this link moves the arm"
                if self.access.is_open
                else "whoever has this link moves the arm"
            )
        if self.access.is_open:
            print("\n".join(qr_lines(link)), flush=True)

    def close(self) -> None:
        """Ends the page; the arm holds if it was dragged."""
        self._server.close()

    # -- for the pages: the web server's thread ------------------------------------------------

    async def call(self, service: topics.Service, value: bool | None) -> tuple[bool, str]:
        """Calls a service of the graph; whether it did what was asked, and its words.

        Whoever presses the e-stop of an arm that is just being found is not told that there is
        none: the stop waits for it, for `FOUND_WITHIN_S`.
        """
        client = self._clients_[service.name]
        if service is topics.ESTOP and value:
            await found(client, FOUND_WITHIN_S)
        if not client.service_is_ready():
            return False, ""
        request = client.srv_type.Request()
        if value is not None:
            request.data = value
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Any] = loop.create_future()

        def answer(future: Any) -> None:
            def hand_over() -> None:
                if not answered.done():
                    answered.set_result(future.result())

            with suppress(RuntimeError):  # the server has ended
                loop.call_soon_threadsafe(hand_over)

        future = client.call_async(request)
        future.add_done_callback(answer)
        try:
            response = await asyncio.wait_for(answered, ANSWER_S)
        except asyncio.TimeoutError:
            client.remove_pending_request(future)
            return False, f"{service.name} has not answered for {ANSWER_S:g} s"
        except Exception as error:  # of rclpy, about the answer
            return False, clean(error, 200)
        return bool(response.success), clean(response.message, 400)

    def hold(self, page: object, goal: Sequence[float]) -> str | None:
        """A page drags the arm to ``goal``; why that is refused, or None."""
        if self.heard.estop:
            return "the e-stop is engaged; release it first"
        here = self._here.get("sent", self._here.get("measured"))
        refused = self.drag.hold(page, goal, here)
        if refused is None and (self._dragging is None or self._dragging.done()):
            self._dragging = asyncio.get_running_loop().create_task(self._follow_drag())
        return refused

    def let_go(self, page: object) -> None:
        """A page has let go of the arm, or is gone: the arm holds where it is."""
        self.drag.let_go(page)

    def arm_is_heard(self) -> bool:
        """Whether an arm's node runs, whoever has started it."""
        age_s = self.heard.joints_age_s()
        return age_s is not None and age_s < ARM_SILENT_S

    async def _follow_drag(self) -> None:
        """Sends targets for as long as a page drags."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while (target := self.drag.next()) is not None:
            now_ns = self.get_clock().now().nanoseconds
            self._person.publish(ros.joint_state(self.robot.joint_names, target, now_ns))
            due_s = max(due_s + PERIOD_S, loop.time())
            await asyncio.sleep(due_s - loop.time())

    # -- executor ------------------------------------------------------------------------------

    def _look(self) -> None:
        """Begins and ends to listen."""
        if self.pages.count and self._drawing is None:
            self._begin()
        elif not self.pages.count and self._drawing is not None:
            self._end()

    def _begin(self) -> None:
        self._turn = 0
        self._newest = {
            "measured": Newest(self, topics.JOINT_STATES, self._arms),
            "sent": Newest(self, topics.JOINT_COMMANDS_APPLIED, self._arms),
            "chunk": Newest(self, topics.POLICY_CHUNK, 10),
        }
        self._subscriptions_ = [
            ros.subscription(self, topics.DIAGNOSTICS, self._on_diagnostics),
            ros.subscription(self, topics.CONTROL_OWNER, self._on_owner),
            ros.subscription(self, topics.ESTOP_STATE, self._on_estop),
            ros.subscription(self, topics.EPISODE_STATUS, self._on_episode),
        ]
        self._look_at_graph()
        self._drawing = ros.steady_timer(self, DRAW_S, self._draw)

    def _end(self) -> None:
        if self._drawing is not None:
            self.destroy_timer(self._drawing)
            self._drawing = None
        for newest in (*self._newest.values(), *self._cameras.values()):
            newest.close()
        for subscription in self._subscriptions_:
            self.destroy_subscription(subscription)
        self._newest, self._cameras, self._subscriptions_ = {}, {}, []
        self._here = {}
        self._plans.forget()
        self.heard.forget()

    def _hello(self) -> dict[str, Any]:
        limits = self.robot.limits
        return {
            "k": "hello",
            "robot": self.robot.name,
            "joints": [
                {"name": name, "lower": float(low), "upper": float(high)}
                for name, low, high in zip(
                    self.robot.joint_names, limits.lower_rad, limits.upper_rad, strict=True
                )
            ],
            "poses": {name: pose.tolist() for name, pose in self.robot.poses.items()},
        }

    def _draw(self) -> None:
        """One turn: what has come goes to the pages."""
        self._take_joints()
        if self._turn % GRAPH_EVERY == 0:
            self._look_at_graph()
        if self._turn % PICTURES_EVERY == 0:
            self._take_plans()
            for camera, newest in list(self._cameras.items()):
                self._take_picture(camera, newest)
        if self._turn % STATE_EVERY == 0:
            self._tell_state()
        self._turn += 1

    def _tell_state(self) -> None:
        self.pages.publish("state", json.dumps(self.heard.state()), lasting=True)

    def _take_joints(self) -> None:
        changed = False
        for kind, merger in (("measured", self._measured), ("sent", self._sent)):
            newest = self._newest[kind]
            for _ in range(self._arms):
                message = newest.take()
                if message is None:
                    break
                changed |= self._take_in(kind, merger, message)
        if changed and "measured" in self._here:
            sent = self._here.get("sent")
            pose = {
                "k": "pose",
                "names": self.robot.joint_names,
                "q": _short(self._here["measured"]),
                "a": None if sent is None else _short(sent),
            }
            self.pages.publish("pose", json.dumps(pose))

    def _take_in(self, kind: str, merger: JointMerger, message: JointState) -> bool:
        """Whether it told of this robot's joints."""
        try:
            merged = merger.add(message.name, message.position, (), 0)
        except (OtherJointsError, ValueError) as error:
            wrong = f"The joints that come are not those of {self.robot.name}: {clean(error, 200)}"
            self.heard.problems[kind] = wrong
            return False
        if merged is None:
            return False
        self.heard.problems.pop(kind, None)
        self._here[kind] = merged[1].position
        if kind == "measured":
            self.heard.joints_ns = self.heard.clock.now_ns()
        return True

    def _take_plans(self) -> None:
        while (message := self._newest["chunk"].take()) is not None:
            with suppress(ValueError):  # of no use, and drawn nowhere
                self._add_chunk(message)
        curves = self._plans.curves(self.get_clock().now().nanoseconds)
        if curves["newest"] or self._turn % STATE_EVERY == 0:
            plan = {"k": "plan", "names": self._plans.joints, **curves}
            self.pages.publish("plan", json.dumps(plan))

    def _add_chunk(self, message: Any) -> None:
        if len(message.points) < 2 or len(message.points) > 1000:
            raise ValueError("a chunk of no use")
        rows = [point.positions for point in message.points]
        start = message.points[1].time_from_start
        self._plans.add(
            [clean(name) for name in message.joint_names],
            ros.stamp_ns(message.header.stamp),
            rows,
            start.sec + start.nanosec / NS_PER_S,
        )

    def _take_picture(self, camera: str, newest: Newest) -> None:
        message = newest.take()
        if message is None:
            return
        try:
            jpeg = small_jpeg(ros.image_to_array(message, "rgb8"))
        except ValueError as error:
            self.heard.problems[camera] = f"Camera {camera}: {clean(error, 200)}"
            return
        self.heard.problems.pop(camera, None)
        age_ns = self.get_clock().now().nanoseconds - ros.stamp_ns(message.header.stamp)
        # A simulation may have a clock of its own, by which the console does not go.
        age_ms = round(age_ns / 1e6) if abs(age_ns) < OTHER_CLOCK_NS else None
        header = json.dumps({"camera": camera, "age_ms": age_ms}).encode()
        self.pages.publish(f"picture {camera}", picture_message(header, jpeg))

    def _look_at_graph(self) -> None:
        """Which cameras and services there are."""
        found: dict[str, topics.Topic] = {}
        prefix = f"{self.get_namespace().rstrip('/')}/camera/"
        for name, types in self.get_topic_names_and_types():
            camera, _, rest = name.removeprefix(prefix).partition("/")
            if not name.startswith(prefix) or not self.count_publishers(name):
                continue
            if rest == "image_raw" and IMAGE in types:
                found[camera] = topics.camera_image(camera)
            elif rest == "image_raw/compressed" and COMPRESSED_IMAGE in types:
                found.setdefault(camera, topics.camera_compressed(camera))
        wanted = dict(sorted(found.items())[:MOST_CAMERAS])
        for camera, newest in list(self._cameras.items()):
            if wanted.get(camera) != newest.topic:
                newest.close()
                del self._cameras[camera]
        for camera, topic in wanted.items():
            if camera not in self._cameras:
                self._cameras[camera] = Newest(self, topic)
        self.heard.cameras = list(wanted)
        self.heard.services = [
            name for name, client in self._clients_.items() if client.service_is_ready()
        ]

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status[:100]:
            values = {pair.key: pair.value for pair in status.values[:MOST_VALUES]}
            level = LEVELS[min(status.level[0], len(LEVELS) - 1)]
            self.heard.status(status.name, level, status.message, values)

    def _on_owner(self, message: DiagnosticStatus) -> None:
        values = ros.diagnostic_values(message)
        self.heard.owner = {
            "owner": clean(values.get("owner", "")),
            "who": clean(values.get("who", "")),
            "text": clean(message.message, 300),
        }
        self._tell_state()

    def _on_estop(self, message: Bool) -> None:
        self.heard.estop = bool(message.data)
        self._tell_state()

    def _on_episode(self, message: DiagnosticStatus) -> None:
        values = ros.diagnostic_values(message)
        self.heard.episode = {
            clean(key, 20): clean(value, 80) for key, value in list(values.items())[:12]
        }
        self._tell_state()


async def found(client: Client, within_s: float) -> None:
    """Returns when the service is there, or when time is up."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within_s
    while not client.service_is_ready() and loop.time() < until:
        await asyncio.sleep(FOUND_EVERY_S)


def _short(values: Vector) -> list[float]:
    return [round(float(value), 4) for value in values]


def _server_of(node: ConsoleNode) -> Any:
    """The page's server; ConfigurationError where its packages are missing."""
    try:
        from act_console.server import Server
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] in ("act_console", "act_core"):
            raise
        raise ConfigurationError(
            f"the console's page needs the package {error.name}, which is not installed: run "
            "`make setup`, or pip install -r requirements/console.txt. All that the page does can "
            "be done from a terminal: `act` tells how"
        ) from error
    return Server(node)


def main() -> int:
    """Console command ``console_node``."""
    return ros.run_node(ConsoleNode)
