"""The console as a user starts it."""

from __future__ import annotations

import os
import re
import signal
import urllib.request

import pytest

from tests.launches import finish, launch


def test_the_launch_file_tells_the_link_and_ends_with_ctrl_c():
    pytest.importorskip("nicegui", reason="run `make setup`: nicegui is not installed")
    process = launch("console.launch.py", "console_port:=0")
    seen = ""
    for line in process.stdout:
        seen += line
        if "the page:" in line:
            break
    link = re.search(r"the page: (\S+)", seen)
    assert link is not None, seen
    with urllib.request.urlopen(link[1], timeout=60.0) as answer:
        assert answer.status == 200
    os.killpg(process.pid, signal.SIGINT)
    seen += finish(process)
    assert process.returncode == 0, seen
