"""Records episodes as bags of the topics that a policy will see."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from act_core import ros, ros_guard, topics
from act_core.errors import ConfigurationError
from act_core.foreign_text import clean
from act_core.incidents import Incidents
from act_core.joints import JointMerger
from act_core.report import Report
from act_core.ros_diagnostics import Diagnostics
from act_core.ros_publishers import PublisherWatch
from act_core.topics import Topic
from act_core.traffic import Traffic
from rclpy.client import Client
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.timer import Timer
from rosgraph_msgs.msg import Clock as ClockMessage
from std_srvs.srv import Trigger

from act_record import cdr
from act_record.arrival import SimulatedArrival
from act_record.bag_topics import bag_topic
from act_record.contract import attachments, contract_text
from act_record.episode_recorder import EpisodeRecorder, Recording, write_outcome
from act_record.episode_watch import Began, Ended, EpisodeWatch
from act_record.gauges import Gauges, StreamGauge
from act_record.record_parameters import RecordParameters
from act_record.record_status import SILENT_S, RecordStatus, Stream
from act_record.verdict import Verdict, judge

if TYPE_CHECKING:
    from rclpy.subscription import MessageInfo  # a plain dictionary on Humble

STAMPED = (cdr.JOINT_STATE, cdr.IMAGE, cdr.COMPRESSED_IMAGE)
# Messages that the middleware keeps for us while Python is busy: judging an episode takes up to a
# second, and in lockstep a simulation goes on at several times real time.
DEPTH = 1000
CATCH_UP_TURNS = 100  # of 0.1 s: then an episode ends whatever is missing, and the verdict tells
HELD_BYTES = 256_000_000  # likewise, when so much of the next one waits for it
IMAGE_DEPTH = 100


class RecordNode(Node):
    """Takes messages as the bytes that arrive and hands them to an `EpisodeRecorder`.

    Episodes begin and end by the services ``record/start``, ``record/stop`` and
    ``record/discard``, or with ``auto`` by what ``episode/status`` says. Parameters:
    `RecordParameters`.
    """

    def __init__(self, **overrides: Any) -> None:
        super().__init__("act_record", **overrides)
        p = self.params = ros.declare_parameters(self, RecordParameters)
        self.kept = 0
        self.redo = 0  # of them, those that should be made again
        self.last: Recording | None = None
        self._last_redo = False
        self.last_verdict: Verdict | None = None
        self._failed: set[str] = set()  # names of those that a person called failures
        self._leader = Traffic()
        self._names = {topic: self.resolve_topic_name(topic.name) for topic in p.topics()}
        contract = contract_text(p.task, p.cameras, p.images, p.rate_hz, p.joint_names())
        self._recorder = EpisodeRecorder(
            Path(p.out),
            [bag_topic(topic, name) for topic, name in self._names.items()],
            attachments(contract, p.calibration),
        )
        self._merger = JointMerger(p.joint_names())
        self._joints_came = False  # each of them has been told of
        self._wrong_joints = "nothing of the joints"  # so far
        self._heard: set[Topic] = set()
        self._latched: dict[str, bytes] = {}  # by name: the newest message
        self._watch = EpisodeWatch()
        self._armed = not p.reset_first
        self._task = p.task
        self._arrival = SimulatedArrival() if self.get_parameter("use_sim_time").value else None
        if self._arrival is not None:
            best_effort = QoSProfile(depth=DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT)
            self.create_subscription(ClockMessage, "/clock", self._on_clock, best_effort)
        simulated = self._arrival is not None
        self._streams = {topic: Stream(topic.name, simulated) for topic in p.needed()}
        self._status = RecordStatus(tuple(self._streams.values()), simulated)
        self._senders = {
            topic: PublisherWatch(self, topic) for topic in (*p.needed(), topics.JOINT_COMMANDS)
        }
        self._incidents = Incidents()
        self._ended: Ended | None = None  # how, while its tail is recorded
        self._ended_ns = 0  # when that was published, by the publisher's clock
        self._from_ns = 0  # what was published earlier is of the episode before
        self._published_ns: dict[Topic, int] = {}  # the newest message of each stream
        self._patience = 0
        self._next_ns: int | None = None  # when one began before the last had all come
        self._held: list[Callable[[], None]] = []  # what belongs to that one
        self._held_bytes = 0
        self._tail: Timer | None = None
        for topic, name in self._names.items():
            profile = copy.copy(ros.QOS[topic.qos])
            profile.depth = IMAGE_DEPTH if topic.qos == topics.SENSOR else DEPTH
            callback = ros_guard.refusing(self, topic.name, partial(self._on_message, topic, name))
            kind = ros.interface_type(topic.type_name)
            self.create_subscription(kind, topic.name, callback, profile, raw=True)
        ros.service(self, topics.RECORD_START, self._on_start)
        ros.service(self, topics.RECORD_STOP, self._on_stop)
        ros.service(self, topics.RECORD_DISCARD, self._on_discard)
        self._reset: Client = self.create_client(Trigger, topics.SIM_RESET.name)
        ros.steady_timer(self, 0.1, self._on_housekeeping)
        ros.steady_timer(self, 1.0, self._look_for_senders)
        Diagnostics(self, self._reports)
        self.get_logger().info(
            f"recording to {p.out}: cameras {', '.join(p.cameras) or 'none'}, {p.images}; "
            + ("every episode" if p.auto else "waiting for record/start")
        )

    @property
    def complete(self) -> bool:
        """Whether as many episodes as were asked for have been kept."""
        return 0 < self.params.episodes <= self.kept

    @property
    def finished(self) -> bool:
        """Whether there is nothing more to do."""
        return self.complete

    @property
    def recording(self) -> bool:
        return self._recorder.recording

    def close(self) -> None:
        """Completes the episode in progress."""
        self._finish()
        if self.recording:
            if self.params.auto:
                self._recorder.discard(for_good=True)
                self.get_logger().info("the episode in progress is not kept: it did not end")
            else:
                self.stop()
        self.get_logger().info(self.ending())

    def ending(self) -> str:
        """What was recorded, and what to do with it."""
        out = self.params.out
        next_step = f"; next: act-import bag {out} --out data/NAME" if self.kept else ""
        return f"{self.kept} episodes in {out}{next_step}"

    # -- episodes ------------------------------------------------------------------------------

    def start(self) -> str:
        """Begins an episode. Raises ConfigurationError when that cannot be."""
        silent = [topic.name for topic in self.params.needed() if topic not in self._heard]
        if silent:
            raise ConfigurationError(f"nothing has come on {', '.join(silent)} yet")
        if not self._joints_came:
            raise ConfigurationError(
                f"{topics.JOINT_STATES.name}: {self._merger.waits(0.0) or self._wrong_joints}"
            )
        folder = self._recorder.start()
        now_ns = self._arrival.newest_ns if self._arrival else self._now_ns()
        for name, data in self._latched.items():
            self._recorder.write(name, data, now_ns)
        self.get_logger().info(f"recording {folder.name}")
        return folder.name

    def stop(self, success: bool | None = None, reason: str = "") -> Verdict:
        """Ends the episode and keeps it. Raises ConfigurationError if there is none."""
        recording = self.last = self._recorder.stop()
        verdict = judge(recording.timeline, self.params.rate_hz)
        self.kept += recording.problem is None
        self.redo += not verdict.keep
        self._last_redo = not verdict.keep
        self.last_verdict = verdict
        if success is False:
            self._failed.add(recording.folder.name)
        name = recording.folder.name
        self.get_logger().info(f"{name}: {verdict}")
        lost = []
        if recording.dropped or recording.problem:
            why = (
                recording.problem or "the disk is too slow: record compressed images, or elsewhere"
            )
            lost.append(f"{recording.dropped} messages dropped: {why}")
        try:
            write_outcome(
                recording.folder,
                task=self._task,
                success=success,
                reason=reason,
                messages=recording.messages,
                dropped=recording.dropped,
                problem=recording.problem,
                verdict=verdict.as_values(),
            )
        except OSError as error:  # a full disk
            lost.append(f"its verdict could not be written ({error.strerror or error})")
        if lost:
            self.get_logger().error(f"{name}: {'; '.join(lost)}")
        return verdict

    def discard(self) -> str:
        """Moves the episode in progress, or else the last one, to the bin.

        Raises ConfigurationError if there is neither.
        """
        if self.recording:
            folder = self._recorder.discard()
        elif self.last is not None:
            folder = self.last.folder
            self._recorder.delete(folder)
            self.last, self.kept = None, self.kept - 1
            self.redo -= self._last_redo
            self.last_verdict = None
            self._failed.discard(folder.name)
        else:
            raise ConfigurationError("there is no episode to discard")
        self.get_logger().info(f"{folder.name} discarded")
        return folder.name

    def mark(self, success: bool) -> str:
        """Says of the last episode whether it succeeded. Raises ConfigurationError if none."""
        if self.last is None:
            raise ConfigurationError("there is no episode to mark")
        try:
            write_outcome(self.last.folder, success=success, reason="said by the operator")
        except OSError as error:
            raise ConfigurationError(
                f"{self.last.folder.name} could not be marked: {error.strerror or error}"
            ) from error
        self._failed.discard(self.last.folder.name)
        if not success:
            self._failed.add(self.last.folder.name)
        return self.last.folder.name

    def gauges(self) -> Gauges:
        """How the recording goes, for the person who makes it."""
        verdict = self.last_verdict
        return Gauges(
            number=self.kept + 1,
            wanted=self.params.episodes,
            kept=self.kept,
            redo=self.redo,
            failed=len(self._failed),
            streams=tuple(_gauge(s.name, s.traffic) for s in self._streams.values()),
            leader=_gauge("leader", self._leader) if self._leader.total else None,
            disk_s=self._recorder.free_bytes() / self._bytes_per_s(),
            verdict=None if verdict is None else str(verdict),
            problems=() if verdict is None else verdict.problems,
        )

    def _bytes_per_s(self) -> float:
        """Of the last episode; before the first one as much as raw images of 640x480 need."""
        if self.last is not None and self.last.folder.exists():
            size = sum(path.stat().st_size for path in self.last.folder.glob("*"))
            return size / max(self.last.timeline.length_s, 1.0)
        return max(len(self.params.cameras), 1) * 640 * 480 * 3 * self.params.rate_hz

    # -- messages ------------------------------------------------------------------------------

    def _on_message(self, topic: Topic, name: str, data: bytes, info: MessageInfo) -> None:
        self._heard.add(topic)
        if topic.qos == topics.LATCHED:
            self._latched[name] = data
        now_ns, stamp_ns = self._now_ns(), None
        if topic.type_name in STAMPED:
            with suppress(ValueError):  # it is recorded all the same, and the status tells
                stamp_ns = cdr.stamp_ns(data)
        if topic is topics.LEADER_JOINT_STATES:
            self._leader.count()
        if topic in self._streams:
            self._streams[topic].saw(stamp_ns, now_ns)
        if topic in self._senders:
            self._senders[topic].saw(info, self._joints_of(topic, data))
        if self._arrival is None:
            arrival_ns = now_ns
        else:
            arrival_ns = self._arrival.time_ns(info["source_timestamp"], stamp_ns)
        published_ns = int(info["source_timestamp"])
        if topic in self._streams:
            self._published_ns[topic] = max(published_ns, self._published_ns.get(topic, 0))
        self._take(topic, name, data, arrival_ns, published_ns)
        if self._ended is not None:
            self._look_for_end()

    def _take(
        self, topic: Topic, name: str, data: bytes, arrival_ns: int, published_ns: int
    ) -> None:
        """Records a message in the episode that it is of; one of an episode that has to wait waits
        with it."""
        if self._next_ns is not None and published_ns >= self._next_ns:
            self._held.append(partial(self._take, topic, name, data, arrival_ns, published_ns))
            self._held_bytes += len(data)
            return
        if published_ns >= self._from_ns:
            self._recorder.write(name, data, arrival_ns)
        if topic is topics.EPISODE_STATUS:
            # Not by rclpy, which raises RuntimeError for bytes that are no message.
            self._on_status(cdr.read_status(data), published_ns)

    def _joints_of(self, topic: Topic, data: bytes) -> tuple[str, ...]:
        """Names of the joints that a message tells of; none where it is of something else."""
        if topic.type_name != cdr.JOINT_STATE:
            return ()
        try:
            read = cdr.read_joints(data)
        except ValueError:  # it is recorded all the same, and the status tells
            return ()
        if topic is topics.JOINT_STATES:
            try:
                self._joints_came |= self._merger.add(read.names, read.position, (), 0) is not None
            except ValueError as error:
                self._wrong_joints = str(error)
        return read.names

    def _on_clock(self, message: ClockMessage, info: MessageInfo) -> None:
        assert self._arrival is not None
        self._arrival.add_clock(info["source_timestamp"], ros.stamp_ns(message.clock))

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _on_status(self, values: Mapping[str, str], published_ns: int) -> None:
        if not self.params.task:
            self._task = values.get("task", "")
        events = self._watch.update(values)
        if not (self.params.auto and self._armed):
            return
        for event in events:
            if isinstance(event, Began):
                self._begin(published_ns)
            else:
                self._end(event, published_ns)

    def _begin(self, published_ns: int) -> None:
        if self._is_behind:  # it still has messages of the last one to take
            self._next_ns = published_ns
            return
        self._finish()  # the next one comes before the tail of the last has ended
        if self.complete:
            return
        self._from_ns = published_ns
        try:
            self.start()
        except ConfigurationError as error:
            self.get_logger().error(f"this episode is not recorded: {error}")

    def _end(self, event: Ended, published_ns: int) -> None:
        if not self.recording:
            return
        if event.success or (self.params.keep_failures and event.success is not None):
            self._ended, self._ended_ns = event, published_ns
            self._patience = CATCH_UP_TURNS
            self._look_for_end()
        else:
            try:
                name = self._recorder.discard(for_good=True).name
                self.get_logger().info(f"{name} is not kept: {clean(event.reason)}")
            except OSError as error:
                self.get_logger().error(f"an episode that failed could not be deleted: {error}")

    @property
    def _is_behind(self) -> bool:
        """Whether messages of the episode that has ended are still to come, on some stream: the
        executor takes one message of each topic in turn, so a busy recorder hears of the end before
        it has taken what was published earlier on a topic with more messages."""
        if self._ended is None or self._patience <= 0 or self._held_bytes > HELD_BYTES:
            return False
        return any(
            self._published_ns.get(topic, 0) < self._ended_ns and stream.silence() is None
            for topic, stream in self._streams.items()
        )

    def _look_for_end(self) -> None:
        """Begins the tail, or the episode that waits, once every stream has come to the end."""
        if self._is_behind:
            return
        if self._next_ns is not None:
            next_ns, self._next_ns = self._next_ns, None
            held, self._held, self._held_bytes = self._held, [], 0
            self._begin(next_ns)
            for take in held:
                take()
        elif self._tail is None:
            self._tail = self.create_timer(self.params.tail_s, self._finish)

    def _finish(self) -> None:
        """Keeps the episode that has ended, if there is one."""
        if self._tail is not None:
            self._tail.cancel()
        event, self._ended, self._tail = self._ended, None, None
        if event is not None and self.recording:
            self.stop(event.success, event.reason)

    # -- housekeeping and services -------------------------------------------------------------

    def _on_housekeeping(self) -> None:
        if self._recorder.problem is not None:
            self.stop()
        if not self._armed:
            self._reset_first()
        if self._ended is not None:
            self._patience -= 1
            self._look_for_end()

    def _reset_first(self) -> None:
        """Asks for a new episode as soon as all of it can be recorded."""
        wanted = (*self.params.needed(), topics.EPISODE_STATUS)
        silent = [topic.name for topic in wanted if topic not in self._heard]
        if not self._reset.service_is_ready():
            silent.append(f"service {topics.SIM_RESET.name}")
        if silent:
            text = f"waiting for {', '.join(silent)}"
            self.get_logger().info(text, throttle_duration_sec=5.0, skip_first=True)
            return
        self._armed = True
        self._reset.call_async(Trigger.Request())

    def _look_for_senders(self) -> None:
        for watch in self._senders.values():
            watch.look()

    def _reports(self) -> list[Report]:
        problems = self._status.problems(self._now_ns())
        if (missing := self._merger.waits(SILENT_S)) is not None:
            problems["joints"] = f"{topics.JOINT_STATES.name}: {missing}"
        if self._recorder.problem is not None:
            problems["disk"] = self._recorder.problem
        for topic, watch in self._senders.items():
            if (at_once := watch.at_once()) is not None:
                problems[f"senders {topic.name}"] = at_once
        warnings = [text for text in (self._recorder.little_space(),) if text is not None]
        if self._recorder.dropped:
            warnings.append(f"{self._recorder.dropped} messages dropped: the disk is too slow")
        if self.recording:
            for kind, text in problems.items():
                self._incidents.saw(kind, text)
        for line in self._incidents.lines():
            self.get_logger().warning(line)
        values = {
            "recording": str(self.recording).lower(),
            "kept": str(self.kept),
            "dropped": str(self._recorder.dropped),
        }
        return [self._status.report(self.recording, problems, warnings, values)]

    def _on_start(self, _request: Any, response: Any) -> Any:
        return self._answer(response, self.start)

    def _on_stop(self, _request: Any, response: Any) -> Any:
        return self._answer(response, self.stop)

    def _on_discard(self, _request: Any, response: Any) -> Any:
        return self._answer(response, self.discard)

    def _answer(self, response: Any, work: Any) -> Any:
        try:
            response.message = str(work())
            response.success = True
        except (ConfigurationError, OSError) as error:
            response.success = False
            response.message = str(error)
        return response


def _short(topic: str) -> str:
    """A topic as a person calls it: front for ``camera/front/image_raw``."""
    parts = topic.split("/")
    return parts[1] if parts[0] == "camera" else parts[0].partition("_")[0]


def _gauge(topic: str, traffic: Traffic) -> StreamGauge:
    return StreamGauge(_short(topic), traffic.rate_hz, traffic.age_s)


def main() -> int:
    """Console command ``record_node``."""
    return ros.run_node(RecordNode)
