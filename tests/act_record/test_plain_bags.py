"""`ros2 bag play` plays our recordings; what `ros2 bag record` makes of that converts alike."""

from __future__ import annotations

import shutil
import signal
import subprocess

import numpy as np
import pytest
from act_record.bag_reader import open_bag
from act_training.datasets.bag.source import BagSource
from act_training.datasets.source import Declared

from tests.act_record import bags
from tests.ros_rig import PATIENCE_S

pytestmark = pytest.mark.skipif(
    shutil.which("ros2") is None, reason="run `make setup`: there is no ros2 command"
)
LENGTH_S = 4.0
RATE_HZ = 30.0


def test_played_and_recorded_by_others_it_is_the_same_episode(tmp_path):
    bags.write_bag(tmp_path / "ours", bags.episode(LENGTH_S))
    recorder = subprocess.Popen(
        ["ros2", "bag", "record", "--all", "-o", str(tmp_path / "theirs")],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    while "Recording" not in (line := recorder.stdout.readline()):
        assert line, "the recorder ended"
    played = subprocess.run(
        ["ros2", "bag", "play", str(tmp_path / "ours"), "--delay", "2"],
        capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert played.returncode == 0, played.stdout + played.stderr
    recorder.send_signal(signal.SIGINT)
    output, _ = recorder.communicate(timeout=PATIENCE_S)
    assert open_bag(tmp_path / "theirs").is_whole, output

    direct = BagSource([tmp_path / "ours"], Declared(rate_hz=RATE_HZ)).read(0)
    source = BagSource([tmp_path / "theirs"], Declared(rate_hz=RATE_HZ))
    assert "received on another clock" in source.notes[0]  # its stamps are of years ago
    episode = source.read(0)
    rows = np.searchsorted(direct.stamps_ns, episode.stamps_ns)
    assert len(episode) > 10, source.statistics  # of 120: a busy machine loses pictures
    assert np.array_equal(episode.stamps_ns, direct.stamps_ns[rows])
    assert np.array_equal(episode.joints, direct.joints[rows])
    assert np.array_equal(episode.actions, direct.actions[rows])
    for camera in ("front", "wrist"):
        assert np.array_equal(episode.images[camera], direct.images[camera][rows])
