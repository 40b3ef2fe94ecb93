"""Stepping, naming, delays, state and faults of the simulation."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.robots.so101 import JOINT_NAMES
from act_sim.simulation import Simulation

MIDDLE = np.array([0.0, -0.8, 0.8, 1.0, -1.5, 0.6])
COMMANDS = MIDDLE + np.random.default_rng(0).uniform(-0.5, 0.5, (30, 6))


@pytest.fixture(scope="module")
def sim() -> Simulation:
    sim = Simulation("pick_place")
    yield sim
    sim.close()


@pytest.fixture(scope="module")
def varied() -> Simulation:
    sim = Simulation("pick_place", level=2)
    yield sim
    sim.close()


def run(sim: Simulation) -> bytes:
    """All states of the episode that has just started, and two images at its end, as bytes."""
    states = []
    for command in COMMANDS:
        sim.step(command)
        states += [sim.data.qpos.tobytes(), sim.data.qvel.tobytes()]
    images = [sim.render(camera, 48, 64).tobytes() for camera in ("front", "wrist")]
    return b"".join([*states, *images])


def run_seed(sim: Simulation, seed: int) -> bytes:
    sim.reset(seed)
    return run(sim)


def test_same_seed_and_commands_give_the_same_bits(varied):
    first = run_seed(varied, 5)
    assert run_seed(varied, 6) != first
    assert run_seed(varied, 5) == first


def test_another_process_gives_the_same_bits(varied):
    code = (
        "import sys; from test_simulation import run_seed; "
        "from act_sim.simulation import Simulation; "
        "sys.stdout.buffer.write(run_seed(Simulation('pick_place', level=2), 5))"
    )
    path = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        check=True,
    )
    assert answer.stdout == run_seed(varied, 5)


def test_a_saved_state_goes_on_bit_by_bit(varied):
    varied.reset(3)
    for command in COMMANDS[:10]:
        varied.step(command)
    state = varied.save()

    def rest() -> tuple[bytes, ...]:
        image = varied.render("front", 48, 64).tobytes()
        reports = [varied.step(command) for command in COMMANDS[10:]]
        return (image, varied.data.qpos.tobytes(), repr(reports[-1]).encode())

    expected = rest()
    varied.reset(4)
    varied.step(COMMANDS[0])
    varied.restore(state)
    assert rest() == expected


def test_a_record_survives_json_and_replays_its_episode(varied):
    expected = run_seed(varied, 8)
    record = json.loads(json.dumps(varied.record))
    varied.reset(9)
    varied.replay(record)
    assert run(varied) == expected


def test_a_record_of_another_task_is_refused(sim):
    record = Simulation("reach").record
    with pytest.raises(ConfigurationError, match="the record is of 'reach' with 6 joints"):
        sim.replay(record)


def test_a_period_is_a_thirtieth_of_a_second(sim):
    sim.reset(0)
    for command in COMMANDS[:15]:
        sim.step(command)
    assert sim.time_s == 0.5
    assert sim.report.steps == 15


def test_at_100_hz_a_period_is_ten_milliseconds():
    sim = Simulation("reach", control_hz=100)
    sim.step(sim.joint_position)
    assert sim.time_s == pytest.approx(0.01)


def test_targets_can_be_named_in_any_order(sim):
    sim.reset(0)
    sim.step(COMMANDS[0])
    expected = sim.joint_position
    sim.reset(0)
    sim.step(COMMANDS[0][::-1], names=JOINT_NAMES[::-1])
    assert np.array_equal(sim.joint_position, expected)


def test_another_arm_is_simulated_within_its_own_limits(tmp_path):
    path = tmp_path / "stick.xml"
    path.write_text(
        "<mujoco><compiler angle='radian'/><worldbody><body name='base'>"
        + "".join(
            f"<body pos='0 0 0.05'><joint name='{name}' axis='0 1 0' range='-1 1.2' damping='1'/>"
            "<geom type='capsule' size='0.01' fromto='0 0 0 0 0 0.05'/>"
            for name in JOINT_NAMES
        )
        + "<geom name='fixed_pad' size='0.01'/><geom name='moving_pad' size='0.01'/>"
        "<site name='grasp'/><camera name='wrist'/>"
        + "</body>" * 7
        + "</worldbody><actuator>"
        + "".join(f"<position name='{name}' joint='{name}' kp='9'/>" for name in JOINT_NAMES)
        + "</actuator></mujoco>"
    )
    sim = Simulation("reach", mjcf=path)
    assert sim.limits.upper_rad.tolist() == [1.2] * 6
    assert sim.step(np.full(6, 0.5)).outcome == "running"
    with pytest.raises(ConfigurationError, match=r"cannot mirror the arm of '.*stick.xml'"):
        Simulation("reach", arms=2, mjcf=path)


def test_two_arms_have_names_of_their_own():
    sim = Simulation("pick_place", arms=2)
    assert sim.joint_names == tuple(
        f"{s}_{name}" for s in ("left", "right") for name in JOINT_NAMES
    )
    assert sim.cameras == ("front", "top", "left_wrist", "right_wrist")


def with_joint(index: int, value: float) -> np.ndarray:
    target = COMMANDS[0].copy()
    target[index] = value
    return target


@pytest.mark.parametrize(
    ("target", "names", "text"),
    [
        (np.zeros(5), None, r"shape \(5,\), expected \(6,\): one target for each of shoulder_pan"),
        (np.zeros((1, 6)), None, r"shape \(1, 6\), expected \(6,\)"),
        (with_joint(2, np.nan), None, "elbow_flex: target nan is not finite"),
        (with_joint(0, np.inf), None, "shoulder_pan: target inf is not finite"),
        (with_joint(5, 2.0), None, r"gripper: target 2.0000 rad is outside its range -0.1745 to"),
        (
            np.zeros(6),
            (*JOINT_NAMES[:5], "griper"),
            "unknown joint 'griper'; did you mean 'gripper'",
        ),
        (np.zeros(5), JOINT_NAMES[:5], "expected each of these once: shoulder_pan"),
        (np.zeros(7), (*JOINT_NAMES, "gripper"), "expected each of these once"),
    ],
)
def test_bad_commands_are_refused_and_change_nothing(sim, target, names, text):
    sim.reset(0)
    before = sim.data.qpos.copy()
    with pytest.raises(ValueError, match=text):
        sim.step(target, names)
    assert np.array_equal(sim.data.qpos, before)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"task": "pik_place"}, "unknown task 'pik_place'; did you mean 'pick_place'?"),
        ({"level": 4}, "randomization level is 4, expected one of 0, 1, 2, 3"),
        ({"level": -1}, "randomization level is -1"),
        ({"arms": 3}, "arms is 3, expected 1 or 2"),
        ({"control_hz": 70}, "control_hz is 70, expected a divisor of 300: 1, 2, 3"),
        ({"control_hz": 0}, "control_hz is 0"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(ConfigurationError, match=text):
        Simulation(**arguments)


@pytest.mark.parametrize("seed", [-1, 1.5, True, "0"])
def test_bad_seeds_are_refused(sim, seed):
    with pytest.raises(ConfigurationError, match="expected an integer of at least 0"):
        sim.reset(seed)


def test_unknown_camera_and_impossible_size_are_refused(sim):
    with pytest.raises(ConfigurationError, match=r"'wirst'; did you mean 'wrist'\? known: front"):
        sim.render("wirst", 48, 64)
    with pytest.raises(ConfigurationError, match="cannot draw 4000x48 pixels: at most 1920x1080"):
        sim.render("front", 48, 4000)
    with pytest.raises(ConfigurationError, match="cannot draw 64x0 pixels"):
        sim.render("front", 0, 64)


def test_images_have_the_size_that_was_asked_for(sim):
    for height, width in ((128, 128), (480, 640), (1080, 1920)):
        image = sim.render("top", height, width)
        assert image.shape == (height, width, 3)
        assert image.dtype == np.uint8
        assert image.std() > 5.0


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("qpos", np.nan, "the state is no longer finite"),
        ("qvel", 1e4, "is beyond 200 rad/s or m/s"),
        ("qvel", np.inf, "the state is no longer finite"),
    ],
)
def test_an_exploding_state_starts_the_episode_again_and_says_so(
    sim, field, value, text, tmp_path, monkeypatch, caplog
):
    monkeypatch.chdir(tmp_path)  # MuJoCo writes a log file
    sim.reset(2)
    start = sim.joint_position
    sim.step(COMMANDS[0])
    getattr(sim.data, field)[3] = value
    report = sim.step(COMMANDS[1])
    assert (report.outcome, report.success, report.finished) == ("fault", False, True)
    assert report.reason.startswith("physics reset: ")
    assert text in report.reason
    assert text in caplog.text
    assert np.array_equal(sim.joint_position, start)
    sim.reset(2)
    assert sim.step(COMMANDS[0]).outcome == "running"


def delayed(sim: Simulation, **changes: int) -> None:
    """Starts the episode of seed 0 with nothing randomized but what is said."""
    record = sim.reset(0)
    neutral = {
        "light": 1.0, "light_direction": [0, 0], "cube_colour": [0] * 3, "bowl_colour": 0,
        "arm_colour": [0] * 3, "table_colour": [0] * 3, "floor_colour": [0] * 3,
        "table_material": 0, "cameras": {}, "cube_size": 1, "cube_mass": 1, "cube_friction": 1,
        "table_friction": 1, "finger_friction": 1, "servo_gain": [1] * 6, "servo_damping": [1] * 6,
        "servo_friction": [1] * 6, "command_delay_steps": 0, "camera_delay_steps": 0,
        "noise": 0.0, "blur": 0.0,
    }  # fmt: skip
    sim.replay(record | {"randomization": neutral | changes})


def test_a_delayed_command_acts_that_much_later(sim):
    """A delay of 25 physics steps: the third period (steps 20 to 29) is the first that moves."""
    target = COMMANDS[0] + [0.5, 0, 0, 0, 0, 0]
    delayed(sim, command_delay_steps=25)
    pans = [sim.joint_position[0]]
    for _ in range(4):
        sim.step(target)
        pans.append(sim.joint_position[0])
    moved = np.abs(np.diff(pans))
    assert moved[:2] == pytest.approx(0.0, abs=1e-6)
    assert moved[2] > 1e-5
    assert moved[3] > 1e-3


def test_a_delayed_camera_shows_the_past(sim):
    """20 physics steps are two periods: the picture now is the one of two steps ago."""
    delayed(sim)
    prompt = [sim.render("front", 48, 64)]
    for command in COMMANDS[:6]:
        sim.step(command)
        prompt.append(sim.render("front", 48, 64))
    delayed(sim, camera_delay_steps=20)
    late = [sim.render("front", 48, 64)]
    for command in COMMANDS[:6]:
        sim.step(command)
        late.append(sim.render("front", 48, 64))
    assert not np.array_equal(prompt[4], prompt[6])
    expected = [prompt[0], prompt[0], *prompt[:5]]
    assert all(np.array_equal(a, b) for a, b in zip(late, expected, strict=True))
