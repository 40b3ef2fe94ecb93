"""Messages and bags for tests: an arm that follows its commands 40 ms late, two cameras."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from act_core import ros, topics
from act_core.robots.so101 import JOINT_NAMES
from act_record.bag_topics import qos_profile
from rclpy.serialization import serialize_message
from rosbag_lite import BagMessage, BagTopic, BagWriter
from rosbag_lite.definitions import definition

T0 = 1_700_000_000_000_000_000
MS = 1_000_000


def joints(
    topic: topics.Topic,
    stamp_ns: int,
    position,
    log_ns: int | None = None,
    velocity=None,
    prefix: str = "",
) -> BagMessage:
    """A joint message, received half a millisecond after its stamp unless said otherwise."""
    names = [f"{prefix}{name}" for name in JOINT_NAMES]
    message = ros.joint_state(names, position, stamp_ns, velocity)
    log_ns = stamp_ns + MS // 2 if log_ns is None else log_ns
    return _message(topic, message, log_ns)


def image(camera: str, stamp_ns: int, pixels, log_ns: int | None = None, jpeg=False) -> BagMessage:
    """An image, received 8 ms after its capture unless said otherwise."""
    log_ns = stamp_ns + 8 * MS if log_ns is None else log_ns
    if jpeg:
        message = ros.array_to_compressed(pixels, stamp_ns, camera, quality=95)
        return _message(topics.camera_compressed(camera), message, log_ns)
    return _message(
        topics.camera_image(camera), ros.array_to_image(pixels, stamp_ns, camera), log_ns
    )


def status(log_ns: int, message: str = "", **values: object) -> BagMessage:
    texts = {key: str(value).lower() for key, value in values.items()}
    return _message(topics.EPISODE_STATUS, ros.diagnostic("episode", "ok", message, texts), log_ns)


def owner(since_ns: int, owner: str, log_ns: int | None = None) -> BagMessage:
    """Who owns the arm from then on, received a millisecond later unless said otherwise."""
    values = {"owner": owner, "since_ns": str(since_ns)}
    message = ros.diagnostic("control owner", "ok", "", values)
    return _message(topics.CONTROL_OWNER, message, since_ns + MS if log_ns is None else log_ns)


def taken_over(length_s: float, switches: list[tuple[float, str]]) -> list[BagMessage]:
    """An episode in which the arm has other owners from those times on; the policy goes on sending
    what nobody follows, and what is applied is `target` plus 0.1 while a person has the arm."""
    found = [owner(0, "policy", T0)]
    found += [owner(T0 + round(1e9 * t), name) for t, name in switches]
    for message in episode(length_s):
        at = message.log_ns - MS
        if message.topic != f"/{topics.JOINT_COMMANDS.name}":
            found.append(message)
            continue
        t = (at - T0) / 1e9
        now = next((name for since, name in reversed(switches) if since <= t), "policy")
        command = target(t) if now == "policy" else target(t) + 1.0
        applied = target(t) if now == "policy" else target(t) + 0.1
        found.append(joints(topics.JOINT_COMMANDS, at, command, at + MS))
        found.append(joints(topics.JOINT_COMMANDS_APPLIED, at, applied, at + MS))
    return sorted(found, key=lambda message: message.log_ns)


def picture(number: int, height: int = 48, width: int = 64) -> np.ndarray:
    """(height, width, 3) a smooth picture that differs from all others."""
    y, x = np.mgrid[0:height, 0:width]
    red = 128 + 100 * np.sin(0.05 * x + 0.7 * number)
    return np.stack([red, 4 * y, 100 + 0 * x], axis=2).astype(np.uint8)


def target(seconds: float) -> np.ndarray:
    """(6,) [rad] where the arm is told to be at that time of an episode."""
    return 0.4 * np.sin(2.0 * seconds + np.arange(6))


def target_velocity(seconds: float) -> np.ndarray:
    """(6,) [rad/s] how fast `target` changes then."""
    return 0.8 * np.cos(2.0 * seconds + np.arange(6))


def episode(length_s: float = 2.0, start_ns: int = T0, jpeg: bool = False) -> list[BagMessage]:
    """In the order of arrival: joints and commands at 100 Hz, two cameras at 30 Hz, 4 ms apart."""
    found = []
    for k in range(round(100 * length_s)):
        t = k / 100
        at = start_ns + 10 * MS * k
        measured = target(t - 0.04), None, target_velocity(t - 0.04)
        found.append(joints(topics.JOINT_STATES, at, *measured))
        found.append(joints(topics.JOINT_COMMANDS, at, target(t), at + MS))
    for k in range(round(30 * length_s)):
        at = start_ns + round(1e9 * k / 30)
        found.append(image("front", at, picture(2 * k), jpeg=jpeg))
        found.append(image("wrist", at + 4 * MS, picture(2 * k + 1), jpeg=jpeg))
    return sorted(found, key=lambda message: message.log_ns)


def write_bag(
    folder: Path, messages: list[BagMessage], attachments=None, compression="none", close=True
) -> BagWriter:
    bag = BagWriter(folder, attachments, compression)
    for topic, type_name in dict.fromkeys((m.topic, m.type_name) for m in messages):
        text, qos = definition(type_name), (qos_profile(_kind(topic)),)
        bag.add_topic(BagTopic(topic, type_name, qos, definition=text))
    for message in messages:
        bag.write(message.topic, message.data, message.log_ns)
    if close:
        bag.close()
    return bag


def _kind(name: str) -> str:
    """The quality of service of a topic of ours; that of a state for any other."""
    with suppress(KeyError):
        return topics.topic(name.lstrip("/")).qos
    return topics.STATE


def _message(topic: topics.Topic, message, log_ns: int) -> BagMessage:
    return BagMessage(f"/{topic.name}", topic.type_name, bytes(serialize_message(message)), log_ns)
