"""setup:=... of the launch files: fills in what was not typed, and refuses what no node knows."""

from __future__ import annotations

import pytest
import yaml
from act_bringup.setup_argument import setup_of, with_setup
from launch import LaunchContext
from launch.actions import DeclareLaunchArgument
from launch.utilities import perform_substitutions

KITCHEN = {
    "arm": {"port": "/dev/ttyACM0", "calibration": "my_arm", "p_coefficient": 20},
    "cameras": {"front": {"source": "synthetic", "rotate_deg": 180}},
}


@pytest.fixture
def kitchen(tmp_path, monkeypatch):
    monkeypatch.setenv("ACT_HOME", str(tmp_path))

    def write(content):
        (tmp_path / "kitchen").mkdir(exist_ok=True)
        (tmp_path / "kitchen/setup.yaml").write_text(yaml.safe_dump(content))

    write(KITCHEN)
    return write


def run(typed: dict[str, str], *names: str) -> tuple[dict[str, str], str]:
    """What the arguments are in the end, and what was said."""
    context = LaunchContext()
    context.launch_configurations.update(typed)
    said = []
    pending = with_setup([DeclareLaunchArgument(name, default_value="plain") for name in names])
    while pending:
        entity = pending.pop(0)
        if type(entity).__name__ == "LogInfo":
            said.append(perform_substitutions(context, entity.msg))
        else:
            pending = [*(entity.visit(context) or []), *pending]
    return dict(context.launch_configurations), "\n".join(said)


def test_a_set_up_fills_in_what_was_not_typed(kitchen):
    values, said = run({"setup": "kitchen", "port": "/dev/mine"}, "port", "calibration", "rate_hz")
    assert values["port"] == "/dev/mine"
    assert values["calibration"] == "my_arm"
    assert values["rate_hz"] == "plain"
    assert "cameras" not in values  # no argument of this launch file
    assert "set-up kitchen" in said
    assert said.endswith("calibration:=my_arm")


def test_without_a_set_up_nothing_changes(kitchen):
    values, said = run({}, "port")
    assert (values, said) == ({"setup": "", "port": "plain"}, "")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"arm": {"port": "a", "max_velocity": 1.0}}, "key of arm 'max_velocity'; did you mean"),
        ({"cameras": {"front": {"device": "a", "expsure_ms": 3}}}, "did you mean 'exposure_ms'"),
        ({"cameras": {"front": {"source": "synthtic"}}}, "did you mean 'synthetic'"),
        ({"cameras": {"front": {"file": "a.mp4", "exposure_ms": 3}}}, "key of camera front"),
    ],
)
def test_what_no_node_knows_is_refused_before_any_starts(kitchen, change, says):
    kitchen(KITCHEN | change)
    with pytest.raises(RuntimeError, match=says):
        run({"setup": "kitchen"}, "port")


def test_a_set_up_that_is_not_there_is_refused(kitchen):
    with pytest.raises(RuntimeError, match=r"setup:=kichen: .*did you mean 'kitchen'"):
        run({"setup": "kichen"}, "port")


def test_the_launch_files_can_look_at_it(kitchen):
    context = LaunchContext()
    context.launch_configurations["setup"] = "kitchen"
    assert setup_of(context).arm["p_coefficient"] == 20
