"""Collection and evaluation on a real Ray cluster of this machine, with two workers.

One of them is killed in the middle of an episode; what comes out is what one process makes."""

from __future__ import annotations

import dataclasses
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from act_core.errors import ConfigurationError
from act_training import ray_pool
from act_training.cli import CommandError
from act_training.collect import CollectOptions, collect
from act_training.evaluate import EvaluateOptions, evaluate
from act_training.ray_pool import difference, versions

from tests.training.commands import files, wait_for

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "policies" / "so101_pick_place"
TOKEN = secrets.token_hex(32)
WITHOUT_RAY = "Ray is optional (80 MB): pip install 'ray>=2.60,<3'"

MORTAL = """
import os, signal
from pathlib import Path
import gymnasium
from own_environment import Dot

class Mortal(Dot):
    def reset(self, *, seed=None, options=None):
        mark = Path(__file__).with_name("killed")
        if seed == 5 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().reset(seed=seed, options=options)

gymnasium.register("MortalDot-v0", entry_point=Mortal, max_episode_steps=40)
"""
HURRY = """
from act_sim.task_registry import register_task
from act_sim.tasks.reach import Reach

@register_task("hurry_elsewhere")
class Hurry(Reach):
    time_limit_s = 0.1
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def modules(tmp_path_factory) -> Path:
    """A folder on the path of the workers."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "mortal_dot.py").write_text(MORTAL)
    return folder


@pytest.fixture(scope="module")
def cluster(modules) -> Iterator[str]:
    """Its address; it listens to the network, so whoever asks for work needs a token."""
    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_AUTH_MODE", "token")  # which Ray reads when it is imported
    patch.setenv("RAY_AUTH_TOKEN", TOKEN)
    pytest.importorskip("ray", reason=WITHOUT_RAY)
    port, folder = free_port(), mkdtemp(prefix="ray", dir="/tmp")  # a socket's path is short
    path = os.pathsep.join([str(modules), str(ROOT / "examples"), *filter(None, sys.path)])
    head = subprocess.Popen(
        [Path(sys.executable).with_name("ray"), "start", "--head", "--block", "--num-cpus", "2",
         "--port", str(port), "--node-ip-address", "127.0.0.1", "--include-dashboard", "false",
         "--dashboard-agent-listen-port", str(free_port()),
         "--ray-client-server-port", str(free_port()),
         "--disable-usage-stats", "--temp-dir", folder],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    try:
        wait_for(lambda: answers(port), head)
        yield f"127.0.0.1:{port}"
    finally:
        head.terminate()
        head.wait()
        patch.undo()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_killed_worker_loses_nothing(cluster, modules, tmp_path, monkeypatch, caplog):
    """The process of seed 5 is killed with SIGKILL; the dataset is that of one process, to the
    last bit."""
    for folder in (ROOT / "examples", modules):
        monkeypatch.syspath_prepend(folder)
    asked = CollectOptions(
        env="gym/mortal_dot:MortalDot-v0", episodes=8, noise=1.0, out=tmp_path / "ray", ray=cluster
    )
    with caplog.at_level("INFO"):
        trials = collect(asked)
    assert (modules / "killed").exists()
    assert "2 workers on " in caplog.text
    assert [trial.success for trial in trials] == [True] * 8
    collect(dataclasses.replace(asked, out=tmp_path / "one", ray=None, workers=1))
    assert files(tmp_path / "ray") == files(tmp_path / "one")


def test_results_are_those_of_one_process(cluster, tmp_path):
    """The bundle is brought to the workers."""
    task = tmp_path / "hurry.py"
    task.write_text(HURRY)
    asked = EvaluateOptions(
        SHIPPED, tmp_path / "out", env=f"so101/{task}:Hurry", episodes=2, ray=cluster
    )
    (found,) = evaluate(asked)
    (alone,) = evaluate(dataclasses.replace(asked, out=tmp_path / "one", ray=None, workers=1))
    assert found == alone
    assert [result.seed for result in found.results] == [100_000, 100_001]


def test_what_goes_wrong_on_a_machine_is_said_with_its_name(cluster, tmp_path, monkeypatch):
    """The environment's module is on the path of this process alone."""
    for folder in (ROOT / "examples", tmp_path):
        monkeypatch.syspath_prepend(folder)
    (tmp_path / "here_alone.py").write_text(MORTAL.replace("Mortal", "Lonely"))
    asked = CollectOptions(env="gym/here_alone:LonelyDot-v0", out=tmp_path / "data", ray=cluster)
    with pytest.raises(CommandError, match=rf"^{socket.gethostname()}: .*here_alone"):
        collect(asked)


def test_a_machine_with_other_versions_is_named_before_anything_runs(
    cluster, tmp_path, monkeypatch
):
    monkeypatch.setattr(ray_pool, "version", lambda _: "0.0")
    text = r"\([\d.]+\) has numpy [\d.]+, here 0.0; .*: the same checkout and `make training`"
    with pytest.raises(ConfigurationError, match=text):
        collect(CollectOptions(env="so101/reach", episodes=1, out=tmp_path / "data", ray=cluster))
    assert not (tmp_path / "data").exists()


def test_a_machine_is_refused_for_what_differs():
    here = versions()
    assert difference(here, here) is None
    assert difference({**here, "mujoco": "3.3.0", "Python": "3.9.0"}, here) == (
        f"has Python 3.9.0, here {here['Python']}; mujoco 3.3.0, here {here['mujoco']}: "
        "the same checkout and `make training` on every machine"
    )


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("127.0.0.1:{port}", r"nobody answers there \(.*ray start --head --port 6379"),
        ("10.0.0.5", "--ray 10.0.0.5: expected auto or HOST:PORT, e.g. 10.0.0.5:6379"),
        ("ray://10.0.0.5:10001", "expected auto or HOST:PORT"),
    ],
)
def test_where_there_is_no_cluster(address, text):
    with pytest.raises(ConfigurationError, match=text):
        ray_pool._check_address(address.format(port=free_port()))


def test_files_and_folders_are_brought_along(tmp_path):
    (tmp_path / "bundle/deep").mkdir(parents=True)
    (tmp_path / "bundle/deep/a.txt").write_text("a")
    (tmp_path / "bundle/b.txt").write_text("b")
    (tmp_path / "link").symlink_to(tmp_path / "bundle")
    for path in (tmp_path / "bundle", tmp_path / "link"):
        there = ray_pool._unpacked(ray_pool._packed(path), tmp_path / f"{path.name} there")
        assert there.name == "bundle"
        assert files(there) == files(tmp_path / "bundle")
    there = ray_pool._unpacked(ray_pool._packed(tmp_path / "bundle/b.txt"), tmp_path / "file")
    assert there.read_text() == "b"


def test_without_ray_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigurationError, match="Ray is not installed: pip install 'ray>="):
        collect(CollectOptions(env="so101/reach", out=tmp_path / "data", ray="auto"))


def test_only_bundles_go_to_other_machines(tmp_path):
    with pytest.raises(ConfigurationError, match="is no bundle, export it first"):
        evaluate(EvaluateOptions(tmp_path, tmp_path / "out", ray="auto"))
