"""Logging of the launcher and of what its processes print: screen, launch.log, own files."""

from __future__ import annotations

import logging
import logging.handlers
import os
import socket
import sys
from collections.abc import Mapping
from datetime import datetime
from logging import DEBUG as DEBUG
from logging import INFO as INFO
from pathlib import Path

_SCREEN_FORMAT = "[{levelname}] [{name}]: {message}"
_FILE_FORMAT = "{created:.7f} [{levelname}] [{name}]: {message}"


def _format(variable: str, default: str) -> str:
    """Return the format in an environment variable, in which `\\n` and the like are escapes."""
    given = os.environ.get(variable)
    return given.encode("latin1").decode("unicode_escape") if given else default


class PerLoggerFormatter(logging.Formatter):
    """Formats the records of chosen loggers in their own way.

    The lines of a process are passed on as they are, between the launcher's own messages with
    level and name, through one handler (so that their order is kept).
    """

    def __init__(self, fmt: str, raw: str) -> None:
        super().__init__(fmt, style="{")
        self._raw = logging.Formatter(raw, style="{")
        self.raw_names: set[str] = set()

    def format(self, record: logging.LogRecord) -> str:
        # So that `{msg}`, which formats for the real launch use, is the message too.
        record.msg, record.args = record.getMessage(), None
        if record.name in self.raw_names:
            return self._raw.format(record)
        return super().format(record)


class _Screen(logging.StreamHandler):
    """Writes to the present `sys.stdout`; what it cannot encode is replaced, never an error."""

    def __init__(self) -> None:
        super().__init__(sys.stdout)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        return super().format(record).encode(encoding, "replace").decode(encoding)


class LaunchConfig:
    """The log folder, made when it is first needed, and the handlers for screen and files.

    The folder is `<time>-<host>-<pid>` below $ROS_LOG_DIR, $ROS_HOME/log or ~/.ros/log, and
    `latest` beside it points to the newest.
    """

    # So that a setting that does not exist here is refused by name.
    __slots__ = ("_files", "_log_dir", "_screen", "file_formatter", "screen_formatter")

    def __init__(self) -> None:
        self._log_dir: str | None = None
        self._files: dict[str, logging.Handler] = {}
        self.screen_formatter = PerLoggerFormatter(
            _format("OVERRIDE_LAUNCH_SCREEN_FORMAT", _SCREEN_FORMAT), "{message}"
        )
        self.file_formatter = PerLoggerFormatter(
            _format("OVERRIDE_LAUNCH_LOG_FORMAT", _FILE_FORMAT), "{created:.7f} {message}"
        )
        self._screen = _Screen()
        self._screen.setFormatter(self.screen_formatter)

    @property
    def level(self) -> int:
        """Verbosity of all loggers."""
        return logging.root.getEffectiveLevel()

    @level.setter
    def level(self, level: int) -> None:
        logging.root.setLevel(level)

    @property
    def log_dir(self) -> str:
        """The folder of this launch's log files."""
        if self._log_dir is None:
            self._log_dir = str(_make_log_dir(log_base()))
        return self._log_dir

    @log_dir.setter
    def log_dir(self, log_dir: str | os.PathLike | None) -> None:
        if log_dir is not None and not os.path.isdir(log_dir):
            raise ValueError(f"log folder '{log_dir}' is not a directory")
        self._log_dir = None if log_dir is None else os.fspath(log_dir)

    def get_log_file_path(self, file_name: str = "launch.log") -> str:
        """Return the path of a log file of this launch."""
        return os.path.join(self.log_dir, file_name)

    def get_screen_handler(self) -> logging.Handler:
        """Return the handler for the screen (standard output)."""
        return self._screen

    def get_log_file_handler(self, file_name: str = "launch.log") -> logging.Handler:
        """Return the handler for a log file, the same at every call."""
        if file_name not in self._files:
            handler = logging.handlers.WatchedFileHandler(
                self.get_log_file_path(file_name), encoding="utf-8"
            )
            handler.setFormatter(self.file_formatter)
            self._files[file_name] = handler
        return self._files[file_name]


launch_config = LaunchConfig()


def get_logger(name: str | None = None) -> logging.Logger:
    """Return a logger that writes to the screen and to launch.log."""
    logger = logging.getLogger(name)
    logger.propagate = False
    for handler in (launch_config.get_screen_handler(), launch_config.get_log_file_handler()):
        if handler not in logger.handlers:
            logger.addHandler(handler)
    return logger


def log_launch_config(*, logger: logging.Logger = logging.root) -> None:
    """Log where the log files are and what is logged."""
    logger.info("All log files can be found below %s", launch_config.log_dir)
    logger.info("Default logging verbosity is set to %s", logging.getLevelName(launch_config.level))


def log_base() -> Path:
    """Return the folder of all log folders: $ROS_LOG_DIR, $ROS_HOME/log or ~/.ros/log."""
    base = os.environ.get("ROS_LOG_DIR")
    if not base:
        base = os.path.join(os.environ.get("ROS_HOME") or os.path.join("~", ".ros"), "log")
    return Path(base).expanduser()


def _make_log_dir(base: Path) -> Path:
    now = datetime.now().strftime("%Y-%m-%d-%H-%M-%S-%f")
    log_dir = base / f"{now}-{socket.gethostname()}-{os.getpid()}"
    log_dir.mkdir(parents=True)
    latest = base / "latest"
    if latest.is_symlink() or not latest.exists():
        # Made aside and renamed, so that launches that start together cannot collide.
        fresh = base / f".latest-{os.getpid()}"
        fresh.symlink_to(log_dir, target_is_directory=True)
        fresh.replace(latest)
    return log_dir


_SOURCES = ("stdout", "stderr", "both")
_DESTINATIONS = ("screen", "log", "own_log")
_ALIASES: dict[str, dict[str, set[str]]] = {
    "screen": {"both": {"screen"}},
    "log": {"both": {"log"}, "stderr": {"screen"}},
    "both": {"both": {"log", "screen"}},
    "own_log": {"both": {"own_log"}, "stdout": {"own_log"}, "stderr": {"own_log"}},
    "full": {
        "both": {"screen", "log", "own_log"},
        "stdout": {"own_log"},
        "stderr": {"own_log"},
    },
}


def normalize_output(output: str | Mapping) -> dict[str, set[str]]:
    """Return {'stdout', 'stderr', 'both'} -> destinations for a name or a dictionary.

    Raises ValueError that lists the names, sources and destinations that exist.
    """
    if isinstance(output, str):
        if output not in _ALIASES:
            raise ValueError(f"output '{output}' is not one of {', '.join(_ALIASES)}")
        return {source: set(_ALIASES[output].get(source, ())) for source in _SOURCES}
    normalized: dict[str, set[str]] = {source: set() for source in _SOURCES}
    for source, destinations in output.items():
        if source not in _SOURCES:
            raise ValueError(f"output source '{source}' is not one of {', '.join(_SOURCES)}")
        names = {destinations} if isinstance(destinations, str) else set(destinations)
        for name in sorted(names - set(_DESTINATIONS)):
            raise ValueError(
                f"output destination '{name}' is not one of {', '.join(_DESTINATIONS)}"
            )
        normalized[source] = names
    return normalized


def get_output_loggers(
    process_name: str, output_config: str | Mapping
) -> tuple[logging.Logger, logging.Logger]:
    """Return the loggers for the standard output and standard error of a process.

    `own_log` files are `<process>-stdout.log` and `<process>-stderr.log`, and `<process>.log`
    where it is asked for 'both'.
    """
    output = normalize_output(output_config)
    stdout, stderr = (
        _output_logger(process_name, source, output[source], output["both"])
        for source in ("stdout", "stderr")
    )
    return stdout, stderr


def _output_logger(process_name: str, source: str, own: set[str], both: set[str]) -> logging.Logger:
    logger = logging.getLogger(f"{process_name}-{source}")
    logger.propagate = False
    handlers = []
    if "screen" in own | both:
        launch_config.screen_formatter.raw_names.add(logger.name)
        handlers.append(launch_config.get_screen_handler())
    if "log" in own | both:
        launch_config.file_formatter.raw_names.add(logger.name)
        handlers.append(launch_config.get_log_file_handler())
    files = [f"{logger.name}.log"] if "own_log" in own else []
    files += [f"{process_name}.log"] if "own_log" in both else []
    for file_name in files:
        handler = launch_config.get_log_file_handler(file_name)
        handler.setFormatter(logging.Formatter("{message}", style="{"))
        handlers.append(handler)
    if not handlers:
        handlers.append(logging.NullHandler())  # else Python prints warnings to stderr
    for handler in handlers:
        if handler not in logger.handlers:
            logger.addHandler(handler)
    return logger
