"""The console as its own process, beside nodes of a robot, and a browser that looks at it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.ros_rig import ros_arguments, wait_until

PATIENCE_S = 60.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Software WebGL: the machine has no graphics card.
SOFTWARE_GL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


class Process:
    """A node in a process of its own, and what it has said."""

    def __init__(self, module: str, name: str, **parameters: object) -> None:
        code = f"import sys; from {module} import main; sys.exit(main())"
        self.popen = subprocess.Popen(
            [sys.executable, "-c", code, *ros_arguments(**parameters), "-r", f"__node:={name}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        self.lines += iter(self.popen.stdout.readline, "")

    def said(self, pattern: str) -> str | None:
        """What matches in its output, or its first group."""
        found = re.search(pattern, "".join(self.lines))
        return found and found[found.re.groups and 1]

    def wait_for(self, pattern: str) -> str:
        def there() -> bool:
            assert self.popen.poll() is None or self.said(pattern), "".join(self.lines)
            return self.said(pattern) is not None

        wait_until(there, PATIENCE_S)
        return str(self.said(pattern))

    def ended(self) -> tuple[int, str]:
        """Its exit code and all it said, once it has ended by itself."""
        code = self.popen.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code, "".join(self.lines)

    def close(self) -> None:
        self.popen.terminate()
        try:
            self.popen.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            raise


@contextmanager
def running(module: str, name: str, **parameters: object) -> Iterator[Process]:
    process = Process(module, name, **parameters)
    try:
        yield process
    finally:
        process.close()


class Console:
    """The console's process and the link that it told."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.link = process.wait_for(r"the page: (\S+)")
        self.port = int(re.search(r":(\d+)/", self.link)[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def ask(
        self, path: str = "/", body: Any = None, **headers: str
    ) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers of an answer; redirections are not followed."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        request = urllib.request.Request(
            f"{self.url}{path}",
            data.encode() if isinstance(data, str) else data,
            {name.replace("_", "-"): value for name, value in headers.items()},
        )
        if body is not None and "Content_Type" not in headers:
            request.add_header("Content-Type", "application/json")
        try:
            with _OPENER.open(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read().decode(), _lower(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), _lower(error.headers)

    def act(self, name: str, value: Any = None) -> dict[str, Any]:
        return json.loads(self.ask(f"/do/{name}", {"value": value})[1])


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))


@contextmanager
def console(**parameters: object) -> Iterator[Console]:
    for package in ("rclpy", "nicegui", "uvicorn"):
        pytest.importorskip(package, reason=f"run `make setup`: {package} is not installed")
    parameters = {"port": 0, **parameters}
    with running("act_console.console_node", "act_console", **parameters) as process:
        yield Console(process)


@contextmanager
def browser() -> Iterator[Any]:
    """Starts headless Chromiums, driven by playwright; skips, with the reason, where there is none.

    What it gives takes the browser's arguments; none: WebGL in software.
    """
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="run `make training`: playwright is not installed"
    )
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        begun: list[Any] = []

        def start(*arguments: str) -> Any:
            more = ["--no-sandbox", *(arguments or SOFTWARE_GL)]
            begun.append(playwright.chromium.launch(executable_path=program, args=more))
            return begun[-1]

        yield start
        for chromium in begun:
            chromium.close()
