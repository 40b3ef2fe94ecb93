"""Set-ups: what their files say, what is refused, and that nothing is lost when one is saved."""

from __future__ import annotations

import dataclasses

import pytest
import yaml
from act_core.errors import ConfigurationError
from act_core.setup_file import EMULATED, folder_of, names, read_setup

KITCHEN = {
    "arm": {"port": "/dev/ttyACM0", "calibration": "my_arm", "max_velocity_rad_s": 1.5},
    "leader": {"port": "/dev/ttyACM1", "calibration": "leader.json"},
    "cameras": {
        "front": {"device": "/dev/video0", "exposure_ms": 15.0},
        "wrist": {"source": "synthetic", "rotate_deg": 180},
        "above": {"topic": "/usb_cam/image_raw"},
    },
    "task": "put the cube into the bowl",
    "episodes": 20,
}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ACT_HOME", str(tmp_path))
    return tmp_path


def made(home, content, name="kitchen"):
    folder = home / name
    folder.mkdir(exist_ok=True)
    text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
    (folder / "setup.yaml").write_text(text)
    return name


def test_a_set_up_stands_for_the_launch_arguments(home):
    setup = read_setup(made(home, KITCHEN))
    assert (setup.name, setup.folder, setup.episodes) == ("kitchen", home / "kitchen", 20)
    assert setup.launch_arguments() == {
        "hardware": "real",
        "port": "/dev/ttyACM0",
        "calibration": "my_arm",
        "max_velocity_rad_s": "1.5",
        "leader_port": "/dev/ttyACM1",
        "leader_calibration": "leader.json",
        "cameras": "front=/dev/video0,wrist=synthetic,above=topic:/usb_cam/image_raw",
    }
    assert setup.camera_options() == {
        "front": {"exposure_ms": 15.0},
        "wrist": {"rotate_deg": 180},
        "above": {},
    }


def test_files_beside_the_set_up_are_found_wherever_one_stands(home):
    made(home, KITCHEN)
    (home / "kitchen" / "leader.json").write_text("{}")
    setup = read_setup("kitchen")
    assert setup.launch_arguments()["leader_calibration"] == str(home / "kitchen/leader.json")
    assert setup.launch_arguments()["calibration"] == "my_arm"


def test_a_path_names_a_set_up_anywhere(home):
    made(home, KITCHEN)
    assert read_setup(str(home / "kitchen")).file == home / "kitchen/setup.yaml"
    other = home / "bench.yaml"
    other.write_text(yaml.safe_dump(KITCHEN))
    assert read_setup(str(other)).name == "bench"


def test_what_is_saved_is_what_is_read(home):
    setup = read_setup(made(home, KITCHEN))
    setup.save()
    assert read_setup("kitchen") == setup
    copy = dataclasses.replace(setup, file=folder_of("lab") / "setup.yaml", task="")
    copy.save()
    assert names() == ["kitchen", "lab"]
    assert read_setup("lab").arm == setup.arm


def test_an_emulated_arm_may_say_how_it_is_simulated(home):
    (home / "shed").mkdir(parents=True)
    file = home / "shed" / "setup.yaml"
    file.write_text("hardware: emulated\ntask: reach\nsimulation: {width: 128, height: 96}\n")
    setup = read_setup("shed")
    assert setup.launch_arguments() == {
        "hardware": "emulated", "task": "reach", "width": "128", "height": "96",
    }  # fmt: skip
    setup.save()
    assert read_setup("shed") == setup


def test_an_emulated_arm_needs_nothing(home):
    setup = read_setup(made(home, {"hardware": EMULATED, "task": "pick_place"}))
    assert setup.launch_arguments() == {"hardware": "emulated", "task": "pick_place"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"arms": {}}, "unknown key 'arms'; did you mean 'arm'?"),
        ({"arm": None}, "arm has no port"),
        ({"arm": ["/dev/ttyACM0"]}, "arm is .*, expected names with a value each"),
        ({"arm": {"port": ["a"]}}, "arm: port is .*, expected a number or text"),
        ({"arm": {"port": "a", "max_velocity_rad_s": float("nan")}}, "max_velocity_rad_s is nan"),
        ({"leader": {"prt": "x"}}, "unknown key of leader 'prt'; did you mean 'port'?"),
        ({"leader": {"port": "/dev/ttyACM0"}}, "the leader needs a port of its own"),
        ({"leader": {"calibration": "x"}}, "the leader needs a port of its own"),
        ({"hardware": "reel"}, "hardware is 'reel', expected real or emulated"),
        ({"simulation": {"width": 99}}, "hardware is real: there is no simulation"),
        ({"simulation": {"levels": 2}}, "'levels'; did you mean 'level'"),
        ({"hardware": "emulated"}, "hardware is emulated: cameras, ports and leader"),
        ({"cameras": {"front cam": {"device": "a"}}}, "'front cam' cannot be the name of a camera"),
        ({"cameras": {"front": {}}}, "camera front: expected one of device, .*, found none"),
        ({"cameras": {"front": {"device": "a", "topic": "b"}}}, "found device and topic"),
        ({"cameras": {"front": {"device": "a,b"}}}, "expected no comma"),
        ({"cameras": {"front": "/dev/video0"}}, "camera front is '/dev/video0'"),
        ({"episodes": 0}, "episodes is 0, expected a number of at least 1"),
        ({"episodes": True}, "episodes is True"),
        ({"task": 7}, "task is 7, expected one line of words"),
    ],
)
def test_what_cannot_be_is_refused_by_name(home, change, says):
    with pytest.raises(ConfigurationError, match=says) as refused:
        read_setup(made(home, KITCHEN | change))
    assert str(home / "kitchen/setup.yaml") in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "- a", "a: [", "a: &x [*x]", "\x00", "arm: !!python/object:os {}", "x" * 200_000]
)
def test_what_is_no_set_up_is_refused(home, text):
    with pytest.raises(ConfigurationError, match=r"set-up .*setup.yaml: "):
        read_setup(made(home, text))


def test_a_name_that_is_not_there_is_told_what_is(home):
    with pytest.raises(ConfigurationError, match=r"none at all in .*so101-setup save kitchen"):
        read_setup("kitchen")
    made(home, KITCHEN)
    with pytest.raises(ConfigurationError, match="did you mean 'kitchen'"):
        read_setup("kitchn")
    for name in ("..", "a b", "", "-x"):
        with pytest.raises(ConfigurationError, match="cannot be the name of a set-up"):
            read_setup(name)
