"""`ros2 launch act_bringup sim.launch.py` as a user types it."""

from __future__ import annotations

import signal
import subprocess

import av
import pytest

from tests.launches import alive, finish, launch, pids_of

FAST = ("use_sim_time:=true", "real_time_factor:=3.0", "width:=64", "height:=48")


def start(*arguments: str) -> subprocess.Popen:
    return launch("sim.launch.py", *arguments)


def test_the_expert_does_the_task_through_the_topics():
    process = start("policy:=expert", "task:=pick_place", "episodes:=2", "seed:=1", *FAST)
    output = finish(process)
    assert process.returncode == 0, output
    assert "episode 2: seed 2: success" in output, output
    assert "2 of 2 episodes succeeded" in output
    assert not any(alive(pid) for pid in pids_of(output))


def test_the_shipped_policy_acts_and_is_filmed(tmp_path):
    process = start("episodes:=1", "seed:=300000", f"film:={tmp_path}")
    output = finish(process)
    assert process.returncode == 0, output
    assert "policy 'so101_pick_place'" in output
    assert "episode 1: seed 300000:" in output, output
    with av.open(str(tmp_path / "demo.mp4")) as film:
        pictures = [picture.to_ndarray(format="rgb24") for picture in film.decode(video=0)]
    assert pictures[0].shape == (480, 640, 3)
    assert len(pictures) > 30
    assert (pictures[-1] != pictures[0]).any()
    assert (tmp_path / "demo.png").stat().st_size > 20_000


def test_a_task_brings_its_two_arms():
    """And three cameras; one such episode in real time."""
    process = start("task:=transfer_cube", "episodes:=1", "seed:=1", "width:=64", "height:=48")
    output = finish(process)
    assert "cameras front, left_wrist, right_wrist" in output, output
    assert process.returncode == 0, output
    assert "1 of 1 episodes succeeded" in output, output


def test_control_c_ends_everything():
    process = start("policy:=none", *FAST)
    lines = []
    while "waiting for commands" not in (line := process.stdout.readline()):
        lines.append(line)
        assert line, "".join(lines)
    process.send_signal(signal.SIGINT)
    output = "".join(lines) + finish(process)
    assert "process has finished cleanly" in output
    assert len(pids_of(output)) == 1
    assert not any(alive(pid) for pid in pids_of(output))


def test_show_args_lists_every_argument():
    output = finish(start("--show-args"))
    for name in ("policy", "task", "level", "episodes", "viewer", "use_sim_time"):
        assert f"'{name}':" in output


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (["task:=pick_plaec"], ["unknown task 'pick_plaec'; did you mean 'pick_place'"]),
        (["policy:=/no/bundle"], ["policy:=/no/bundle", "expected expert, none or the folder"]),
        (["arms:=3"], ["arms", "3", "1", "2"]),
        (["arms:=1", "task:=transfer_cube"], ["the task 'transfer_cube' takes 2"]),
        (["level:=7"], ["got 7, expected 0 to 3"]),
        (["cameras:=frnt"], ["unknown camera 'frnt'; did you mean 'front'"]),
        (["real_time_factor:=2.0"], ["only with publish_clock:=true"]),
    ],
)
def test_what_cannot_be_is_said_and_ends_the_launch(arguments, texts):
    process = start(*arguments)
    output = finish(process)
    for text in texts:
        assert text in output
    for noise in ("Caught exception", "Traceback", "OpenGL_accelerate"):
        assert noise not in output
    assert not any(alive(pid) for pid in pids_of(output))
