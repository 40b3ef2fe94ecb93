"""What a running graph shows, against the policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from act_core.joints import JointMatcher
from act_core.policy_fit import missing_cameras
from act_core.policy_spec import RGB, ImageInput, PolicySpec
from act_core.policy_units import Reach
from act_core.stamps import TOLERANCE_S, duration
from act_core.timing import NS_PER_S
from act_policy.start_gate import StartGate
from numpy.typing import NDArray

from act_console.check.findings import Finding, fine, note, wrong
from act_console.check.table import size_finding, slow_finding
from act_console.check.view import odd_view

START_WITHIN_RAD = 0.3  # what the launch files ask for


@dataclass
class Stream:
    """What came on one topic.

    age_s: of the newest message by its stamp when it came; None where time is simulated.
    """

    stamps_ns: list[int] = field(default_factory=list)
    age_s: float | None = None
    refused: str | None = None

    @property
    def rate_hz(self) -> float | None:
        """By the stamps; None for fewer than three messages."""
        span_ns = self.stamps_ns[-1] - self.stamps_ns[0] if self.stamps_ns else 0
        return (len(self.stamps_ns) - 1) * NS_PER_S / span_ns if span_ns > 0 else None


@dataclass
class Graph:
    """What was seen of a running graph.

    joints, position: the names of the newest joint state, and where they are.
    images: the newest picture of each camera, (H, W, 3).
    there: cameras that anybody publishes.
    commanders: who can send joint commands.
    doubts: what else a person should know.
    """

    runs: bool = False
    joints: Sequence[str] = ()
    position: Sequence[float] = ()
    joint_stream: Stream = field(default_factory=Stream)
    cameras: dict[str, Stream] = field(default_factory=dict)
    images: dict[str, NDArray[Any]] = field(default_factory=dict)
    there: list[str] = field(default_factory=list)
    estopped: bool = False
    commanders: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def check_graph(
    spec: PolicySpec, graph: Graph, known: Mapping[str, NDArray[np.uint8]], folder: str
) -> Iterator[Finding]:
    """Joints, cameras, rates, clocks, start pose.

    known: recorded pictures by camera, see `odd_view`.
    folder: of the bundle, for remedies.
    """
    if not graph.runs:
        yield note(
            "graph", "no arm runs here: what is live was not compared",
            "start the arm (policy:=none) and check again",
        )  # fmt: skip
        return
    yield from _joints(spec, graph, folder)
    there = ", ".join(graph.there) or "none"
    missing = missing_cameras(spec.cameras, graph.there, f"the running graph ({there})")
    if missing is not None:
        yield wrong("cameras", missing, "start it, or call it as the policy does")
    for image in spec.image_inputs:
        if image.camera in graph.there:
            yield from _camera(spec, image, graph, known)
    if graph.estopped:
        yield wrong("e-stop", "it is engaged", "ros2 service call /estop std_srvs/srv/SetBool "
                    "'{data: false}'")  # fmt: skip
    if graph.commanders:
        yield note(
            "commands", f"{', '.join(graph.commanders)} can send joint_commands",
            "if that is not the policy itself: two who command at once make the arm hold",
        )  # fmt: skip
    for doubt in graph.doubts:
        yield note("graph", doubt)


def _joints(spec: PolicySpec, graph: Graph, folder: str) -> Iterator[Finding]:
    stream = graph.joint_stream
    if not graph.joints:
        yield wrong("joints", "joint_states has a publisher, but nothing came", "look at its log")
        return
    try:
        here = JointMatcher(spec.joint_input.joints).read(graph.joints, graph.position, ())
    except ValueError as error:
        yield wrong("joints", f"{error}; the policy sees {', '.join(spec.joint_input.joints)}",
                    "choose a policy of this robot")  # fmt: skip
        return
    beyond = Reach(spec.joint_input.joints).beyond(here.position)
    if beyond is not None:
        yield wrong("units", f"joint_states has {beyond}", "publish radians")
        return
    yield fine("joints", "joint_states tells of all that the policy sees")
    yield from _late("joint_states", stream)
    try:
        refusal = StartGate(spec, START_WITHIN_RAD).refusal(here.position)
    except ValueError as error:
        refusal = str(error)
    if spec.start is not None and refusal is not None:
        yield wrong("start", refusal, f"ros2 run so101_driver move_node --ros-args -p "
                    f"start_of:={folder}")  # fmt: skip
    elif spec.start is not None:
        yield fine("start", "the arm is where the policy's episodes start")


def _camera(
    spec: PolicySpec, wanted: ImageInput, graph: Graph, known: Mapping[str, NDArray[np.uint8]]
) -> Iterator[Finding]:
    camera = wanted.camera
    if wanted.encoding != RGB:
        yield note("cameras", f"{camera} shows depth, which was not compared")
        return
    stream = graph.cameras.get(camera, Stream())
    image = graph.images.get(camera)
    if stream.refused is not None:
        yield wrong("cameras", f"{camera}: {stream.refused}", "publish rgb8 or bgr8")
        return
    if image is None:
        yield wrong("cameras", f"{camera} has a publisher, but no picture came", "look at its log")
        return
    yield size_finding(wanted, *image.shape[:2])
    yield from _late(camera, stream)
    rate_hz = stream.rate_hz
    if rate_hz is not None and rate_hz < 0.8 * spec.rate_hz:
        yield slow_finding(spec, camera, rate_hz)
    odd = odd_view(camera, image, known) if camera in known else None
    if odd is not None and "unlike" in odd:
        yield note("view", odd, "look at the picture: act-evaluate --videos shows the recorded one")
    elif odd is None and camera in known:
        yield fine("view", f"{camera} looks as in the policy's recordings")
    elif odd is not None:
        yield wrong("view", odd, "exchange the cameras' names, or turn it (rotate_deg)")


def _late(what: str, stream: Stream) -> Iterator[Finding]:
    if stream.age_s is None or abs(stream.age_s) <= TOLERANCE_S:
        return
    when = "old" if stream.age_s > 0 else "in the future"
    yield wrong(
        "clocks", f"the stamps of {what} are {duration(abs(stream.age_s))} {when} by the clock of "
        "this computer", "set both clocks (chrony), or stamp with the time of capture",
    )  # fmt: skip
