"""kill -9 at random instants and disks that fill up: what stood before stands after.

A few of each in the ordinary run; HYPOTHESIS_PROFILE=explore makes it 200 kills and 50 full disks
of a recording and as many of an import.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.robots.so101 import JOINT_NAMES
from act_record.bag_reader import open_bag
from act_record.contract import CONTRACT, contract_text
from act_record.episode_recorder import EpisodeRecorder
from act_record.repair import repair
from act_training.datasets.episode_file import read_episode
from rosbag_lite import BagTopic

from tests.act_record import bags
from tests.exploring import EXPLORING

KILLS, FULL_DISKS = (200, 50) if EXPLORING else (3, 2)
SECONDS = 600  # of patience; nothing waits so long

RECORD = """
import resource, sys
from pathlib import Path
from act_record.episode_recorder import EpisodeRecorder, write_outcome
from rosbag_lite import BagTopic
from tests.act_record import bags
from tests.exploring import EXPLORING

out, limit = Path(sys.argv[1]), int(sys.argv[2])
messages = bags.episode(0.6)
kinds = dict.fromkeys((m.topic, m.type_name) for m in messages)
recorder = EpisodeRecorder(out, [BagTopic(*kind) for kind in kinds], {"contract.json": "{}"})
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
print("ready", flush=True)
while True:
    recorder.start()
    for message in messages:
        recorder.write(message.topic, message.data, message.log_ns)
    recording = recorder.stop()
    try:
        write_outcome(recording.folder, success=True, messages=recording.messages)
    except OSError:
        assert recording.problem
    if recording.problem:
        print("problem", recording.problem, flush=True)
        break
    print("kept", recording.folder.name, recording.messages, flush=True)
"""

IMPORT = """
import os, random, resource, signal, sys, time
from pathlib import Path
from act_training.import_dataset import ImportOptions, import_dataset

recordings, folder = Path(sys.argv[1]), Path(sys.argv[2])
kills, full, seed = map(int, sys.argv[3:])
rng = random.Random(seed)


def run(out, limit=0):
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        code = 1
        try:
            if limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            import_dataset(ImportOptions("bag", str(recordings), out))
            code = 0
        except OSError:
            code = 3
        finally:
            os._exit(code)
    return child


whole = folder / "whole"
began = time.monotonic()
assert os.waitpid(run(whole), 0)[1] == 0
took_s = time.monotonic() - began
for number in range(kills + full):
    out = folder / f"out{number}"
    if number < kills:
        child = run(out)
        time.sleep(rng.uniform(0, 1.1 * took_s))
        os.kill(child, 9)
        os.waitpid(child, 0)
    else:
        status = os.waitpid(run(out, rng.randrange(100, 150_000)), 0)[1]
        assert os.waitstatus_to_exitcode(status) in (0, 3), status
    assert os.waitpid(run(out), 0)[1] == 0, number
    print(out.name, flush=True)
"""


def started(code: str, *arguments: object) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip


def check(out: Path, kept: dict[str, int]) -> None:
    """Whole episodes are as they were told to be; of the last one stands what came first."""
    expected = bags.episode(0.6)
    for folder in sorted(out.iterdir()):
        if not any(folder.iterdir()):
            continue  # killed between the folder and its file
        bag = open_bag(folder)
        found = list(bag.messages())
        # The bytes between the fields of a message are another process' own.
        assert [m[:2] + m[3:] for m in found] == [m[:2] + m[3:] for m in expected[: len(found)]]
        outcome = folder / "episode.json"
        if folder.name in kept:
            assert len(found) == kept[folder.name]
            assert bag.is_whole
            assert json.loads(outcome.read_text())["messages"] == kept[folder.name]
        elif outcome.exists():
            json.loads(outcome.read_text())
        if not found:
            with pytest.raises(ConfigurationError, match="holds no message|no bag|no folder"):
                repair(folder)
            continue
        repair(folder)
        assert open_bag(folder).is_whole
        assert list(open_bag(folder).messages()) == found
    topics = [BagTopic(*kind) for kind in {(m.topic, m.type_name) for m in expected}]
    recorder = EpisodeRecorder(out, topics)
    before = {path.name for path in out.iterdir()}
    assert recorder.start().name not in before  # and it goes on
    recorder.discard()


@pytest.mark.timeout(3600)
def test_a_killed_recorder_leaves_what_it_had_told_of(tmp_path):
    rng = random.Random(1)
    interrupted = 0
    for number in range(KILLS):
        out = tmp_path / f"out{number}"
        process = started(RECORD, out, 0)
        assert process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0, 1.5))
        process.send_signal(signal.SIGKILL)
        lines = process.communicate(timeout=SECONDS)[0].splitlines()
        told = [line.split() for line in lines if line.endswith("s") or line[-1:].isdigit()]
        kept = {words[1]: int(words[2]) for words in told if words[0] == "kept"}
        if out.exists():  # killed before its first episode
            interrupted += len(list(out.iterdir())) - len(kept)
            check(out, kept)
    assert interrupted or not EXPLORING


@pytest.mark.timeout(3600)
def test_a_full_disk_leaves_what_came_before(tmp_path):
    """A limit on the size of a file stands for the disk: the same call fails, as suddenly."""
    rng = random.Random(2)
    for number in range(FULL_DISKS):
        out = tmp_path / f"out{number}"
        process = started(RECORD, out, rng.randrange(20_000, 700_000))
        output = process.communicate(timeout=SECONDS)[0]
        assert process.returncode == 0
        assert output.count("problem File too large; what came before is kept") == 1
        check(out, {})


@pytest.mark.timeout(3600)
def test_an_import_that_was_stopped_goes_on_to_the_same_dataset(tmp_path):
    contract = {CONTRACT: contract_text("wave", ("front", "wrist"), "raw", 30.0, JOINT_NAMES)}
    for number in range(3):
        bags.write_bag(tmp_path / f"in/episode_{number:06d}", bags.episode(1.5), contract)
    process = started(IMPORT, tmp_path / "in", tmp_path, KILLS, FULL_DISKS, 3)
    output = process.communicate(timeout=20 * SECONDS)[0]
    assert process.returncode == 0
    names = output.split()
    assert len(names) == KILLS + FULL_DISKS
    whole = sorted((tmp_path / "whole").iterdir())
    for name in names:
        # The lock of a process that was killed may stay; it holds nobody up.
        found = sorted(p for p in (tmp_path / name).iterdir() if p.suffix != ".lock")
        assert [path.name for path in found] == [path.name for path in whole]
        for path, other in zip(whole, found, strict=True):
            if path.suffix == ".hdf5":
                one, two = read_episode(path), read_episode(other)
                assert np.array_equal(one.actions, two.actions)
                assert np.array_equal(one.images["front"], two.images["front"])
