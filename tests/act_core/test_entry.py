"""Every command from its first moment on: stopped, read by nobody, without its environment."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.ros_rig import PATIENCE_S, pause

ROOT = Path(__file__).resolve().parents[2]
CALL = "from act_core.entry import main_of; import sys; sys.exit(main_of.slow())"

# A library that takes long to import, and that takes an exception for its own trouble.
SLOW = """
    import pathlib, signal
    try:
        pathlib.Path("begun").touch()
        signal.sigtimedwait([], 60)
    except BaseException as error:
        raise ImportError("it cannot be loaded") from error
"""
WAITS = """
    import pathlib, signal

    def main():
        pathlib.Path("begun").touch()
        signal.sigtimedwait([], 60)
"""


def begun(folder: Path, module: str, before: str = "") -> subprocess.Popen:
    """The command of a module in `folder`, once it has come to its "begun"."""
    (folder / "slow.py").write_text(textwrap.dedent(module))
    child = subprocess.Popen(
        [sys.executable, "-c", before + CALL], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])},
        # One that is ignored, as under nohup, would be for the child as well.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )  # fmt: skip
    while not (folder / "begun").exists():
        assert child.poll() is None, child.communicate()
        pause()
    return child


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_while_modules_are_loaded_is_one_line(tmp_path, number):
    child = begun(tmp_path, SLOW)
    child.send_signal(number)
    out, errors = child.communicate(timeout=PATIENCE_S)
    assert (out, errors) == ("", "\nstopped before it began: nothing was changed\n")
    assert child.returncode == 128 + number


def test_ctrl_c_that_a_command_does_not_expect_is_one_line(tmp_path):
    child = begun(tmp_path, WAITS)
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=PATIENCE_S) == ("", "\nstopped\n")
    assert child.returncode == 128 + signal.SIGINT


def test_in_a_folder_that_is_gone_a_command_says_so(tmp_path):
    script = f"import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); {CALL}"
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr == "error: the folder you are in no longer exists: cd to another\n"


def test_in_the_background_it_goes_on(tmp_path):
    """Shells start background jobs with SIGINT ignored."""
    ignored = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    child = begun(tmp_path, SLOW.replace(", 60", ", 0.2") + "\n    main = int", ignored)
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=PATIENCE_S) == ("", "")
    assert child.returncode == 0


TALKS = """
    import pathlib

    def main():
        while True:
            print("y" * 1000)
"""


def test_who_reads_the_output_may_go(tmp_path):
    """``act-report | head``"""
    (tmp_path / "slow.py").write_text(textwrap.dedent(TALKS))
    child = subprocess.Popen(
        [sys.executable, "-c", CALL], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])},
    )  # fmt: skip
    assert child.stdout.read(10) == b"y" * 10
    child.stdout.close()
    assert child.stderr.read() == b""
    assert child.wait(PATIENCE_S) == 128 + signal.SIGPIPE


def entries() -> dict[str, str]:
    """Console script -> the module whose `main` it is to call, of the whole project."""
    found = {}
    for path in ROOT.glob("ros2_ws/src/*/setup.py"):
        for name, place in re.findall(r"([\w-]+) = ([\w.]+:[\w.]+)", path.read_text()):
            assert place.startswith("act_core.entry:main_of."), f"{path}: {name}"
            found[name] = place.partition("main_of.")[2]
    text = (ROOT / "training/act_training/entry.py").read_text()
    modules = dict(re.findall(r"^(\w+) = main_of\.([\w.]+)$", text, re.MULTILINE))
    text = (ROOT / "training/pyproject.toml").read_text()
    for name, place in re.findall(r'^(act-[\w-]+) = "([\w.]+:\w+)"', text, re.MULTILINE):
        assert place == f"act_training.entry:{name.replace('-', '_')}"
        found[name] = modules[name.replace("-", "_")]
    return found


@pytest.mark.parametrize(("name", "module"), entries().items())
def test_every_command_begins_in_this_way(name, module):
    place = f"{module.replace('.', '/')}.py"
    path = next(
        found for root in ("ros2_ws/src/*", "training") for found in ROOT.glob(f"{root}/{place}")
    )
    assert re.search(r"^def main\(", path.read_text(), re.MULTILINE), name


@pytest.mark.parametrize("module", ["act_core.entry", "act_training.entry"])
def test_the_beginning_loads_nothing_that_takes_time(module):
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {module}"],
        capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ).stderr  # fmt: skip
    names = {line.rpartition("|")[2].strip() for line in loaded.splitlines()}
    assert names >= {"act_core", "act_core.entry"}
    assert not names & {"numpy", "rclpy", "torch", "yaml", "tyro"}


def test_without_its_environment_a_command_says_what_is_missing():
    """A new shell, in which env.sh was not sourced."""
    code = "from act_training.entry import act_collect; act_collect()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "training")},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: the packages of the workspace are not found; in each new shell, first: "
        f"source {ROOT / 'env.sh'}"
    ]
