"""A set-up is asked for: adapters that come and go, and a person that is a list of answers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from act_console import save_setup
from act_console.save_setup import ask_for_setup, stable_name
from act_core.errors import ConfigurationError
from act_core.setup_file import FILE, Setup, folder_of


class Person:
    """Answers in order; what is said and asked is kept."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.heard: list[str] = []

    def say(self, text: str) -> None:
        self.heard.append(text)

    def ask(self, prompt: str) -> str:
        self.heard.append(prompt)
        answer = self.answers.pop(0)
        if callable(answer):
            answer()
            return ""
        return answer

    def watch(self, lines) -> bool:
        raise AssertionError


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Two adapters that can be plugged in, and a folder of calibrations with one in it."""
    monkeypatch.setenv("ACT_HOME", str(tmp_path / "act"))
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path / "calibrations"))
    known = tmp_path / "calibrations/robots/so_follower/my_arm.json"
    known.parent.mkdir(parents=True)
    known.write_text("{}")
    table = SimpleNamespace(plugged=[], folder=tmp_path, commands=[], code=0)
    for name in ("left", "right"):
        (tmp_path / name).touch()
    monkeypatch.setattr(
        save_setup, "usb_ports",
        lambda: [SimpleNamespace(device=str(tmp_path / name)) for name in table.plugged],
    )  # fmt: skip
    monkeypatch.setattr(save_setup, "video_devices", lambda: [])

    def call(command):
        table.commands.append(command)
        return table.code

    table.call = call
    table.before = Setup(folder_of("kitchen") / FILE)
    return table


def test_arms_are_told_apart_as_they_are_plugged_in(table):
    person = Person(
        lambda: table.plugged.append("right"),  # the follower
        "my_arm",
        "y",
        lambda: table.plugged.append("left"),  # the leader
        "new_leader",
        "stack two cups",
    )
    setup = ask_for_setup(table.before, person, table.call)
    right, left = str(table.folder / "right"), str(table.folder / "left")
    assert setup.arm == {"port": right, "calibration": "my_arm"}
    assert setup.leader == {"port": left, "calibration": "new_leader"}
    assert setup.task == "stack two cups"
    assert table.commands == [
        ["so101-setup", "scan", "--port", right],
        ["so101-setup", "scan", "--port", left],
        ["so101-setup", "calibrate", "--port", left, "--name", "new_leader", "--role", "leader"],
    ]
    assert person.answers == []


def test_two_that_are_plugged_in_are_told_apart_by_pulling_one(table):
    table.plugged = ["left", "right"]
    person = Person(
        "",
        lambda: table.plugged.remove("right"),
        lambda: table.plugged.append("right"),
        "my_arm", "n", "",
    )  # fmt: skip
    setup = ask_for_setup(table.before, person, table.call)
    assert setup.arm["port"] == str(table.folder / "right")
    assert any("unplug this arm" in line for line in person.heard)


def test_what_was_answered_before_is_offered_again(table):
    table.plugged = ["right"]
    first = ask_for_setup(table.before, Person("", "my_arm", "n", "wipe the table"), table.call)
    again = ask_for_setup(first, Person("", "", ""), table.call)
    assert again == first


def test_limits_that_were_written_by_hand_stay(table):
    arm = {"port": str(table.folder / "right"), "calibration": "my_arm", "max_velocity_rad_s": 0.5}
    before = Setup(table.before.file, arm=arm)
    assert ask_for_setup(before, Person("", "", ""), table.call).arm == arm


def test_no_arm_is_an_error_that_says_where_to_look(table):
    person = Person("", "", "", "q")
    with pytest.raises(ConfigurationError, match="was not found; `so101-setup find-port` looks"):
        ask_for_setup(table.before, person, table.call)
    assert any("There is no serial USB adapter" in line for line in person.heard)


def test_an_arm_that_is_not_well_ends_it_unless_the_person_goes_on(table):
    table.plugged, table.code = ["right"], 1
    with pytest.raises(ConfigurationError, match="is not well"):
        ask_for_setup(table.before, Person("", "q"), table.call)
    setup = ask_for_setup(table.before, Person("", "", "my_arm", "n", ""), table.call)
    assert setup.arm["calibration"] == "my_arm"


def test_cameras_take_a_picture_and_get_a_name(table, monkeypatch):
    monkeypatch.setattr(save_setup, "video_devices", lambda: ["/dev/video0", "/dev/video2"])
    taken = []

    def take(source, file, device):
        taken.append((source, device))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
        return f"camera {device}"

    monkeypatch.setattr(save_setup, "take_snapshot", take)
    table.plugged = ["right"]
    person = Person("", "my_arm", "n", "front cam", "front", "-", "")
    setup = ask_for_setup(table.before, person, table.call)
    assert setup.cameras == {"front": {"device": "/dev/video0"}}
    assert taken == [("v4l2", "/dev/video0"), ("v4l2", "/dev/video2")]
    assert (setup.folder / "cameras/front.jpg").exists()
    assert any("needs a name of its own" in line for line in person.heard)

    options = {
        "front": {"device": "/dev/video0", "exposure_ms": 12.0},
        "top": {"topic": "/cam/image"},
    }
    again = ask_for_setup(
        Setup(setup.file, arm=setup.arm, cameras=options), Person("", "", "", "-", ""), table.call
    )
    assert again.cameras == options


def test_a_name_that_stays_is_taken_where_there_is_one(tmp_path):
    device, links = tmp_path / "ttyACM0", tmp_path / "by-id"
    device.touch()
    links.mkdir()
    (links / "usb-1a86-if00").symlink_to(device)
    assert stable_name(str(device), [links]) == str(links / "usb-1a86-if00")
    assert stable_name(str(tmp_path / "ttyACM1"), [links]) == str(tmp_path / "ttyACM1")
