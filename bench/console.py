"""What the console costs, and how soon its e-stop holds the arm.

    python -m bench.console [--seconds 20] [--stops 200]

An arm without physics at 100 Hz, two synthetic cameras of 640x480 at 30 Hz and the console, each in
a process of its own; pages are web sockets that take all they get. Prints one JSON line: cores that
the console's process takes with no page open, with one and with three (twin at 20 Hz, two pictures
at 10 Hz), and the time from a click in a headless Chromium to the e-stop's state, which the arm's
node tells once it is engaged; the arm holds in the control period after that, 10 ms at most. For
pages that fall silent while they drag: the time from their last word to the last command that
moves the arm.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import rclpy
from act_core import ros, topics
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from bench._machine import cpu_name
from bench.console_pictures import BROWSERS, SOFTWARE_GL

SETTLE_S = 4.0
NODES: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("act_sim", "mock_arm_node", "mock_arm", {}),
    ("act_camera", "camera_node", "camera_front", {"camera": "front", "source": "synthetic"}),
    ("act_camera", "camera_node", "camera_wrist", {"camera": "wrist", "source": "synthetic"}),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--stops", type=int, default=200, help="clicks; 0: no browser is needed")
    parser.add_argument(
        "--vanish", type=int, default=20, help="pages that fall silent while they drag; 0: none"
    )
    parser.add_argument(
        "--plain", action="store_true", help="without WebGL, which in software takes a core or more"
    )
    arguments = parser.parse_args()
    os.environ.setdefault("ROS_DOMAIN_ID", "93")
    with ExitStack() as stack:
        for package, program, name, parameters in NODES:
            stack.enter_context(running(package, program, name, parameters))
        console = stack.enter_context(running("act_console", "console_node", "c", {"port": 0}))
        port = int(line_of(console, r"the page: http://127\.0\.0\.1:(\d+)/"))
        found: dict[str, Any] = {"bench": "console", "machine": cpu_name()}
        for pages in (0, 1, 3):
            with looking(port, pages) as got:
                time.sleep(SETTLE_S)
                got.clear()
                found[f"cores_pages_{pages}"] = round(cores(console.pid, arguments.seconds), 4)
                if pages == 1:
                    found |= {f"{kind}_hz": round(got[kind] / arguments.seconds, 1)
                              for kind in ("pose", "picture")}  # fmt: skip
        if arguments.stops:
            stops = stop_times_ms(port, arguments.stops, arguments.plain)
            found |= {"stops": len(stops), "webgl": not arguments.plain}
            found |= {"stop_median_ms": round(float(np.median(stops)), 1),
                      "stop_p99_ms": round(float(np.percentile(stops, 99)), 1),
                      "stop_worst_ms": round(max(stops), 1)}  # fmt: skip
        if arguments.vanish:
            late = vanish_times_ms(port, arguments.vanish)
            found |= {"vanished": len(late),
                      "last_motion_median_ms": round(float(np.median(late)), 1),
                      "last_motion_worst_ms": round(max(late), 1)}  # fmt: skip
        found["load"] = round(os.getloadavg()[0], 1)
    print(json.dumps(found))
    return 0


@contextmanager
def running(
    package: str, program: str, name: str, parameters: dict[str, Any]
) -> Iterator[subprocess.Popen[str]]:
    """A node in a process of its own."""
    pairs = [part for key, value in parameters.items() for part in ("-p", f"{key}:={value}")]
    code = f"import sys; from {package}.{program} import main; sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--ros-args", "-r", f"__node:={name}", *pairs],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20.0)


def line_of(process: subprocess.Popen[str], pattern: str) -> str:
    """The first group of the first line that matches; what comes later is read and dropped."""
    assert process.stdout is not None
    for line in process.stdout:
        if match := re.search(pattern, line):
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return match[1]
    raise RuntimeError("the console has ended")


@contextmanager
def looking(port: int, pages: int) -> Iterator[Counter[str]]:
    """So many pages; what the first one got, by kind."""
    from websockets.sync.client import connect

    got: Counter[str] = Counter()

    def take(channel: Any, notes: Counter[str]) -> None:
        for message in channel:
            notes["picture" if isinstance(message, bytes) else json.loads(message)["k"]] += 1

    with ExitStack() as stack:
        for number in range(pages):
            channel = stack.enter_context(connect(f"ws://127.0.0.1:{port}/live", max_size=None))
            notes = got if number == 0 else Counter()
            threading.Thread(target=take, args=(channel, notes), daemon=True).start()
        yield got


def cores(pid: int, seconds: float) -> float:
    """CPU time of a process in a second, threads included."""
    before_s, began_s = cpu_s(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_s(pid) - before_s) / (time.monotonic() - began_s)


def cpu_s(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Witness(Node):
    """Notes when the e-stop was told to be engaged, by the system's clock."""

    def __init__(self) -> None:
        super().__init__("witness")
        self.engaged_ms: float | None = None
        self.state: bool | None = None
        ros.subscription(self, topics.ESTOP_STATE, self._on_state)

    def _on_state(self, message: Bool) -> None:
        if message.data and not self.state:
            self.engaged_ms = self.get_clock().now().nanoseconds / 1e6
        self.state = message.data


def stop_times_ms(port: int, stops: int, plain: bool) -> list[float]:
    """From a click in the browser to the e-stop's state, both by the system's clock."""
    from playwright.sync_api import sync_playwright

    rclpy.init()
    witness = Witness()
    ending = threading.Event()

    def spin() -> None:
        while not ending.is_set():
            rclpy.spin_once(witness, timeout_sec=0.1)

    spinner = threading.Thread(target=spin)
    spinner.start()
    found: list[float] = []
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=program,
                args=["--no-sandbox", *(("--disable-3d-apis",) if plain else SOFTWARE_GL)],
            )
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{port}")
            page.locator("#estop").wait_for()
            page.locator("#owner b", has_text="policy").wait_for()
            for _ in range(stops):
                release(port)
                wait_for(lambda: witness.state is False, lambda: release(port))
                witness.engaged_ms = None
                clicked_ms = page.evaluate(
                    "() => { const t = performance.timeOrigin + performance.now();"
                    "document.querySelector('#estop').click(); return t; }"
                )
                wait_for(lambda: witness.engaged_ms is not None)
                assert witness.engaged_ms is not None
                found.append(witness.engaged_ms - clicked_ms)
            browser.close()
    finally:
        ending.set()
        spinner.join()
        witness.destroy_node()
        rclpy.try_shutdown()
    return found


class Followed(Node):
    """Notes when a command last moved the arm, by the system's clock."""

    def __init__(self) -> None:
        super().__init__("followed")
        self.moved_ms = 0.0
        self.position: list[float] = []
        ros.subscription(self, topics.JOINT_COMMANDS_APPLIED, self._on_applied)

    def _on_applied(self, message: JointState) -> None:
        moves = np.abs(np.subtract(message.position, self.position or message.position)) > 1e-4
        if moves.any():
            self.moved_ms = self.get_clock().now().nanoseconds / 1e6
        self.position = list(message.position)


def vanish_times_ms(port: int, times: int) -> list[float]:
    """From the last word of a page that drags, whose connection stays open, to the last command
    that moves the arm. What the limiter needs to brake is part of it."""
    from websockets.sync.client import connect

    rclpy.init()
    arm = Followed()
    ending = threading.Event()

    def spin() -> None:
        while not ending.is_set():
            rclpy.spin_once(arm, timeout_sec=0.1)

    spinner = threading.Thread(target=spin)
    spinner.start()
    found: list[float] = []
    try:
        for number in range(times):
            act(port, "return")
            with connect(f"ws://127.0.0.1:{port}/live", max_size=None) as page:
                threading.Thread(target=lambda p=page: [None for _ in p], daemon=True).start()
                wait_for(lambda: bool(arm.position))
                goal = [1.5 if number % 2 else -1.5, *arm.position[1:]]
                begun_ms = arm.get_clock().now().nanoseconds / 1e6
                while arm.moved_ms < begun_ms + 500.0:
                    page.send(json.dumps({"drag": goal}))
                    time.sleep(0.05)
                silent_ms = arm.get_clock().now().nanoseconds / 1e6
                time.sleep(1.0)
                found.append(max(0.0, arm.moved_ms - silent_ms))
    finally:
        ending.set()
        spinner.join()
        arm.destroy_node()
        rclpy.try_shutdown()
    return found


def wait_for(condition: Any, again: Any = None, patience_s: float = 30.0) -> None:
    """``again``: done every second in which the condition does not hold."""
    began_s = time.monotonic()
    next_s = began_s + 1.0
    while not condition():
        now_s = time.monotonic()
        if now_s > began_s + patience_s:
            raise TimeoutError("what is waited for has not come")
        if again is not None and now_s > next_s:
            again()
            next_s = now_s + 1.0
        time.sleep(0.002)


def release(port: int) -> None:
    act(port, "estop", "false")


def act(port: int, name: str, value: str = "null") -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/do/{name}",
        b'{"value": %s}' % value.encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=30.0).read()


if __name__ == "__main__":
    sys.exit(main())
