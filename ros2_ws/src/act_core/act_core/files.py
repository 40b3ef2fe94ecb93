"""Files and folders that are replaced whole or not at all, and locks between processes.

``replacing(path)`` gives a place beside ``path`` to write a file or a folder at, and puts what was
written there in place of ``path`` when the block ends. Whatever stops the process before that, what
stood there before still stands. Beside ``path`` (here ``bundle``) there may be

    .bundle.partial   being written, or what the new one replaced: of no use to anybody
    .bundle.new       whole and written to the disk, about to be put in place
    .bundle.old       what stood before, until the new one is in place
    .bundle.lock      held by the process that replaces it; its text says which

A folder that is there is exchanged with the new one in one step (Linux, ``renameat2``). Where the
file system cannot do that, the old one is moved away first; a process that is killed between the
two renames leaves no ``bundle``, but a ``.bundle.new``, which ``settle`` puts in place.
``replacing`` begins with ``settle``; who only reads calls it before.

Locks are ``flock`` locks on files beside the data, so they hold wherever the data is reached from,
and the system frees them when their process ends, however it ends. Processes that were forked while
it was held hold it, too.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from act_core.errors import ConfigurationError
from act_core.foreign_file import parse_json, read_text

LARGEST_JSON = 256 << 20  # bytes; ten times the record of an evaluation of 100,000 episodes
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_NOT_HERE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)  # what file systems without it answer

log = logging.getLogger(__name__)


class InUseError(ConfigurationError):
    """Another process holds the lock; the text says which one and what to do."""


@contextmanager
def lock(file: Path, what: object, *, wait: bool = False) -> Iterator[None]:
    """Holds the lock on ``file``, which is made for it and gone afterwards.

    Args:
        file: in a folder that is there.
        what: is protected by it, for the message.
        wait: for the process that holds it (which is logged), instead of raising InUseError.
    """
    descriptor = _take(file, what, wait=wait)
    try:
        os.write(descriptor, f"process {os.getpid()} ({Path(sys.argv[0]).name})".encode())
        yield
    finally:
        with suppress(FileNotFoundError):  # somebody has deleted the whole folder
            file.unlink()  # before it is free: see `_take`
        os.close(descriptor)


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Makes ``folder`` if needed and holds it for this process; InUseError if another does.

    A folder that was made and is empty in the end is removed again.
    """
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with lock(folder / ".lock", f"'{folder}'"):
            yield
    finally:
        if made:
            with suppress(OSError):  # there is something in it, as there should be
                folder.rmdir()


@contextmanager
def replacing(
    path: Path, *, keep: Callable[[str], bool] | None = None, wait: bool = True
) -> Iterator[Path]:
    """The place to write the new file or folder ``path`` at; it replaces the old one at the end.

    An exception in the block leaves the old one as it is. Folders above ``path`` are made, a
    symbolic link is followed. Everything is on the disk (``fsync``) before it is put in place.

    Args:
        keep: which entries of the old folder, by name, to take over unless they were written anew.
        wait: for another process that is replacing it, instead of raising InUseError.
    """
    path = Path(os.path.realpath(path))
    _check_replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with lock(_beside(path, "lock"), f"'{path}'", wait=wait):
        _say(path, _settle(path))
        partial = _beside(path, "partial")
        try:
            yield partial
            if path.exists() and path.is_dir() != partial.is_dir():
                kinds = ("folder", "file") if path.is_dir() else ("file", "folder")
                raise FileExistsError(
                    errno.EEXIST, "it is a {}, and a {} was to replace it".format(*kinds), str(path)
                )
            if keep is not None and path.is_dir():
                _take_over([entry for entry in path.iterdir() if keep(entry.name)], partial)
            _sync_tree(partial)
            _put(partial, path)
        finally:
            _settle(path)


def write_file(path: Path, content: str | bytes) -> None:
    """Replaces ``path`` whole; text is written as UTF-8."""
    with replacing(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(path: Path, content: Any, *, indent: int = 1) -> None:
    """Replaces ``path`` by strict JSON (ValueError for NaN and infinity) with a line end."""
    write_file(path, json.dumps(content, indent=indent, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The content of a JSON file; ConfigurationError, naming the file, for anything else.

    Also refused: NaN and infinity, files beyond ``LARGEST_JSON``. OSError where there is no file.
    """
    path.stat()
    try:
        return parse_json(read_text(path, LARGEST_JSON))
    except ConfigurationError as error:
        raise ConfigurationError(f"'{path}' is damaged or no JSON: it {error}") from error


def settle(path: Path) -> None:
    """Finishes or clears away what a killed process has left of ``path``, and logs which.

    Does nothing while a process is at work on it, and needs no right to write if nothing is left.
    """
    path = Path(os.path.realpath(path))
    if any(_beside(path, kind).exists() for kind in ("partial", "new", "old")):
        with suppress(InUseError), lock(_beside(path, "lock"), path):
            _say(path, _settle(path))


def settle_all(folder: Path) -> None:
    """``settle`` for everything in ``folder`` that somebody has been replacing."""
    endings = tuple(f".{kind}" for kind in ("partial", "new", "old"))
    left = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    for name in left:
        if name.startswith(".") and name.endswith(endings):
            settle(folder / name[1:].rpartition(".")[0])


def _take(file: Path, what: object, *, wait: bool) -> int:
    """A descriptor of ``file`` with the lock.

    Who holds the lock deletes the file before letting go, so one that got the lock of a deleted
    file tries again with the new one.
    """
    said = False
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 200, 0).decode(errors="replace")
                holder = holder or "another process"
                if not wait:
                    raise InUseError(
                        f"{what} is in use by {holder}: wait until it is done, or end it"
                    ) from None
                if not said:
                    log.info(f"waiting for {holder}, which uses {what}")
                    said = True
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except OSError as error:
                raise OSError(
                    error.errno,
                    f"{what} cannot be locked, its file system knows no locks ({error.strerror}): "
                    "put it on another disk, or mount this one with locks",
                    str(file),
                ) from error
            if _is_there(descriptor, file):
                os.ftruncate(descriptor, 0)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_there(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(file))
    except FileNotFoundError:
        return False


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{kind}")


def _check_replaceable(path: Path) -> None:
    """OSError for folders that cannot be taken from under whoever uses them."""
    if not path.is_dir():
        return
    if os.path.ismount(path):
        raise OSError(errno.EBUSY, "a mounted folder cannot be replaced, name one in it", str(path))
    if Path.cwd().is_relative_to(path):
        raise OSError(
            errno.EBUSY, "the folder that you are in cannot be replaced, leave it first", str(path)
        )


def _settle(path: Path) -> str | None:
    """`settle` by who has the lock; what there was to do."""
    partial, new, old = (_beside(path, kind) for kind in ("partial", "new", "old"))
    done = None
    if new.exists():
        if path.exists():
            _remove(old)
            os.rename(path, old)
        os.rename(new, path)
        done = "put in place what an interrupted process had written whole"
    elif old.exists() and not path.exists():
        os.rename(old, path)
        done = "put back what an interrupted process was about to replace"
    elif partial.exists():
        done = "removed what an interrupted process left unfinished"
    _remove(old)
    _remove(partial)
    return done


def _say(path: Path, done: str | None) -> None:
    if done is not None:
        log.warning(f"'{path}': {done}")


def _put(partial: Path, path: Path) -> None:
    """Puts ``partial`` in place of ``path``; what stood there is at ``partial`` or gone."""
    if not path.is_dir():
        os.replace(partial, path)
    elif not _exchange(partial, path):
        new, old = _beside(path, "new"), _beside(path, "old")
        os.rename(partial, new)
        os.rename(path, old)
        os.rename(new, path)
        _sync(path.parent)
        _remove(old)
        return
    _sync(path.parent)


def _exchange(a: Path, b: Path) -> bool:
    """Exchanges two names in one step; False where system or file system cannot."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    names = os.fsencode(a), os.fsencode(b)
    if renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NOT_HERE:
        return False
    raise OSError(code, os.strerror(code), str(a), None, str(b))


def _take_over(entries: list[Path], folder: Path) -> None:
    """Hard links (copies where there are none) of ``entries`` in ``folder``."""
    for entry in entries:
        target = folder / entry.name
        if os.path.lexists(target):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.copytree(entry, target, symlinks=True, copy_function=_link)
        else:
            _link(entry, target)


def _link(source: Path | str, target: Path | str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _sync_tree(path: Path) -> None:
    if path.is_dir():
        for root, _, files in os.walk(path):
            for name in files:
                if not os.path.islink(os.path.join(root, name)):
                    _sync(Path(root, name))
            _sync(Path(root))
    else:
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems know no fsync of a folder.
        if error.errno not in _NOT_HERE or not path.is_dir():
            raise
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
