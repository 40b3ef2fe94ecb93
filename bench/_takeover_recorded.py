"""The part ``recorded`` of `bench.takeover`: is a frame lost where the arm changes hands?

In lockstep, time waits for whoever commands and for the pictures: what is lost was not lost
because this machine was busy.
"""

from __future__ import annotations

import signal
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from act_core import ros, topics
from act_core.arbiter import PERSON
from act_core.robots.so101 import JOINT_NAMES
from act_core.timing import NS_PER_S
from act_record.bag_reader import open_bag
from act_record.timeline import Timeline
from act_sim.sim_node import SimNode
from numpy.typing import NDArray
from rclpy.client import Client
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from tqdm import tqdm

from bench._takeover import APART_RAD, PERIOD_S, call, inside, spinning, wave
from bench.record import RECORDER, start

CAMERA, RATE_HZ = "front", 30.0
TASK = f"{Path(__file__).with_name('_endless_task.py')}:Endless"
IN_A_BAG = 100  # switches
AWAIT_S = 120.0
# A simulation at 100 Hz has pictures after 30, 30 and 40 ms in turn.
NEXT_NS = 45_000_000


class Crew(Node):
    """A policy, and now and then a person: one answer to each state that the simulation tells."""

    def __init__(self, seed: int) -> None:
        super().__init__("crew", use_global_arguments=False)
        self.left = 0  # switches
        self._rng = np.random.default_rng(seed)
        self._state: tuple[int, NDArray[np.float64]] | None = None  # the newest: when, and (6,)
        self._answered_ns, self._asked_s = 0, 0.0
        self._switch_ns = 0  # the next switch is due
        self._by_person = self._begins = False
        self._apart = np.zeros(6)
        self._returning: Any = None  # the answer that is waited for
        self._policy = ros.publisher(self, topics.JOINT_COMMANDS)
        self._person = ros.publisher(self, topics.JOINT_COMMANDS_PERSON)
        self._return: Client = self.create_client(Trigger, topics.CONTROL_RETURN.name)
        ros.subscription(self, topics.JOINT_STATES, self._on_state)
        self.create_timer(0.001, self._answer)

    def ask(self, service: topics.Service) -> None:
        """A service of the recorder, which is ready once it has heard everything."""
        client: Client = self.create_client(Trigger, service.name)
        deadline_s = time.monotonic() + AWAIT_S
        while True:
            try:
                return call(client, Trigger.Request())
            except RuntimeError:
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(0.5)

    def begin(self, switches: int) -> None:
        """So many, the first one in half a second of the simulation."""
        assert self._state is not None
        self._switch_ns, self.left = self._state[0] + NS_PER_S // 2, switches

    @property
    def is_done(self) -> bool:
        """Whether the last one is made, and what follows it is recorded."""
        return not self.left and self._answered_ns >= self._switch_ns

    def _on_state(self, message: JointState) -> None:
        self._state = ros.stamp_ns(message.header.stamp), np.array(message.position)

    def _answer(self) -> None:
        """To the newest state, once; again where a second of this machine brought no other."""
        if self._returning is not None:
            if not self._returning.done():
                return
            self._returning, self._by_person = None, False
        state, now_s = self._state, time.monotonic()
        if state is None or (state[0] <= self._answered_ns and now_s - self._asked_s < 1.0):
            return
        now_ns, where = state
        self._answered_ns, self._asked_s = now_ns, now_s
        if self.left and now_ns >= self._switch_ns and self._change(now_ns, where):
            return
        time_s = now_ns / NS_PER_S
        if self._by_person:
            device = inside(self._apart + 0.1 * np.sin(time_s + np.arange(6)))
            self._person.publish(ros.joint_state(JOINT_NAMES, device, now_ns))
        if not self._begins:  # two answers that are both followed would be two periods
            self._policy.publish(ros.joint_state(JOINT_NAMES, wave(time_s), now_ns))
        self._begins = False

    def _change(self, now_ns: int, where: NDArray[np.float64]) -> bool:
        """The next switch; whether somebody has to be asked first."""
        self.left -= 1
        self._switch_ns = now_ns + round(self._rng.integers(25, 45) * PERIOD_S * NS_PER_S)
        if self._by_person:
            self._returning = self._return.call_async(Trigger.Request())
            return True
        self._apart = where + self._rng.uniform(-APART_RAD, APART_RAD, 6)
        self._by_person = self._begins = True
        return False


class Recorded:
    """What is counted of bags and of the datasets that they become."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def as_values(self) -> dict[str, Any]:
        return dict(self.counts)


def recorded(switches: int, seed: int) -> Recorded:
    """The part ``recorded``."""
    result = Recorded()
    given = {
        "task": TASK, "pacing": "lockstep", "cameras": f"[{CAMERA}]", "width": 64, "height": 48,
        "camera_rate_hz": RATE_HZ,
    }  # fmt: skip
    arguments = [part for name, value in given.items() for part in ("-p", f"{name}:={value}")]
    with tempfile.TemporaryDirectory() as folder:
        recorder = start(
            RECORDER, out=folder, cameras=f"[{CAMERA}]", rate_hz=RATE_HZ, use_sim_time="true"
        )
        try:
            with rclpy.init(args=["--ros-args", *arguments]):
                _drive(switches, seed)
        finally:
            recorder.send_signal(signal.SIGINT)
            recorder.wait(60)
        for recording in sorted(Path(folder).glob("episode_*")):
            result.counts.update(judge(recording))
    return result


def _drive(switches: int, seed: int) -> None:
    sim, crew = SimNode(), Crew(seed)
    progress = tqdm(total=switches, desc="recorded", unit="switch")
    try:
        with spinning(sim, crew):
            for first in range(0, switches, IN_A_BAG):
                crew.ask(topics.RECORD_START)
                left = min(IN_A_BAG, switches - first)
                crew.begin(left)
                while not crew.is_done:
                    time.sleep(0.1)
                    progress.update(left - crew.left)
                    left = crew.left
                crew.ask(topics.RECORD_STOP)
    finally:
        progress.close()
        sim.close()
        for node in (sim, crew):
            node.destroy_node()


def judge(recording: Path) -> dict[str, int]:
    """Of every switch in a bag: whether the dataset's frames around it are consecutive, and whether
    the column ``intervention`` says who had the arm."""
    from act_training.datasets.episode_file import episode_files, read_episode
    from act_training.datasets.importing import import_episodes
    from act_training.import_dataset import ImportOptions, open_source

    timeline = Timeline.of(open_bag(recording))
    pictures = np.diff([frame.stamp_ns for frame in timeline.frames(CAMERA)])
    owners = [owner.owner == PERSON for owner in timeline.owners]
    with tempfile.TemporaryDirectory() as folder:
        options = ImportOptions("bag", str(recording), Path(folder), keep_redo=True)
        record = import_episodes(open_source(recording, "bag", options), Path(folder), {})
        episodes = [read_episode(path) for path in episode_files(Path(folder))]
    counts: Counter[str] = Counter(
        switches=int(np.diff(owners).sum()),
        pictures_lost=int((pictures > NEXT_NS).sum()),
        pieces=len(episodes),
        pieces_refused=len(record.refused),
    )
    for episode in episodes:
        by_person = [timeline.owner_at(int(at)) == PERSON for at in episode.stamps_ns]
        changed = np.flatnonzero(np.diff(episode.intervention.astype(int)))
        is_next = np.diff(episode.stamps_ns)[changed] <= NEXT_NS
        counts["frames"] += len(episode)
        counts["column_wrong"] += int((np.array(by_person) != episode.intervention).sum())
        counts["switches_in_dataset"] += len(changed)
        counts["consecutive"] += int(is_next.sum())
        counts["not_consecutive"] += int((~is_next).sum())
    return counts
