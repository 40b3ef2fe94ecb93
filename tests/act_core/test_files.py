from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from act_core import files
from act_core.errors import ConfigurationError
from act_core.files import (
    InUseError,
    lock,
    read_json,
    replacing,
    settle,
    settle_all,
    working_in,
    write_file,
    write_json,
)

EVENTS = ("open", "os.", "shutil.", "fcntl.", "pathlib.")


def killed(call: int, work: Callable[[], object]) -> bool:
    """Does `work` in a child that dies by SIGKILL at the `call`-th thing that it asks of the system
    (which raises an audit event before it happens); False when it had finished before that."""
    child = os.fork()
    if child == 0:
        left = call

        def count(event: str, _: object) -> None:
            nonlocal left
            if event.startswith(EVENTS):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        work()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def content(path: Path) -> dict[str, str] | str | None:
    if path.is_dir():
        return {entry.name: entry.read_text() for entry in path.iterdir()}
    return path.read_text() if path.exists() else None


def replace_graph(target: Path, error: Exception | None = None) -> None:
    with replacing(target) as new:
        new.mkdir()
        (new / "graph").write_text("new")
        if error is not None:
            raise error


OLD_FOLDER = {"a": "old", "c": "old", "notes": "mine"}
NEW_FOLDER = {"a": "new", "b": "new", "notes": "mine"}


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_folder_survives_a_kill_at_any_moment(tmp_path, exchanges, monkeypatch):
    if not exchanges:  # a file system that cannot exchange two folders
        monkeypatch.setattr(files, "_exchange", lambda a, b: False)

    def work():
        with replacing(target, keep=lambda name: name == "notes") as new:
            new.mkdir()
            (new / "a").write_text("new")
            (new / "b").write_text("new")

    seen = set()
    for call in itertools.count(1):
        target = tmp_path / str(call) / "bundle"
        target.mkdir(parents=True)
        for name, text in OLD_FOLDER.items():
            (target / name).write_text(text)
        alive = not killed(call, work)
        if exchanges:
            assert content(target) in (OLD_FOLDER, NEW_FOLDER)  # nobody has to put it right
        settle(target)
        assert content(target) in (OLD_FOLDER, NEW_FOLDER), call
        seen.add(content(target)["a"])
        left = {entry.name for entry in target.parent.iterdir()}
        assert left <= {"bundle", ".bundle.lock"}
        if alive:
            break
        with replacing(target, wait=False) as again:  # the lock of the dead is free
            again.mkdir()
            (again / "a").write_text("third")
        assert content(target) == {"a": "third"}
        assert list(target.parent.iterdir()) == [target]
    assert seen == {"old", "new"}
    assert content(target) == NEW_FOLDER


@pytest.mark.parametrize("before", ["old", None])
def test_a_file_survives_a_kill_at_any_moment(tmp_path, before):
    seen = set()
    for call in itertools.count(1):
        target = tmp_path / str(call) / "calibration.json"
        target.parent.mkdir()
        if before is not None:
            target.write_text(before)
        alive = not killed(call, lambda file=target: write_file(file, "new"))
        seen.add(content(target))
        settle_all(target.parent)
        assert {p.name for p in target.parent.iterdir()} <= {target.name, f".{target.name}.lock"}
        if alive:
            break
    assert seen == {before, "new"}


@pytest.mark.parametrize(("rename_number", "stands"), [(1, "old"), (2, "new"), (3, "new")])
def test_an_interruption_while_it_is_put_in_place(tmp_path, monkeypatch, rename_number, stands):
    """Ctrl-C between two renames ends with one of the two in place."""
    rename, calls = os.rename, []

    def interrupted(source, target):
        calls.append(target)
        if len(calls) == rename_number:
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(files, "_exchange", lambda a, b: False)
    monkeypatch.setattr(os, "rename", interrupted)
    target = tmp_path / "bundle"
    target.mkdir()
    (target / "graph").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        replace_graph(target)
    assert content(target) == {"graph": stands}
    assert list(tmp_path.iterdir()) == [target]


def test_what_was_interrupted_is_said(tmp_path, caplog):
    target = tmp_path / "run"
    for name in (".run.partial", ".run.old"):
        (tmp_path / name).mkdir()
    (tmp_path / ".run.old/last").touch()
    settle(target)
    assert "put back what an interrupted process was about to replace" in caplog.text
    assert [p.name for p in target.iterdir()] == ["last"]
    caplog.clear()
    (tmp_path / ".run.partial").mkdir()
    settle_all(tmp_path)
    assert "removed what an interrupted process left unfinished" in caplog.text
    assert list(tmp_path.iterdir()) == [target]
    caplog.clear()
    settle_all(tmp_path)
    assert caplog.text == ""


def test_an_exception_leaves_what_stood_there(tmp_path):
    target = tmp_path / "bundle"
    target.mkdir()
    (target / "graph").write_text("good")
    with pytest.raises(RuntimeError, match="export failed"):
        replace_graph(target, RuntimeError("export failed"))
    assert content(target) == {"graph": "good"}
    assert list(tmp_path.iterdir()) == [target]


def test_nothing_written_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        with replacing(tmp_path / "bundle"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_not_replaced_by_a_folder(tmp_path):
    write_file(tmp_path / "bundle", "a letter")
    with pytest.raises(FileExistsError, match="it is a file, and a folder was to replace it"):
        with replacing(tmp_path / "bundle") as new:
            new.mkdir()
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileExistsError, match="it is a folder, and a file was to replace it"):
        write_file(tmp_path / "folder", "text")
    assert content(tmp_path / "bundle") == "a letter"


def test_what_is_kept_of_the_old_folder(tmp_path):
    target = tmp_path / "bundle"
    (target / ".git/objects").mkdir(parents=True)
    (target / ".git/objects/1").write_text("object")
    (target / "README.md").write_text("mine")
    (target / "link").symlink_to("README.md")
    (target / "graph").write_text("old")
    with replacing(target, keep=lambda name: name != "graph") as new:
        new.mkdir()
        (new / "README.md").write_text("new")
    assert (target / ".git/objects/1").read_text() == "object"
    assert (target / "README.md").read_text() == "new"
    assert os.readlink(target / "link") == "README.md"
    assert not (target / "graph").exists()


def test_a_link_goes_on_pointing_at_its_file(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk/robot.json")
    write_file(tmp_path / "link", "new")
    assert (tmp_path / "disk/robot.json").read_text() == "new"
    assert (tmp_path / "link").is_symlink()


def test_the_folder_that_one_is_in(tmp_path, monkeypatch):
    (tmp_path / "bundle/sub").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "bundle/sub")
    with pytest.raises(OSError, match="the folder that you are in cannot be replaced"):
        with replacing(tmp_path / "bundle") as new:
            new.mkdir()


def test_a_mounted_folder():
    with pytest.raises(OSError, match="a mounted folder cannot be replaced, name one in it"):
        with replacing(Path("/proc")):
            pass


def test_json_is_strict(tmp_path):
    write_json(tmp_path / "record.json", {"rate": 0.5, "name": "Größe"})
    assert json.loads((tmp_path / "record.json").read_text()) == {"rate": 0.5, "name": "Größe"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "record.json", {"rate": float("nan")})
    assert json.loads((tmp_path / "record.json").read_text())["rate"] == 0.5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a": NaN}',
        "[-Infinity]",
        "[1e999]",
        "[" * 100_000,
        '"\xff"',
        "[" + "9" * 9999 + "]",
    ],
)
def test_what_is_no_json_is_one_declared_error(tmp_path, text):
    (tmp_path / "a.json").write_text(text, encoding="latin-1")
    with pytest.raises(ConfigurationError, match=r"a.json' is damaged or no JSON: "):
        read_json(tmp_path / "a.json")


def test_a_huge_file_is_no_json(tmp_path):
    with open(tmp_path / "a.json", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ConfigurationError, match="it is too large: it is larger than 268435456 b"):
        read_json(tmp_path / "a.json")


def test_a_folder_that_was_not_needed_is_gone(tmp_path):
    with working_in(tmp_path / "new"):
        assert (tmp_path / "new").is_dir()
    with working_in(tmp_path / "used"):
        (tmp_path / "used/episode").touch()
    assert [entry.name for entry in tmp_path.iterdir()] == ["used"]


def test_a_folder_is_used_by_one_process(tmp_path):
    other = "from act_core.files import *\nwith working_in(Path(sys.argv[1])): pass"
    command = [sys.executable, "-c", f"import sys\nfrom pathlib import Path\n{other}"]
    with working_in(tmp_path / "data"):
        refused = subprocess.run(
            [*command, str(tmp_path / "data")], capture_output=True, text=True, check=False
        )
        with pytest.raises(InUseError):  # nor by two threads
            with working_in(tmp_path / "data"):
                pass
    assert f"is in use by process {os.getpid()} (" in refused.stderr
    assert "wait until it is done, or end it" in refused.stderr
    assert subprocess.run([*command, str(tmp_path / "data")], check=False).returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_the_second_waits_and_says_so(tmp_path):
    """Four processes add one to a number, 25 times each."""
    code = """
        import sys
        from pathlib import Path
        from act_core.files import lock, write_file
        number = Path(sys.argv[1])
        for _ in range(25):
            with lock(number.with_name("lock"), "the number", wait=True):
                write_file(number, str(int(number.read_text()) + 1))
    """
    number = tmp_path / "number"
    number.write_text("0")
    children = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), str(number)])
        for _ in range(4)
    ]
    assert [child.wait() for child in children] == [0] * 4
    assert number.read_text() == "100"
    assert list(tmp_path.iterdir()) == [number]


def test_waiting_names_the_holder(tmp_path):
    code = """
        import logging, sys
        from pathlib import Path
        from act_core.files import lock
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
        with lock(Path(sys.argv[1]), "the cache", wait=True):
            print("mine")
    """
    with lock(tmp_path / "lock", "the cache"):
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "lock")],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        said = child.stdout.readline()
    assert said.startswith(f"waiting for process {os.getpid()} (")
    assert said.endswith("which uses the cache\n")
    assert child.communicate()[0] == "mine\n"


def test_everything_is_on_the_disk_before_it_is_put_in_place(tmp_path, monkeypatch):
    order = []
    fsync, put = os.fsync, files._put
    monkeypatch.setattr(
        os, "fsync", lambda fd: (order.append(os.readlink(f"/proc/self/fd/{fd}")), fsync(fd))
    )
    monkeypatch.setattr(files, "_put", lambda a, b: (order.append("put"), put(a, b)))
    (tmp_path / "bundle").mkdir()
    with replacing(tmp_path / "bundle") as new:
        (new / "training").mkdir(parents=True)
        (new / "training/log").write_text("log")
        (new / "graph").write_text("graph")
    before, after = order[: order.index("put")], order[order.index("put") + 1 :]
    assert sorted(before) == [
        f"{tmp_path}/.bundle.partial",
        f"{tmp_path}/.bundle.partial/graph",
        f"{tmp_path}/.bundle.partial/training",
        f"{tmp_path}/.bundle.partial/training/log",
    ]
    assert after == [str(tmp_path)]
