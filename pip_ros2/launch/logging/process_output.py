"""Where the lines that a process prints go: the `output` argument of processes and nodes."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from .launch_config import launch_config

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
