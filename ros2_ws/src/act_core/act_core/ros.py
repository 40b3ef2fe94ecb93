"""The rclpy code that every node shares: parameters, topics, stamps, arrays, an orderly end."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import threading
import traceback
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from importlib import import_module
from typing import Any, TypeVar, get_type_hints

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from numpy.typing import ArrayLike, NDArray
from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy._rclpy_pybind11 import RCLError
from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import (
    InvalidParameterTypeException,
    NameValidationException,
    ParameterException,
)
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.qos import (
    DurabilityPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_sensor_data,
)
from rclpy.qos_overriding_options import InvalidQosOverridesError, QoSOverridingOptions
from rclpy.service import Service as RclpyService
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription
from rclpy.timer import Timer
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState

from act_core import images, node_arguments, topics
from act_core.errors import ConfigurationError
from act_core.foreign_text import clean
from act_core.joints import JointMatcher, JointReading
from act_core.parameters import from_values, settable_names, with_values
from act_core.ros_guard import LONGEST_REASON, guard, refusing
from act_core.timing import NS_PER_S

P = TypeVar("P")

QOS: dict[str, QoSProfile] = {
    topics.SENSOR: qos_profile_sensor_data,
    topics.STATE: QoSProfile(depth=10),
    topics.COMMAND: QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE),
    topics.LATCHED: QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL),
}
# REP 2003: sensor data is offered reliably, to whoever asks for that, and asked for best effort.
OFFERED_QOS = {**QOS, topics.SENSOR: QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)}
_QOS_OVERRIDES = "qos_overrides."
_OVERRIDABLE = (
    QoSPolicyKind.HISTORY,
    QoSPolicyKind.DEPTH,
    QoSPolicyKind.RELIABILITY,
    QoSPolicyKind.DURABILITY,
)

# Overrides that rclpy itself understands on every node.
_OWN_PARAMETERS = ("use_sim_time", "start_type_description_service")

GOODBYE_S = 5.0  # that a node may take to leave the graph when it ends

DIAGNOSTIC_LEVELS = {
    "ok": DiagnosticStatus.OK,
    "warn": DiagnosticStatus.WARN,
    "error": DiagnosticStatus.ERROR,
    "stale": DiagnosticStatus.STALE,
}


def declare_parameters(
    node: Node, parameters_type: type[P], on_set: Callable[[P], None] | None = None
) -> P:
    """Declares the fields of ``parameters_type`` on ``node`` and returns them with their values.

    See `act_core.parameters`. The parameters are read-only, a running node keeps what it was
    started with, but for those that are settable: ``on_set`` gets all parameters with the new
    values, and refuses them by a ConfigurationError. Raises ConfigurationError for values that do
    not fit and for names that the node does not have (a misspelt one would otherwise be ignored
    without a word).
    """
    overrides = {
        # rcl hands over an empty list as a parameter without a value.
        name: () if override.value is None else override.value
        for name, override in getattr(node, "_parameter_overrides", {}).items()
        if name not in _OWN_PARAMETERS and not name.startswith(_QOS_OVERRIDES)
    }
    parameters = from_values(parameters_type, overrides)
    types = get_type_hints(parameters_type)
    for field in dataclasses.fields(parameters_type):  # type: ignore[arg-type]
        value = getattr(parameters, field.name)
        node.declare_parameter(
            field.name,
            list(value) if isinstance(value, tuple) else value,
            _descriptor(field, types[field.name]),
            ignore_override=True,
        )
    if on_set is not None:
        _let_be_set(node, parameters, on_set)
    return parameters


def override_of(node: Node, name: str, default: P) -> P:
    """What a parameter was given from outside, before it is declared: for one that decides which
    others there are. Raises ConfigurationError for a value of another type than the default's."""
    override = getattr(node, "_parameter_overrides", {}).get(name)
    if override is None:
        return default
    if type(override.value) is not type(default):
        given, expected = clean(repr(override.value)), type(default).__name__
        raise ConfigurationError(f"parameter {name}: got {given}, expected a {expected}")
    return override.value


def _let_be_set(node: Node, parameters: P, on_set: Callable[[P], None]) -> None:
    settable = settable_names(type(parameters))
    present = parameters

    def take(changes: list[Parameter]) -> SetParametersResult:
        nonlocal present
        values = {change.name: change.value for change in changes if change.name in settable}
        try:
            wanted = with_values(present, values)
            if wanted != present:
                on_set(wanted)
        except ConfigurationError as error:
            return SetParametersResult(successful=False, reason=str(error))
        present = wanted
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(take)


def _descriptor(field: dataclasses.Field[Any], kind: Any) -> ParameterDescriptor:
    low, high = field.metadata.get("low"), field.metadata.get("high")
    choices = field.metadata.get("choices")
    descriptor = ParameterDescriptor(
        description=field.metadata.get("description", ""),
        additional_constraints=f"one of {', '.join(choices)}" if choices else "",
        read_only=not field.metadata.get("settable"),
    )
    if low is not None and high is not None and kind is float:
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(low), to_value=float(high))
        ]
    elif low is not None and high is not None and kind is int:
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
    return descriptor


def has_simulated_time(node: Node) -> bool:
    """Whether the node's time is what others publish on /clock (``use_sim_time``)."""
    return bool(node.get_parameter("use_sim_time").value)


def interface_type(type_name: str) -> Any:
    """The class behind a name such as ``sensor_msgs/msg/JointState``."""
    package, kind, name = type_name.split("/")
    return getattr(import_module(f"{package}.{kind}"), name)


def publisher(node: Node, topic: topics.Topic) -> Publisher:
    """A publisher with the type and quality of service of the topic table, or with what the
    parameters ``qos_overrides.<topic>.publisher.<policy>`` say in its place."""
    with _overriding():
        return node.create_publisher(
            interface_type(topic.type_name),
            topic.name,
            copy(OFFERED_QOS[topic.qos]),  # rclpy writes its overrides into it
            qos_overriding_options=_overriding_options(node),
        )


def subscription(
    node: Node,
    topic: topics.Topic,
    callback: Callable[..., None],
    callback_group: CallbackGroup | None = None,
) -> Subscription:
    """A subscription with the type and quality of service of the topic table, or with what the
    parameters ``qos_overrides.<topic>.subscription.<policy>`` say in its place.

    The callback refuses a message that it can make nothing of by a ValueError, whose text goes into
    the log: no content of a message ends a node.
    """
    with _overriding():
        return node.create_subscription(
            interface_type(topic.type_name),
            topic.name,
            refusing(node, topic.name, callback),
            copy(QOS[topic.qos]),
            callback_group=callback_group,
            qos_overriding_options=_overriding_options(node),
        )


def _qos_overrides(node: Node) -> list[str]:
    """Names of the parameters that are to change a quality of service."""
    given = getattr(node, "_parameter_overrides", {})
    return [name for name in given if name.startswith(_QOS_OVERRIDES)]


def _overriding_options(node: Node) -> QoSOverridingOptions | None:
    # Four parameters for each topic are only worth declaring where one of them is given.
    return QoSOverridingOptions(policy_kinds=_OVERRIDABLE) if _qos_overrides(node) else None


@contextmanager
def _overriding() -> Iterator[None]:
    """What rclpy makes of a wrong override, in words."""
    try:
        yield
    except (InvalidQosOverridesError, InvalidParameterTypeException, RuntimeError) as error:
        raise ConfigurationError(f"parameter {_QOS_OVERRIDES}...: {error}") from error


def check_qos_overrides(node: Node) -> None:
    """Raises ConfigurationError for an override that no topic of ``node`` took up, which rclpy
    would ignore: a topic that it does not have, a policy that cannot be changed."""
    unused = [name for name in _qos_overrides(node) if not node.has_parameter(name)]
    if unused:
        kinds = ", ".join(kind.name.lower() for kind in _OVERRIDABLE)
        names = {publisher.topic_name for publisher in node.publishers}
        names |= {subscription.topic_name for subscription in node.subscriptions}
        raise ConfigurationError(
            f"parameter {unused[0]} has no effect: expected "
            f"{_QOS_OVERRIDES}<topic>.publisher.<policy> or .subscription.<policy>; policies: "
            f"{kinds}; topics of this node: {', '.join(sorted(names))}"
        )


def service(node: Node, entry: topics.Service, callback: Callable[[Any, Any], Any]) -> RclpyService:
    """A service of the table; ``callback(request, response)`` returns the response."""
    return node.create_service(interface_type(entry.type_name), entry.name, callback)


def steady_timer(node: Node, period_s: float, callback: Callable[[], None]) -> Timer:
    """A timer that no step or stop of the ROS time holds up."""
    return node.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))


def publisher_gid(info: Mapping[str, Any]) -> bytes | None:
    """Who sent a message, from the information that came with it; None where rclpy does not tell
    (before Kilted). `act_core.ros_publishers` gives the name that goes with it."""
    gid = info.get("publisher_gid")
    return None if gid is None else bytes(gid["data"])


def stamp_ns(stamp: Time) -> int:
    """A message's stamp as integer nanoseconds of ROS time."""
    return stamp.sec * NS_PER_S + stamp.nanosec


def to_stamp(ros_time_ns: int) -> Time:
    """Integer nanoseconds of ROS time as a message's stamp. ValueError for what none can tell:
    before 1970 and after January 2038."""
    sec, nanosec = divmod(ros_time_ns, NS_PER_S)
    if not 0 <= sec < 2**31:
        raise ValueError(f"{ros_time_ns} ns do not fit into a stamp")
    return Time(sec=sec, nanosec=nanosec)


def read_joints(message: JointState, names: Sequence[str]) -> JointReading:
    """The joints ``names`` of a message, whatever order and company they come in.

    Raises ValueError as `JointMatcher.read` does; whoever reads many messages keeps one of those.
    """
    return JointMatcher(names).read(message.name, message.position, message.velocity)


def joint_state(
    names: Sequence[str],
    position: ArrayLike,
    ros_time_ns: int,
    velocity: ArrayLike | None = None,
    effort: ArrayLike | None = None,
) -> JointState:
    """A JointState of (J,) positions [rad], and velocities [rad/s] and efforts where they exist."""
    message = JointState(name=list(names), position=_doubles(position))
    message.header.stamp = to_stamp(ros_time_ns)
    if velocity is not None:
        message.velocity = _doubles(velocity)
    if effort is not None:
        message.effort = _doubles(effort)
    return message


def _doubles(values: ArrayLike) -> array:
    # rclpy takes an array.array as it is and checks a list item by item.
    return array("d", np.asarray(values, dtype=np.float64).tobytes())


def image_to_array(message: Image | CompressedImage, encoding: str = "rgb8") -> NDArray[Any]:
    """The pixels of an image message in the encoding that is asked for, (H, W, 3) uint8 for rgb8.

    A view of the message's data where nothing has to be converted: half a microsecond for
    640 x 480 instead of a copy, and read-only in effect. Raises ValueError for damaged messages,
    unknown encodings and conversions that do not exist; see `act_core.images`.
    """
    if isinstance(message, CompressedImage):
        return images.decompress(message.data, encoding)
    return images.convert(_stored_pixels(message), message.encoding, encoding)


def image_to_depth(message: Image) -> NDArray[np.uint16]:
    """The distances of a depth image's message, (H, W, 1) [mm]; see `act_core.images.depth_mm`."""
    return images.depth_mm(_stored_pixels(message), message.encoding)


def _stored_pixels(message: Image) -> NDArray[Any]:
    return images.unpack(
        message.data, message.height, message.width, message.step,
        message.encoding, bool(message.is_bigendian),
    )  # fmt: skip


def array_to_image(
    image: NDArray[Any], ros_time_ns: int, frame_id: str, encoding: str = "rgb8"
) -> Image:
    """An Image message of an array; ValueError where its shape or type is not the encoding's."""
    images.check(image, encoding)
    message = Image(
        height=image.shape[0],
        width=image.shape[1],
        encoding=encoding,
        step=image[0].nbytes,
        # An array.array is copied as it is (0.03 ms for 640 x 480); an ndarray or a list would be
        # checked number by number (40 ms).
        data=array("B", np.ascontiguousarray(image).tobytes()),
    )
    message.header.stamp = to_stamp(ros_time_ns)
    message.header.frame_id = frame_id
    return message


def array_to_compressed(
    image: NDArray[np.uint8],
    ros_time_ns: int,
    frame_id: str,
    encoding: str = "rgb8",
    quality: int = 90,
) -> CompressedImage:
    """A JPEG message of a colour or mono8 array; ``format`` as image_transport writes it."""
    return jpeg_to_compressed(
        images.compress(image, encoding, quality), ros_time_ns, frame_id, encoding
    )


def jpeg_to_compressed(
    jpeg: bytes, ros_time_ns: int, frame_id: str, encoding: str = "rgb8"
) -> CompressedImage:
    """The message of a JPEG; ``encoding``: of the image that it was made of."""
    stored = "mono8" if encoding == "mono8" else "bgr8"
    message = CompressedImage(format=f"{encoding}; jpeg compressed {stored}", data=array("B", jpeg))
    message.header.stamp = to_stamp(ros_time_ns)
    message.header.frame_id = frame_id
    return message


def camera_info(image: Image, focal: float) -> CameraInfo:
    """The calibration that goes with ``image``: a pinhole camera with square pixels, its centre in
    the middle and no distortion; ``focal`` in pixels."""
    # Pixel (0, 0) is the centre of the first pixel, as OpenCV and image_geometry have it.
    cx, cy = (image.width - 1) / 2, (image.height - 1) / 2
    info = CameraInfo(
        header=image.header, height=image.height, width=image.width, distortion_model="plumb_bob"
    )
    info.d = [0.0] * 5
    info.k = [focal, 0.0, cx, 0.0, focal, cy, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [focal, 0.0, cx, 0.0, 0.0, focal, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def diagnostic(
    name: str, level: str, message: str, values: Mapping[str, str] | None = None
) -> DiagnosticStatus:
    """One status for `/diagnostics`; ``level`` is ok, warn, error or stale."""
    return DiagnosticStatus(
        name=name,
        level=DIAGNOSTIC_LEVELS[level],
        message=message,
        values=[KeyValue(key=key, value=value) for key, value in (values or {}).items()],
    )


def diagnostic_values(status: DiagnosticStatus) -> dict[str, str]:
    """The values of a status by their keys, as `diagnostic` takes them."""
    return {pair.key: pair.value for pair in status.values}


def diagnostic_array(node: Node, statuses: Iterable[DiagnosticStatus]) -> DiagnosticArray:
    """A message for `/diagnostics`, stamped now."""
    array_message = DiagnosticArray(status=list(statuses))
    array_message.header.stamp = node.get_clock().now().to_msg()
    return array_message


def run_node(create_node: Callable[[], Node], args: list[str] | None = None) -> int:
    """Runs a node until SIGINT, SIGTERM or an external shutdown; returns the exit code.

    A node that comes to an end by itself has an attribute ``finished`` that becomes true. The
    node's ``close()``, if it has one, runs in every case while topics still work, so that it can
    stop what it drives. A ConfigurationError ends the process with its text and code 2; any other
    exception ends it with its traceback after ``close()``.
    """
    # Own handlers: those of rclpy shut the context down before the node could say good-bye.
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # of rcl: a parameter file that is none, a remapping of nothing
        reason = clean(str(error).replace("\n", " "), LONGEST_REASON)
        if "logging" in reason:  # HOME or ROS_LOG_DIR
            reason = f"{reason.split(', at /')[0]}; set ROS_LOG_DIR to a folder for the log files"
        rclpy.logging.get_logger("act").fatal(reason)
        return 2
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: signals.append(received))
    node: Node | None = None
    try:
        node = _created(create_node)
        guard(node)
        check_qos_overrides(node)
        for line in _passed_over(node, sys.argv if args is None else args):
            node.get_logger().warning(line)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not signals and not getattr(node, "finished", False):
            # A Python signal handler only runs once the wait returns: at most this much later.
            executor.spin_once(timeout_sec=0.1)
    except (ConfigurationError, ParameterException) as error:  # of ours, or of rclpy's own
        rclpy.logging.get_logger("act").fatal(str(error))
        return 2
    except ExternalShutdownException:
        pass
    finally:
        try:
            if node is not None:
                getattr(node, "close", lambda: None)()
        finally:
            _end_middleware(node)
    return 0


def _passed_over(node: Node, arguments: Sequence[str]) -> list[str]:
    """What was asked for on the command line and rcl passes over in silence."""
    endpoints: list[Any] = [*node.publishers, *node.subscriptions]
    services: list[Any] = [*node.services, *node.clients]
    used = {topic.topic_name for topic in endpoints}
    used |= {getattr(s, "service_name", None) or s.srv_name for s in services}  # Humble: srv_name
    return [
        *node_arguments.for_others(arguments, node.get_fully_qualified_name()),
        *node_arguments.idle_remappings(
            arguments, lambda name: node.resolve_topic_name(name, only_expand=True), used
        ),
    ]


def _created(create_node: Callable[[], Node]) -> Node:
    """The node; ConfigurationError where a parameter makes a name that ROS 2 does not have, or
    names a file that the system does not give."""
    try:
        return create_node()
    except OSError as error:
        what = clean(error.filename, LONGEST_REASON) if error.filename else "it cannot start"
        raise ConfigurationError(f"{what}: {error.strerror or error}") from error
    except (NameValidationException, RCLError) as error:
        reason = clean(str(error).replace("\n", " "), LONGEST_REASON)
        raise ConfigurationError(f"it cannot be set up as its parameters say: {reason}") from error


def _end_middleware(node: Node | None) -> None:
    """Takes the node out of the graph, or gives up on that after `GOODBYE_S`.

    Fast DDS' TCP transport can wait for ever for a subscriber whose process is stopped (Ctrl-Z on
    `ros2 topic echo` is enough). Everything that matters has ended by then.
    """
    done = threading.Event()

    def end() -> None:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
        done.set()

    threading.Thread(target=end, daemon=True).start()
    if not done.wait(GOODBYE_S):
        if sys.exc_info()[0] is not None:
            traceback.print_exc()
        sys.stderr.write("the middleware does not answer (a stopped subscriber?): ending anyway\n")
        sys.stderr.flush()
        os._exit(1)
