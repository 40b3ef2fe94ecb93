"""The part ``recorded`` of `bench.takeover`: is a frame lost where the arm changes hands?"""

from __future__ import annotations

import signal
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from act_camera.sources.synthetic import INDEX_BITS, frame_index
from act_core import topics
from act_core.arbiter import PERSON
from act_record.bag_reader import open_bag
from act_record.timeline import Timeline
from rclpy.client import Client
from std_srvs.srv import Trigger
from tqdm import tqdm

from bench._takeover import MockBench, Result, call, mock_arm
from bench.record import CAMERA, RECORDER, missing, start

CAMERA_NAME, WIDTH, HEIGHT, RATE_HZ = "front", 160, 120, 30.0
IMAGES = f"camera/{CAMERA_NAME}/image_raw"
IN_A_BAG = 100  # switches
EDGE_S = 1.0  # before the first one
# A camera waits for no processor; where that is not granted, pictures will be ``not_sent``.
PUNCTUAL = """import contextlib, os
with contextlib.suppress(OSError):
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(45))
"""


class Recorded(Result):
    """What is counted of bags and of the datasets that they become."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def as_values(self) -> dict[str, Any]:
        return {**super().as_values(), **self.counts}


def recorded(switches: int, seed: int) -> Recorded:
    """The part ``recorded``."""
    result = Recorded()
    with tempfile.TemporaryDirectory() as folder:
        processes = [
            start(PUNCTUAL + CAMERA, camera=CAMERA_NAME, source="synthetic", width=WIDTH,
                  height=HEIGHT, rate_hz=RATE_HZ),
            start(RECORDER, out=folder, cameras=f"[{CAMERA_NAME}]", rate_hz=RATE_HZ),
        ]  # fmt: skip
        try:
            with rclpy.init(), mock_arm(seed) as bench:
                progress = tqdm(total=switches, desc="recorded", unit="switch")
                for first in range(0, switches, IN_A_BAG):
                    _ask(bench, topics.RECORD_START)
                    time.sleep(EDGE_S)
                    for _ in range(min(IN_A_BAG, switches - first)):
                        bench.switch(result)
                        progress.update()
                    _ask(bench, topics.RECORD_STOP)
                progress.close()
        finally:
            for process in processes:
                process.send_signal(signal.SIGINT)
            for process in processes:
                process.wait(30)
        for recording in sorted(Path(folder).glob("episode_*")):
            result.counts.update(judge(recording))
    return result


def _ask(bench: MockBench, service: topics.Service) -> None:
    """Of the recorder, which is ready once it has heard everything."""
    client: Client = bench.policy.create_client(Trigger, service.name)
    for _ in range(60):
        try:
            call(client, Trigger.Request())
        except RuntimeError as error:
            why = str(error)
            time.sleep(0.5)
        else:
            return
    raise RuntimeError(why)


def judge(recording: Path) -> dict[str, int]:
    """Of every switch in a bag: whether the dataset's frames around it are consecutive, and whether
    the column ``intervention`` says who had the arm.

    A frame that the camera's own process left out, because the machine was late, is ``not_sent``.
    """
    from act_training.datasets.episode_file import episode_files, read_episode
    from act_training.datasets.importing import import_episodes
    from act_training.import_dataset import ImportOptions, open_source

    bag = open_bag(recording)
    lost, not_sent = (counts[IMAGES] for counts in missing(bag))
    timeline = Timeline.of(bag)
    with tempfile.TemporaryDirectory() as folder:
        options = ImportOptions("bag", str(recording), Path(folder), keep_redo=True)
        record = import_episodes(open_source(recording, "bag", options), Path(folder), {})
        episodes = [read_episode(path) for path in episode_files(Path(folder))]
    consecutive = apart = wrong = frames = switches = 0
    for episode in episodes:
        numbers = [frame_index(image) for image in episode.images[CAMERA_NAME]]
        by_person = [timeline.owner_at(int(at)) == PERSON for at in episode.stamps_ns]
        wrong += int((np.array(by_person) != episode.intervention).sum())
        frames += len(numbers)
        for at in np.flatnonzero(np.diff(episode.intervention.astype(int))):
            switches += 1
            is_next = (numbers[at + 1] - numbers[at]) % (1 << INDEX_BITS) == 1
            consecutive, apart = consecutive + is_next, apart + (not is_next)
    return {
        "frames": frames,
        "pieces": len(episodes),
        "pieces_refused": len(record.refused),
        "switches_in_dataset": switches,
        "consecutive": consecutive,
        "not_consecutive": apart,
        "column_wrong": wrong,
        "pictures_lost": lost,
        "pictures_not_sent": not_sent,
    }
