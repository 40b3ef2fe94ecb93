"""Folders wherever fsspec reads (s3://, gs://, az://, sftp:// ...): copied to this disk, each file
once.

    ~/.cache/act_so101/3f9c0e81a2b4c6d8/pick_place/      of s3://bucket/pick_place
      .copied.json                                       file -> what told its content apart

A file that has changed there is copied again, one that is gone there goes here, too. Training maps
frames from the disk into memory, so a dataset may be larger than that.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from act_core.errors import ConfigurationError
from act_core.files import lock, read_json, replacing, write_json
from tqdm import tqdm

from act_training.cli import FULL, CommandError

RECORD_FILE = ".copied.json"
PASSWORD = re.compile(r"[^/]+://[^/@]*:[^/@]*@")
# What one or another file system tells of a file in a listing; not when it was read.
TELLING = ("size", "ETag", "etag", "md5Hash", "generation", "mtime", "LastModified",
           "last_modified", "updated", "created")  # fmt: skip


def copy_of(address: str, cache: Path | None = None) -> Path:
    """The copy of the folder at `address`, as it is there now.

    Args:
        cache: folder of all copies; None: ~/.cache/act_so101 (or below XDG_CACHE_HOME).

    Raises:
        ConfigurationError: fsspec does not know such addresses, or nothing is there.
        CommandError: it cannot be read.
    """
    from fsspec.core import url_to_fs

    if PASSWORD.match(address):
        raise ConfigurationError(
            "an address with a password is refused, as runs record where their data is from: the "
            "file system's own settings (~/.ssh/config, ~/.aws, ...) are the place for it"
        )
    try:
        system, root = url_to_fs(address, use_listings_cache=False)
    except (ImportError, ValueError) as error:  # "Install s3fs to access S3"; no such protocol
        raise ConfigurationError(f"{address}: {error}") from error
    root = root.rstrip("/")
    folder = (cache or _cache()) / hashlib.sha256(address.encode()).hexdigest()[:16]
    folder /= PurePosixPath(root).name or "data"
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder.parent / ".lock", f"the copy of {address}", wait=True):
        try:
            _bring(system, root, folder, address)
        except (ConfigurationError, CommandError):
            raise
        except Exception as error:  # each file system of fsspec has errors of its own
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise CommandError(f"{address} could not be read ({reason})") from error
    return folder


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "act_so101"


def _bring(system: Any, root: str, folder: Path, address: str) -> None:
    found = system.find(root, detail=True)
    there = {path[len(root) + 1 :]: path for path in found if path.startswith(f"{root}/")}
    if not there:
        raise ConfigurationError(f"there is no folder with files at {address}")
    if bad := [name for name in there if not name or {"..", ""} & set(name.split("/"))]:
        raise ConfigurationError(f"{address} holds a file with the name {bad[0]!r}")
    record = folder / RECORD_FILE
    copied: dict[str, str] = read_json(record) if record.is_file() else {}
    try:
        for name in tqdm(sorted(there), desc=folder.name, unit="file", delay=2.0):
            info = found[there[name]]
            key = ", ".join(f"{field} {info[field]}" for field in TELLING if info.get(field))
            if copied.get(name) == key and (folder / name).is_file():
                continue
            with replacing(folder / name) as new:
                system.get_file(there[name], str(new))
            copied[name] = key
        for name in copied.keys() - there.keys():
            (folder / name).unlink(missing_ok=True)
            del copied[name]
    finally:
        write_json(record, copied)  # also of a copy that was stopped
