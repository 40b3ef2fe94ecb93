"""No content of a message, a request or a parameter file ends a node, but for a line at its start.

Every subscription and service of every node is fed with whatever its type can say, through its
callback as the executor would call it. With HYPOTHESIS_PROFILE=explore this goes on for long.
"""

from __future__ import annotations

import inspect
import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("rclpy", reason="run `make setup`: rclpy is not installed")

import rclpy
from act_core import ros
from act_core.ros_guard import guard
from diagnostic_msgs.msg import DiagnosticArray
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rclpy.publisher import Publisher
from rclpy.serialization import deserialize_message, serialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image, JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from tests.contract.message_strategies import ABSURD_TEXTS, FLOATS, messages
from tests.contract.node_table import NODES, Entry
from tests.exploring import EXPLORING

pytestmark = [
    pytest.mark.usefixtures("no_context_is_left", "in_a_folder_of_its_own"),
    pytest.mark.timeout(3600 if EXPLORING else 180),
]
MESSAGES = 1_000 if EXPLORING else 25  # a node
STARTS = 60 if EXPLORING else 4
# What is drawn is small enough; shrinking it would take minutes.
PHASES = list(Phase) if EXPLORING else [Phase.explicit, Phase.reuse, Phase.generate]


@pytest.fixture
def no_context_is_left():
    yield
    rclpy.try_shutdown()


@pytest.fixture
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    """A node that is told to write into "../../etc" writes below the test's folder."""
    here = tmp_path / "its/working/folder"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)


@pytest.fixture
def told(capfd, monkeypatch):
    """``told()``: what the nodes of this process have said since the last call, as one text: the
    log, and the texts of the diagnostics."""
    reports: list[str] = []
    publish = Publisher.publish

    def hear(publisher: Publisher, message: Any) -> None:
        if isinstance(message, DiagnosticArray):
            for status in message.status:
                reports.extend([status.message, *(pair.value for pair in status.values)])
        publish(publisher, message)

    def take() -> str:
        log = capfd.readouterr().err
        text = "\n".join([log, *reports])
        reports.clear()
        return text

    monkeypatch.setattr(Publisher, "publish", hear)
    return take


@contextmanager
def started(entry: Entry, folder: Path):
    """The node of an entry, and afterwards nothing of it."""
    rclpy.init(args=parameter_file(entry.parameters, folder / "given.yaml"))
    node = None
    try:
        node = entry.make()
        guard(node)  # as `run_node` does
        yield node
    finally:
        try:
            getattr(node, "close", lambda: None)()
        finally:
            if node is not None:
                node.destroy_node()
            rclpy.try_shutdown()


def parameter_file(parameters: dict[str, Any], path: Path) -> list[str]:
    path.write_text(yaml.safe_dump({"/**": {"ros__parameters": parameters}}, allow_unicode=True))
    return ["--ros-args", "--params-file", str(path)]


def feed(subscription: Any, message: Any) -> None:
    """Calls a subscription as the executor does: after a way over the wire."""
    data = bytes(serialize_message(message))
    taken = data if subscription.raw else deserialize_message(data, subscription.msg_type)
    info = {"source_timestamp": 0, "received_timestamp": 0}
    wants_info = len(inspect.signature(subscription.callback).parameters) > 1
    subscription.callback(taken, info) if wants_info else subscription.callback(taken)


def inputs_of(node: Any) -> list[Any]:
    """Subscriptions and services, those of the parameters included."""
    return [*node.subscriptions, *node.services]


def send(node: Any, where: Any, content: Any) -> None:
    if hasattr(where, "srv_type"):
        response = where.callback(content, where.srv_type.Response())
        if hasattr(response, "success"):
            reason = getattr(response, "message", getattr(response, "status_message", ""))
            assert response.success or reason, "refused without a reason"
    else:
        feed(where, content)
    for timer in node.timers:
        timer.callback()
    node.finished if hasattr(node, "finished") else None  # raises what a thread died of


def content_for(where: Any) -> st.SearchStrategy[Any]:
    return messages(where.srv_type.Request if hasattr(where, "srv_type") else where.msg_type)


@pytest.mark.parametrize("name", NODES)
def test_no_content_of_a_message_ends_a_node(name, tmp_path):
    before = set(threading.enumerate())
    with NODES[name](tmp_path) as entry, started(entry, tmp_path) as node:
        threads = set(threading.enumerate()) - before
        inputs = inputs_of(node)
        if not inputs:
            return  # a camera listens to nobody

        @settings(max_examples=MESSAGES, suppress_health_check=list(HealthCheck), phases=PHASES)
        @given(st.data())
        def sent(data: st.DataObject) -> None:
            where = inputs[data.draw(st.integers(0, len(inputs) - 1), "input")]
            send(node, where, data.draw(content_for(where), "content"))

        sent()
        for where in inputs:  # each of them at least once, with nothing in it
            kind = where.srv_type.Request if hasattr(where, "srv_type") else where.msg_type
            send(node, where, kind())
        ended = [thread.name for thread in threads if not thread.is_alive()]
        assert not [name for name in ended if not name.startswith("ThreadPool")]


def useless(kind: type[Any]) -> Any:
    """A message of a type that nobody can make anything of; None where there is no such."""
    if kind is JointState:
        return JointState(name=["\x1b[31mshoulder"] * 3, position=[float("nan")] * 2)
    if kind is Image:
        return Image(height=2**31, width=2**31, step=1, encoding="rgb8", data=b"\x00" * 7)
    if kind is CompressedImage:
        return CompressedImage(format="jpeg", data=b"no picture")
    if kind is JointTrajectory:
        points = [JointTrajectoryPoint(positions=[1.0] * n) for n in (1, 2, 3)]
        return JointTrajectory(joint_names=["a", "b"], points=points)
    if kind is Clock:
        clock = Clock()
        clock.clock.sec = -5
        return clock
    return None


@pytest.mark.parametrize("name", NODES)
def test_every_refusal_has_its_reason(name, tmp_path, told):
    with NODES[name](tmp_path) as entry, started(entry, tmp_path) as node:
        for subscription in node.subscriptions:
            message = useless(subscription.msg_type)
            if message is None or subscription.raw:
                continue  # what may say anything; a recorder records what comes, as it comes
            told()
            send(node, subscription, message)
            text = told()
            assert "refused" in text or "not this arm" in text, (subscription.topic_name, text)
            assert "\x1b[31m" not in text


@pytest.mark.parametrize("name", [name for name in NODES if name in ("policy_node", "film_node")])
def test_no_clock_ends_a_node(name, tmp_path):
    with NODES[name](tmp_path) as entry:
        entry.parameters["use_sim_time"] = True
        with started(entry, tmp_path) as node:
            clock = next(s for s in node.subscriptions if s.topic_name == "/clock")

            @settings(max_examples=MESSAGES, suppress_health_check=list(HealthCheck), phases=PHASES)
            @given(messages(Clock))
            def sent(message: Clock) -> None:
                send(node, clock, message)

            sent()


VALUES = st.one_of(
    st.sampled_from(FLOATS),
    st.sampled_from(ABSURD_TEXTS),
    st.sampled_from(
        [0, 1, -1, 2**31, 2**63 - 1, -(2**63), True, False, "/nowhere", ".", "/dev/null"]
    ),
    st.lists(st.sampled_from(FLOATS), max_size=7),
    st.lists(st.sampled_from(["front", "wrist", "", "a b", "\x1b[2J", "front"]), max_size=4),
    st.text(max_size=10),
    st.integers(-5, 100),
    st.floats(-5, 5, width=32),
)


@pytest.mark.parametrize("name", NODES)
def test_no_parameter_ends_a_node_but_with_a_line(name, tmp_path, told):
    """It starts, or says why not and ends with code 2: through `run_node`, as in a process."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with NODES[name](tmp_path) as entry:
        if entry.parameters_type is None:
            return
        names = sorted({*entry.parameters_type.__dataclass_fields__, "use_sim_time", "mispelt"})

        def make() -> Any:
            node = entry.make()
            node.__class__ = type("Once", (type(node),), {"finished": AT_ONCE})
            return node

        @settings(max_examples=STARTS, suppress_health_check=list(HealthCheck), phases=PHASES)
        @given(st.dictionaries(st.sampled_from(names), VALUES, min_size=1, max_size=2))
        def start(values: dict[str, Any]) -> None:
            arguments = parameter_file({**entry.parameters, **values}, tmp_path / "drawn.yaml")
            told()
            code = ros.run_node(make, arguments)
            text = told()
            assert code in (0, 2)
            assert "Traceback" not in text, text
            assert code == 0 or "[FATAL]" in text

        try:
            start()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)


@pytest.mark.parametrize("name", ["record_node", "film_node", "sim_node", "console_node"])
@pytest.mark.parametrize("camera", ["", "a b", "1front", "front/"])
def test_a_camera_that_makes_no_topic_is_one_line(name, camera, tmp_path, told):
    """Found by exploring: `cameras:=['']`."""
    with NODES[name](tmp_path) as entry:
        arguments = parameter_file({**entry.parameters, "cameras": [camera]}, tmp_path / "given")
        code = ros.run_node(entry.make, arguments)
    text = told()
    assert code == 2
    assert "Traceback" not in text
    assert "[FATAL]" in text


@pytest.mark.parametrize("kind", [str, float])
@pytest.mark.parametrize("name", NODES)
def test_the_longest_texts_and_largest_numbers_are_one_line(name, kind, tmp_path, told):
    """Found by exploring: a path that is too long for the system, a delay of 1.7e308 s."""
    most = 5000 * "x" if kind is str else sys.float_info.max
    with NODES[name](tmp_path) as entry:
        fields = entry.parameters_type.__dataclass_fields__ if entry.parameters_type else {}
        names = [field.name for field in fields.values() if isinstance(field.default, kind)]

        def make() -> Any:
            node = entry.make()
            node.__class__ = type("Once", (type(node),), {"finished": AT_ONCE})
            return node

        for parameter in names:
            values = {**entry.parameters, parameter: most}
            code = ros.run_node(make, parameter_file(values, tmp_path / "given"))
            text = told()
            assert "Traceback" not in text, parameter
            assert code in (0, 2), parameter
            assert code == 0 or "[FATAL]" in text


@pytest.mark.parametrize("value", [[0.0], ["a"], [], 3, True, 0.5], ids=str)
@pytest.mark.parametrize(
    ("name", "parameter"),
    [("policy_node", "mode"), ("policy_node", "role"), ("camera_node", "source")],
)
def test_a_parameter_that_decides_over_others_is_one_line(name, parameter, value, tmp_path, told):
    """Found by exploring: `mode:=[0.0]`."""
    with NODES[name](tmp_path) as entry:
        arguments = parameter_file({**entry.parameters, parameter: value}, tmp_path / "given")
        code = ros.run_node(entry.make, arguments)
    text = told()
    assert code == 2
    assert "Traceback" not in text
    assert f"parameter {parameter}" in text


AT_ONCE = property(lambda node: True, lambda node, value: None)  # for a node that ends at once
PARAMETERS = "/**:\n  ros__parameters:"


@pytest.mark.parametrize(
    "content",
    ["{", "a: [", "/**: 3", f"{PARAMETERS} 3", "\x00\x01", f"{PARAMETERS}\n    rate_hz: .nan", ""],
)
def test_a_parameter_file_that_is_none(tmp_path, content):
    path = tmp_path / "damaged.yaml"
    path.write_text(content)
    with NODES["camera_node"](tmp_path) as entry:
        code = ros.run_node(
            lambda: type("Once", (entry.make,), {"finished": AT_ONCE})(),
            ["--ros-args", "--params-file", str(path)],
        )
    assert code in (0, 2)
