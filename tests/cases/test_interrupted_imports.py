"""Imports that are killed, run out of disk, are stopped by a person, or run twice at once.

What stood before stands after, and the next run goes on. The work is done by processes forked from
one that has loaded everything and touched nothing, see `HARNESS`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from act_training.cli import run_command
from act_training.datasets import importing
from act_training.datasets.episode_file import episode_files, read_episode
from act_training.import_dataset import ImportOptions, import_dataset, import_source

from tests.cases.foreign_datasets import arm_degrees, make_dataset
from tests.exploring import EXPLORING

ROOT = Path(__file__).resolve().parents[2]
KILLS = 60 if EXPLORING else 4  # bench.kills has more of them

HARNESS = """
    import json, logging, os, random, resource, signal, sys, time
    from pathlib import Path
    from act_core.errors import ConfigurationError
    from act_training.datasets.episode_file import read_episode
    from act_training.import_dataset import ImportOptions, import_source
    from tests.cases.foreign_datasets import arm_degrees, make_dataset

    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    logging.disable()
    os.environ["TQDM_DISABLE"] = "1"

    def moved(episode, steps):
        return arm_degrees(episode, steps) + episode % 2

    def child(work, *, most_bytes=None):
        pid = os.fork()
        if pid == 0:
            os.setpgrp()
            if most_bytes is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
            status = 1
            try:
                work()
                status = 0
            except ConfigurationError:
                status = 2
            except OSError as error:
                status = 3 if error.errno in (27, 28) else 4
            finally:
                os._exit(status)
        return pid

    def ended(pid):
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def work(source, out, **said):
        return lambda: import_source(
            ImportOptions("auto", str(folder / source), out=folder / out, units="degrees", **said)
        )

    def state(out):
        found = {}
        for path in sorted((folder / out).glob("episode_*.hdf5")):
            episode = read_episode(path)
            found[path.name] = episode.source + str(episode.images["front"].sum())
        return found

    make_dataset(folder / "before/d", lengths=(5,) * 8)
    make_dataset(folder / "after/d", lengths=(5,) * 6, state=moved)
    assert ended(child(work("before/d", "old"))) == 0
    started = time.monotonic()
    assert ended(child(work("after/d", "new"))) == 0
    took = time.monotonic() - started
    old, new = state("old"), state("new")
    wrong = []
    chance = random.Random(1)
    for kill in range(kills):
        out = f"killed{kill}"
        assert ended(child(work("before/d", out))) == 0
        pid = child(work("after/d", out))
        time.sleep(chance.uniform(0, 1.2 * took))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        for name, content in state(out).items():
            if content not in (old.get(name), new.get(name)):
                wrong.append(f"kill {kill}: {name} is neither the old nor the new one")
        kept = {*state(out).values()}
        for path in (folder / out).glob("set_aside/*"):
            os.link(path, folder / out / f"episode_9{path.name.replace('.', '')}.hdf5")
        if not {*old.values()} <= {*state(out).values()}:
            wrong.append(f"kill {kill}: an episode that stood before is lost")
        for path in (folder / out).glob("episode_9*"):
            path.unlink()
        if ended(child(work("after/d", out))) != 0 or state(out) != new:
            wrong.append(f"kill {kill}: the next run did not go on")
    for most in (0, 5_000, 12_000):
        out = f"full{most}"
        assert ended(child(work("before/d", out))) == 0
        status = ended(child(work("after/d", out), most_bytes=most))
        if status not in (0, 3):
            wrong.append(f"full disk at {most}: status {status}")
        if any(c not in (old.get(n), new.get(n)) for n, c in state(out).items()):
            wrong.append(f"full disk at {most}: an episode is not whole")
        if ended(child(work("after/d", out))) != 0 or state(out) != new:
            wrong.append(f"full disk at {most}: the next run did not go on")
    twice = [child(work("after/d", "twice")) for _ in range(3)]
    ends = sorted(map(ended, twice))
    if ends[0] != 0 or any(end not in (0, 2) for end in ends) or state("twice") != new:
        wrong.append(f"three at once: {ends}")
    said = {"format": "lerobot"}
    twice = [child(work("after/d", "shared", **said)) for _ in range(2)]
    ends = sorted(map(ended, twice))
    if ends[0] != 0 or ends[1] not in (0, 2):
        wrong.append(f"two exports at once: {ends}")
    if ended(child(work("shared", "back"))) != 0 or len(state("back")) != len(new):
        wrong.append("what two exports at once left cannot be read")
    left = [p.name for out in ("twice", "full0") for p in (folder / out).iterdir()
            if p.name.startswith(".")]
    print(json.dumps({"wrong": wrong, "left": left, "took": took}))
"""


def test_what_stood_before_stands_after(tmp_path):
    """Kills at random instants, three sizes of a full disk, three imports at once."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(HARNESS), str(tmp_path), str(KILLS)],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["wrong"] == []
    assert report["left"] == []


def test_a_stop_by_the_person_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    source, out = make_dataset(tmp_path / "d"), tmp_path / "out"
    write, written = importing.write_episode, []

    def stop_at_the_second(path, episode):
        if written:
            raise KeyboardInterrupt
        write(path, episode)
        written.append(path)

    arguments = ["auto", str(source), "--out", str(out), "--units", "degrees"]
    with monkeypatch.context() as patch:
        patch.setattr(importing, "write_episode", stop_at_the_second)
        with pytest.raises(SystemExit) as stopped:
            run_command(import_source, ImportOptions, kept=kept_text(), args=arguments)
    assert stopped.value.code == 130
    assert "the same command goes on there" in capsys.readouterr().err
    assert len(episode_files(out)) == 1
    assert import_dataset(ImportOptions("auto", str(source), out=out, units="degrees")).kept == 1


def kept_text():
    """What `act-import` itself says: its main passes it to run_command."""
    import act_training.import_dataset as command

    said = {}
    original = command.run_command
    try:
        command.run_command = lambda *_, **named: said.update(named)
        command.main()
    finally:
        command.run_command = original
    return said["kept"]


def test_an_import_that_is_run_again_touches_nothing(tmp_path):
    source, out = make_dataset(tmp_path / "d"), tmp_path / "out"
    options = ImportOptions("auto", str(source), out=out, units="degrees")
    import_dataset(options)
    before = {path: path.stat().st_mtime_ns for path in episode_files(out)}
    assert import_dataset(options).kept == 2
    assert {path: path.stat().st_mtime_ns for path in episode_files(out)} == before
    assert read_episode(episode_files(out)[0]).joints.shape == arm_degrees(0, 5).shape
