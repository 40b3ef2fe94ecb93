"""What every node that shows a policy what is there has in common: streams in, observations out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from act_core import topics
from act_core.errors import ConfigurationError
from act_core.foreign_text import clean
from act_core.joints import JointMerger, OtherJointsError
from act_core.policy_json import read_spec
from act_core.policy_spec import DEPTH, RGB, PolicySpec
from act_core.policy_units import check_units
from act_core.ros import (
    declare_parameters,
    diagnostic_values,
    has_simulated_time,
    image_to_array,
    image_to_depth,
    override_of,
    stamp_ns,
    subscription,
    to_stamp,
)
from act_core.ros_guard import LONGEST_REASON
from act_core.ros_publishers import PublisherWatch
from act_core.stamps import TOLERANCE_S, StampCheck
from act_core.timing import NS_PER_S, to_ns
from act_core.traffic import Traffic
from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticStatus
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image, JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from act_policy.chunk import Chunk
from act_policy.chunk_wire import Arrival, Tag
from act_policy.graph_policy import GraphPolicy
from act_policy.image_fit import resize
from act_policy.load_policy import check_recorded, load_policy
from act_policy.modes import make_mode
from act_policy.observation import Observation
from act_policy.observation_sync import JOINTS, MissingStream, NothingNew, ObservationSync
from act_policy.policy_parameters import JPEG, PolicyParameters, parameters_of


class ObservingNode(Node):
    """Hears joints and cameras of a policy; whoever derives from it says what becomes of that."""

    joint_topic = topics.JOINT_STATES

    def __init__(self, name: str, **overrides: Any) -> None:
        super().__init__(name, **overrides)
        mode = override_of(self, "mode", PolicyParameters.mode)
        self.parameters = declare_parameters(self, parameters_of(mode))

    # -- for whoever derives from it -------------------------------------------------------------

    def observed(self, observation: Observation, now_ns: int) -> None:
        """An observation is complete."""
        raise NotImplementedError

    def unobserved(self, why: str) -> None:
        """There is none now, in words."""

    def heard_joints(self, position: NDArray[Any]) -> None:
        """Where all joints (J,) of the policy are."""

    def begin_afresh(self) -> None:
        """Time went back, or a new episode has begun: forget what was seen before."""
        raise NotImplementedError

    def observing_time_ns(self) -> int:
        """The time to which the streams are compared."""
        return self.get_clock().now().nanoseconds

    def wrong_stamp(self, stream: str, found_ns: int) -> str | None:
        """What is wrong with the stamp of a message of a stream."""
        return self._stamps[stream].refusal(found_ns, self.get_clock().now().nanoseconds)

    def knows_where_joints_are(self) -> bool:
        """Whether messages of other joints only are no fault."""
        return False

    # -- set-up ----------------------------------------------------------------------------------

    def checked_spec(self) -> PolicySpec:
        """The bundle's spec; ConfigurationError for one that cannot be run here."""
        if not self.parameters.bundle:
            raise ConfigurationError("parameter bundle is empty, expected a policy bundle's folder")
        spec = read_spec(self.parameters.bundle)  # what can be refused before minutes of loading
        check_units(spec)
        make_mode(self.parameters.execution(spec), spec)
        return spec

    def load(self, cores: int) -> GraphPolicy:
        """The bundle's network, checked."""
        parameters = self.parameters
        self.checked_spec()
        policy = load_policy(
            parameters.bundle,
            engine=parameters.engine,
            variant=parameters.variant,
            threads=parameters.inference_threads or cores,
        )
        check_recorded(policy.bundle)
        for warning in policy.warnings:
            self.get_logger().warning(warning)
        return policy

    def watch(self, spec: PolicySpec) -> None:
        """Prepares counts and checks of every stream, by a steady clock."""
        p = self.parameters
        self._images = {image.camera: image for image in spec.image_inputs}
        self._merger = JointMerger(spec.joint_input.joints)
        self.sync = ObservationSync(spec, p.sync_limits())
        self._refused: dict[str, str] = {}  # stream -> why its last message was no use
        self._clock_jumps = 0
        self._episode: dict[str, str] | None = None
        limits = {JOINTS: p.max_joint_age_s}
        limits |= {camera_stream(camera): p.max_image_age_s for camera in spec.cameras}
        self._simulated = has_simulated_time(self)
        self._received = {stream: Traffic() for stream in limits}
        self._stamps = {
            stream: StampCheck(max(TOLERANCE_S, limit_s), self._simulated, zero_passes=False)
            for stream, limit_s in limits.items()
        }

    def listen(self) -> None:
        """Opens the topics, once all that is called back is there."""
        self._joint_senders = PublisherWatch(self, self.joint_topic)
        subscription(self, self.joint_topic, self._on_joints)
        for camera in self._images:
            subscription(self, self.image_topic(camera), partial(self._on_image, camera))
        subscription(self, topics.EPISODE_STATUS, self._on_episode)

    def image_topic(self, camera: str) -> topics.Topic:
        """Where a camera's pictures are heard."""
        if self.parameters.images == JPEG and self._images[camera].encoding == RGB:
            return topics.camera_compressed(camera)
        return topics.camera_image(camera)

    # -- messages --------------------------------------------------------------------------------

    def _on_joints(self, message: JointState, info: Mapping[str, Any]) -> None:
        self._joint_senders.saw(info, message.name)
        with self._receiving(JOINTS):
            found_ns = self._checked_stamp(JOINTS, message)
            velocity = message.velocity if self.sync.takes_velocities else ()
            try:
                merged = self._merger.add(message.name, message.position, velocity, found_ns)
            except OtherJointsError:
                if self.knows_where_joints_are():
                    return  # of another arm, on the same topic
                raise
            if merged is not None:
                found_ns, reading = merged
                self.sync.add_joints(found_ns, reading.position, reading.velocity)
        if merged is None:  # one of several arms; the others follow
            self.observe()
            return
        self._received[JOINTS].count()
        self.heard_joints(reading.position)
        self.observe()

    def _on_image(self, camera: str, message: Image | CompressedImage) -> None:
        stream = camera_stream(camera)
        with self._receiving(stream):
            if isinstance(message, Image) and self._images[camera].encoding == DEPTH:
                image = image_to_depth(message)
            else:
                image = image_to_array(message, RGB)
            if self.parameters.image_fit == "resize":
                image = resize(image, self._images[camera])
            found_ns = self._checked_stamp(stream, message)
            self.sync.add_image(camera, found_ns, image)
        self._received[stream].count()
        self.observe()

    @contextmanager
    def _receiving(self, stream: str) -> Iterator[None]:
        """Keeps the reason of a refusal for the status; `act_core.ros.subscription` logs it."""
        try:
            yield
        except ValueError as error:
            self._refused[stream] = clean(error, LONGEST_REASON)
            self.observe()
            raise
        self._refused.pop(stream, None)

    def _checked_stamp(self, stream: str, message: JointState | Image | CompressedImage) -> int:
        """The stamp of a message; ValueError for one that is not of about now."""
        found_ns = stamp_ns(message.header.stamp)
        wrong = self.wrong_stamp(stream, found_ns)
        if wrong is not None:
            raise ValueError(wrong)
        return found_ns

    def observe(self) -> None:
        """Looks whether an observation is complete."""
        now_ns = self.observing_time_ns()
        taken = self.sync.take(now_ns)
        if self.sync.clock_jumps != self._clock_jumps:
            self._clock_jumps = self.sync.clock_jumps
            self.begin_afresh()
            self.get_logger().warning("stamps went back in time: starting afresh")
        if isinstance(taken, Observation):
            self.observed(taken, now_ns)
        elif not isinstance(taken, NothingNew):
            whys = [f"{stream} refused: {why}" for stream, why in self._refused.items()]
            whys += filter(None, [self._merger.waits()])
            if isinstance(taken, MissingStream):  # what comes and is refused is not nothing
                silent = [stream for stream in taken.streams if stream not in self._refused]
                whys = ([str(MissingStream(tuple(silent)))] if silent else []) + whys
            else:
                whys = [str(taken), *whys]
            self.unobserved("; ".join(whys))

    def _on_episode(self, message: DiagnosticStatus) -> None:
        values = diagnostic_values(message)
        told = ("task", "seed", "episode")
        episode = {key: value for key, value in values.items() if key in told}
        if self._episode is not None and episode != self._episode:
            self.reset("a new episode")
        self._episode = episode

    def reset(self, why: str) -> None:
        """Forgets observations and plans."""
        self.sync.clear()
        self.begin_afresh()
        self.get_logger().info(f"reset by {why}")

    def input_values(self) -> dict[str, str]:
        """Of the streams, for the diagnostics."""
        return {
            "out_of_order": str(self.sync.out_of_order),
            "clock_jumps": str(self.sync.clock_jumps),
            **{f"refused_{stream}": why for stream, why in self._refused.items()},
        }


def camera_stream(camera: str) -> str:
    """A camera's stream in words."""
    return f"camera '{camera}'"


def chunk_message(chunk: Chunk, joints: tuple[str, ...], tag: Tag) -> JointTrajectory:
    """Positions only; point i is for the header's stamp + time_from_start. See `chunk_wire`."""
    message = JointTrajectory(joint_names=list(joints))
    message.header.stamp = to_stamp(chunk.stamp_ns)
    message.header.frame_id = tag.text()
    for index, row in enumerate(chunk.rows):
        sec, nanosec = divmod(to_ns(index / chunk.rate_hz), NS_PER_S)
        start = Duration(sec=sec, nanosec=nanosec)
        message.points.append(JointTrajectoryPoint(positions=row.tolist(), time_from_start=start))
    return message


def chunk_arrival(message: JointTrajectory) -> Arrival:
    """A chunk's message as plain values."""
    return Arrival(
        stamp_ns(message.header.stamp),
        message.joint_names,
        [stamp_ns(point.time_from_start) for point in message.points],
        [point.positions for point in message.points],
        message.header.frame_id,
    )
