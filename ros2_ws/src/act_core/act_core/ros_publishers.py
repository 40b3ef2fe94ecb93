"""Who publishes on a topic, as the graph and the messages tell it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rclpy.node import Node

from act_core import ros, topics
from act_core.foreign_text import clean
from act_core.senders import Senders

# The graph knows publishers before it knows whose they are, for some tenths of a second.
UNKNOWN = "a node that is not known yet"


class TopicPublisher(NamedTuple):
    """One publisher of a topic."""

    node: str  # full name of the node that it belongs to, e.g. /left/act_policy
    gid: bytes  # as in the ``publisher_gid`` of the information that comes with a message


def publishers_of(node: Node, topic: topics.Topic) -> list[TopicPublisher]:
    """All publishers of a topic, the node's own ones included, sorted by name.

    ``topic`` is the topic as ``node`` resolves it: its namespace and remappings hold. Asking costs
    about 0.3 ms: for housekeeping, not for a control loop. The graph takes some tenths of a second
    to notice a newcomer, and up to 20 s (the lease of Fast DDS) to forget one that was killed.
    """
    found = node.get_publishers_info_by_topic(node.resolve_topic_name(topic.name))
    return sorted(TopicPublisher(_name(info), bytes(info.endpoint_gid)) for info in found)


def _name(info: Any) -> str:
    if info.node_name == "_NODE_NAME_UNKNOWN_":  # rmw's word for it
        return UNKNOWN
    return clean(f"{info.node_namespace.rstrip('/')}/{info.node_name}")


def several(node: Node, topic: topics.Topic) -> str | None:
    """What to say where nodes of more than one name publish on a topic; otherwise None.

    Example: ``2 publishers on joint_states: /act_sim, /so101_driver``. A node that was killed and
    started again is no second one, although the graph remembers both for a while; whoever hears
    the topic can tell these apart with a `PublisherWatch`.
    """
    return _several(topic, publishers_of(node, topic))


def rivals(node: Node, topic: topics.Topic) -> str | None:
    """What to say where others publish on a topic that ``node`` publishes on; otherwise None.

    Two nodes of one name count as well, as of a policy that was started twice; so does one that was
    killed, for as long as the graph remembers it.
    """
    found = [publisher.node for publisher in publishers_of(node, topic)]
    own = node.get_fully_qualified_name()
    if own in found:
        found.remove(own)
    if not found:
        return None
    twice = " (started twice, or killed less than 20 s ago)" if own in found else ""
    return f"{', '.join(found)} can send {topic.name} as well{twice}"


def _several(topic: topics.Topic, found: list[TopicPublisher]) -> str | None:
    names = sorted({publisher.node for publisher in found})
    if len(names) < 2:
        return None
    return f"{len(names)} publishers on {topic.name}: {', '.join(names)}"


class PublisherWatch:
    """Who sends on a topic that a node hears, and who else could.

    Args:
        node: that hears it.
        topic: the topic.
    """

    def __init__(self, node: Node, topic: topics.Topic) -> None:
        self._node = node
        self._topic = topic
        self._senders = Senders()
        self._publishers: list[TopicPublisher] = []
        self._names: dict[bytes, str] = {}
        # Before Kilted, rclpy does not tell who sent a message: whoever could, may have.
        self._nameless = False

    def hear(self, heard: Callable[[], None] = lambda: None) -> None:
        """Subscribes to the topic for nothing but who sends on it: messages are not decoded, since
        a sender counts whatever it says. ``heard`` is called after each."""

        def on_message(_data: bytes, info: Mapping[str, Any]) -> None:
            self.saw(info)
            heard()

        self._node.create_subscription(
            ros.interface_type(self._topic.type_name),
            self._topic.name,
            on_message,
            copy.copy(ros.QOS[self._topic.qos]),
            raw=True,
        )

    @property
    def is_nameless(self) -> bool:
        """Whether the newest message did not tell who sent it, as before Kilted."""
        return self._nameless

    def saw(self, info: Mapping[str, Any], joints: Sequence[str] = ()) -> None:
        """A message came; ``info`` is what a callback with two arguments gets beside it.

        joints: that it tells of, where the topic is of joints: see `Senders`.
        """
        gid = ros.publisher_gid(info)
        self._nameless = gid is None
        # Nameless senders of other joints each are told apart by these.
        self._senders.saw(frozenset(joints) if gid is None else gid, joints)

    def look(self) -> None:
        """Asks the graph; see `publishers_of`."""
        self._publishers = publishers_of(self._node, self._topic)
        self._names = {publisher.gid: publisher.node for publisher in self._publishers}

    def sender(self, info: Mapping[str, Any]) -> tuple[bytes, str]:
        """Who sent a message: an id, and the name of its node. Before Kilted all senders have one
        id; the name is then that of whoever could have been it."""
        gid = ros.publisher_gid(info) or b""
        if self._names.get(gid, UNKNOWN) == UNKNOWN:
            self.look()
        everybody = " or ".join(sorted(set(self._names.values())))
        return gid, self._names.get(gid) or everybody or "a device"

    @property
    def is_single(self) -> bool:
        """Whether surely no joint was told of by more than one in the last second. Costs a few
        microseconds."""
        if self._senders.at_odds():
            return False
        # Nameless ones are told apart by their joints: one for each part that was heard.
        most = max(1, len(self._senders.recent()))
        return not self._nameless or len(self._publishers) <= most

    def sending(self) -> list[str]:
        """Names of the nodes that sent in the last second, sorted, one for each publisher."""
        return self._named(self._senders.recent())

    def others(self) -> list[str]:
        """As `sending`, without the node that hears them."""
        own = self._node.get_fully_qualified_name()
        return [name for name in self.sending() if name != own]

    def _named(self, senders: Iterable[Hashable]) -> list[str]:
        known: dict[Hashable, str] = dict(self._names.items())
        found = known if self._nameless else senders
        return sorted(known.get(gid, UNKNOWN) for gid in found)

    def at_once(self) -> str | None:
        """What to say while more than one sends; otherwise None."""
        if self.is_single:
            return None
        names = self._named(self._senders.at_odds())
        if len(names) < 2:
            return None
        return f"{len(names)} nodes send {self._topic.name} at once, {', '.join(names)}"

    def warning(self) -> str | None:
        """What to say while more than one sends, or could; otherwise None."""
        if (at_once := self.at_once()) is not None:
            return at_once
        if len(self._publishers) <= len(self._senders.recent()):
            return None  # all of them send, of other joints each
        return _several(self._topic, self._publishers)
