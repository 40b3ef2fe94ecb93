"""What the tests of this library share; they need nothing of whoever uses it."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

# On a ROS 2 distribution its own launch is tested, elsewhere the one of this library. (Without
# either, a folder of that name passes for a package without a file.)
_launch = find_spec("launch")
if _launch is None or _launch.origin is None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import launch  # noqa: E402

# Shells start background jobs with SIGINT ignored, and children inherit that: tests of Ctrl-C would
# wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A domain of its own for each test run, so that runs beside each other do not meet: a name in the
# abstract namespace of sockets is the lock, and goes with this process. Domains 1-100 leave their
# ports outside Linux's ephemeral range.
for _domain in (1 + (os.getpid() + number) % 100 for number in range(100)):
    _lock = socket.socket(socket.AF_UNIX)
    try:
        _lock.bind(f"\0tests in ROS domain {_domain}")
    except OSError:
        _lock.close()
        continue
    os.environ["ROS_DOMAIN_ID"] = str(_domain)
    break
for _name in ("ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_LOCALHOST_ONLY", "ROS_STATIC_PEERS"):
    os.environ.pop(_name, None)
os.environ.pop("ROS2_NETWORK", None)

# The same examples everywhere, so that a failure is of the change at hand. New ones are looked for
# with HYPOTHESIS_PROFILE=explore; what they find becomes an @example. A busy machine is no failure.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


class Launched(NamedTuple):
    """How a launch went."""

    return_code: int
    log: str  # what it wrote to launch.log


@pytest.fixture(scope="session", autouse=True)
def _log_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep log files out of the user's home; read when the first launch begins."""
    os.environ["ROS_LOG_DIR"] = str(tmp_path_factory.mktemp("ros_log"))
    os.environ.pop("OVERRIDE_LAUNCH_PROCESS_OUTPUT", None)


@pytest.fixture
def environment() -> Iterator[None]:
    """The environment, which launch actions change for good, is restored after the test."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A fresh event loop, which the real launch wants to find as the current one."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def launched(environment: None, loop: asyncio.AbstractEventLoop) -> Callable[..., Launched]:
    """``launched(*entities, argv=())``: launches the entities in this process."""

    def run(*entities: launch.LaunchDescriptionEntity, argv: tuple[str, ...] = ()) -> Launched:
        service = launch.LaunchService(argv=argv, noninteractive=True)
        log = Path(launch.logging.launch_config.get_log_file_path())
        before = log.stat().st_size if log.exists() else 0
        service.include_launch_description(launch.LaunchDescription(entities))
        return_code = service.run()
        return Launched(return_code, log.read_bytes()[before:].decode())

    return run


@pytest.fixture
def ros() -> Iterator[None]:
    """rclpy, initialised for one test and shut down after it."""
    rclpy = pytest.importorskip("rclpy", reason="pip install 'ros-rclpy[fastrtps]'")
    rclpy.init(args=[])
    yield
    rclpy.try_shutdown()


# On a ROS 2 distribution `ros2cli` is the real one, which is not ours to test.
_ours = find_spec("ros2cli") and find_spec("ros2cli.discovery")
collect_ignore_glob = [] if _ours else ["test_ros2_*.py"]


ON_THE_GRAPH = ("topic", "node", "service", "param")


class Finished(NamedTuple):
    """How a `ros2` command ended."""

    code: int
    out: str
    err: str


class Process:
    """A process that a test has started; its output is collected as it comes."""

    def __init__(self, command: list[str]) -> None:
        self.popen = subprocess.Popen(
            command, env=ros2_environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, text: str, count: int = 1, timeout_s: float = 120.0) -> None:
        """Until `text` has been printed `count` times."""
        deadline = time.monotonic() + timeout_s
        while sum(text in line for line in self.lines) < count:
            assert self.popen.poll() is None, f"ended with {self.popen.returncode}: {self.output}"
            assert time.monotonic() < deadline, f"no {text!r} in: {self.output}"
            time.sleep(0.02)

    def end(self, number: int = signal.SIGINT, timeout_s: float = 120.0) -> int:
        """Send a signal and wait; the exit code."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = 120.0) -> int:
        code = self.popen.wait(timeout_s)
        self._reader.join(timeout_s)
        return code


def ros2_environment() -> dict[str, str]:
    """The environment of child processes: finds pip_ros2, with the profile of a user's shell."""
    from ros2cli import network

    folder = str(Path(network.__file__).parent.parent)
    path = os.pathsep.join([folder, *filter(None, [os.environ.get("PYTHONPATH")])])
    profile = str(network.PROFILES[network.HOST])
    return {**os.environ, "PYTHONPATH": path, network.VARIABLE: profile}


@pytest.fixture(scope="session")
def ros2() -> Callable[..., Finished]:
    """``ros2("topic", "list")``: runs the command to its end.

    Commands end as soon as they know what they need; the long wait is for busy machines.
    """

    def run(*words: str) -> Finished:
        waits = ("--spin-time", "30") if words[0] in ON_THE_GRAPH else ()
        done = subprocess.run(
            [sys.executable, "-m", "ros2cli", *words[:2], *waits, *words[2:]],
            env=ros2_environment(), capture_output=True, text=True, timeout=300,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def ros2_at_once(ros2: Callable[..., Finished]) -> Callable[..., list[Finished]]:
    """``ros2_at_once("topic list", "node list")``: side by side, since each mostly waits."""

    def run(*lines: str) -> list[Finished]:
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda line: ros2(*shlex.split(line)), lines))

    return run


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., Process]]:
    """``start("-m", "ros2cli", ...)``: a Python process that is ended with the module."""
    started: list[Process] = []

    def run(*words: str) -> Process:
        started.append(Process([sys.executable, "-u", *words]))
        return started[-1]

    yield run
    for process in started:
        if process.popen.poll() is None:
            process.popen.kill()
        process.wait()
