"""The recorder behind the node: folders, the thread, a full disk; and when to record."""

from __future__ import annotations

import errno
import json

import pytest
from act_core.errors import ConfigurationError
from act_core.robots.so101 import JOINT_NAMES
from act_record.bag_reader import open_bag
from act_record.contract import attachments, contract_text
from act_record.episode_recorder import EpisodeRecorder, write_outcome
from act_record.episode_watch import Began, Ended, EpisodeWatch
from act_record.repair import repair
from rosbag_lite import BagTopic, BagWriter

from tests.act_record import bags

MESSAGES = bags.episode(1.0)
TOPICS = [BagTopic(*kind) for kind in dict.fromkeys((m.topic, m.type_name) for m in MESSAGES)]


def feed(recorder: EpisodeRecorder) -> None:
    for message in MESSAGES:
        recorder.write(message.topic, message.data, message.log_ns)


def test_episodes_are_numbered_and_complete(tmp_path):
    recorder = EpisodeRecorder(tmp_path / "out", TOPICS, {"contract.json": "{}"})
    feed(recorder)  # between episodes: nobody minds
    for number in range(2):
        assert recorder.start() == tmp_path / f"out/episode_{number:06d}"
        feed(recorder)
        recording = recorder.stop()
        assert (recording.messages, recording.dropped) == (len(MESSAGES), 0)
        assert recording.problem is None
        assert list(open_bag(recording.folder).messages()) == MESSAGES
        assert recording.timeline.counts["joint_states"] == 100
    again = EpisodeRecorder(tmp_path / "out", TOPICS)
    assert again.start().name == "episode_000002"
    assert again.discard().name == "episode_000002"
    assert again.start().name == "episode_000003"
    again.stop()


def test_services_at_the_wrong_time_are_refused(tmp_path):
    recorder = EpisodeRecorder(tmp_path, TOPICS)
    with pytest.raises(ConfigurationError, match="nothing is being recorded"):
        recorder.stop()
    recorder.start()
    with pytest.raises(ConfigurationError, match="already recording episode_000000"):
        recorder.start()
    recorder.discard()
    with pytest.raises(ValueError, match="is not in"):
        recorder.delete(tmp_path.parent)


class FullDisk(BagWriter):
    """The disk is full after 200 messages; 150 were flushed before."""

    def write(self, topic, data, log_ns):
        if self.count == 150:
            self.flush()
        if self.count == 200:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(topic, data, log_ns)


def test_a_full_disk_is_told_and_what_came_before_is_saved(tmp_path):
    recorder = EpisodeRecorder(tmp_path, TOPICS, open_bag=FullDisk)
    folder = recorder.start()
    feed(recorder)
    recording = recorder.stop()
    assert "No space left on device" in recording.problem
    assert f"act-record repair {folder}" in recording.problem
    assert recording.messages == 200
    assert list(open_bag(folder).messages()) == MESSAGES[:150]
    assert repair(folder).messages == 150
    recorder.start()  # and it goes on
    recorder.discard()


def test_a_disk_that_is_too_slow_drops_and_counts(tmp_path):
    smallest = min(len(message.data) for message in MESSAGES)
    recorder = EpisodeRecorder(tmp_path, TOPICS, cache_bytes=smallest - 1)
    recorder.start()
    feed(recorder)
    recording = recorder.stop()
    assert recording.dropped == len(MESSAGES)
    assert list(open_bag(recording.folder).messages()) == []


def test_a_full_disk_is_refused_at_the_start(tmp_path, monkeypatch):
    recorder = EpisodeRecorder(tmp_path, TOPICS)
    monkeypatch.setattr("act_record.episode_recorder.MIN_FREE_BYTES", 10**18)
    with pytest.raises(ConfigurationError, match="free some space"):
        recorder.start()


def test_a_folder_that_cannot_be_written_is_refused_at_the_start(tmp_path):
    (tmp_path / "file").write_text("")
    recorder = EpisodeRecorder(tmp_path / "file/out", TOPICS)
    with pytest.raises(ConfigurationError, match=r"nothing can be recorded to .*: Not a directory"):
        recorder.start()


def test_a_disk_that_is_full_at_once_leaves_no_folder(tmp_path):
    def full(folder, attachments):
        raise OSError(errno.ENOSPC, "No space left on device")

    recorder = EpisodeRecorder(tmp_path, TOPICS, open_bag=full)
    with pytest.raises(ConfigurationError, match="the disk is full; choose another folder"):
        recorder.start()
    assert not recorder.recording
    assert list(tmp_path.iterdir()) == []


class Faulty(BagWriter):
    """Breaks in a way that nobody thought of."""

    def write(self, *arguments):
        raise RuntimeError("what nobody thought of")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_the_writing_thread_is_no_silent_recording(tmp_path):
    recorder = EpisodeRecorder(tmp_path, TOPICS, open_bag=Faulty)
    recorder.start()
    feed(recorder)
    assert "a fault of the recorder (RuntimeError('what nobody" in recorder.stop().problem


def test_two_recorders_in_one_folder_do_not_meet(tmp_path):
    one, two = EpisodeRecorder(tmp_path, TOPICS), EpisodeRecorder(tmp_path, TOPICS)
    assert [one.start().name, two.start().name] == ["episode_000000", "episode_000001"]
    for recorder in (one, two):
        feed(recorder)
        assert recorder.stop().messages == len(MESSAGES)


def test_what_a_person_wrote_beside_a_bag_is_not_replaced(tmp_path):
    (tmp_path / "episode.json").write_text("{oops")
    with pytest.raises(ConfigurationError, match="damaged or no JSON"):
        write_outcome(tmp_path, success=True)
    assert (tmp_path / "episode.json").read_text() == "{oops"


def test_the_contract_and_the_calibration_travel_along(tmp_path):
    text = contract_text("pick_place", ("front", "wrist"), "raw", 30.0, JOINT_NAMES)
    assert json.loads(text)["joints"][0] == "shoulder_pan"
    (tmp_path / "arm.json").write_text('{"shoulder_pan": {}}')
    assert attachments(text, "") == {"contract.json": text}
    both = attachments(text, str(tmp_path / "arm.json"))
    assert both["calibration.json"] == '{"shoulder_pan": {}}'
    (tmp_path / "arm.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"no calibration can be read from .*arm\.json"):
        attachments(text, str(tmp_path / "arm.json"))


def test_outcomes_add_up(tmp_path):
    write_outcome(tmp_path, success=None, task="reach")
    write_outcome(tmp_path, success=True)
    assert json.loads((tmp_path / "episode.json").read_text()) == {"success": True, "task": "reach"}


def test_the_status_tells_when_to_record():
    watch = EpisodeWatch()
    first = {"episode": "0", "task": "reach", "seed": "7", "finished": "false"}
    assert watch.update(first) == [Began("reach")]
    assert watch.update({**first, "grasps_tried": "1"}) == []
    done = {**first, "finished": "true", "success": "true", "message": "success"}
    assert watch.update(done) == [Ended(True, "success")]
    assert watch.update(done) == []
    second = {**first, "episode": "1", "seed": "8"}
    assert watch.update(second) == [Began("reach")]
    assert watch.update({**second, "episode": "2"}) == [Ended(None, "given up"), Began("reach")]


def test_an_episode_that_is_over_when_we_come_is_not_recorded():
    watch = EpisodeWatch()
    assert watch.update({"episode": "3", "finished": "true"}) == []
    assert watch.update({"episode": "4", "finished": "false"}) == [Began("")]
