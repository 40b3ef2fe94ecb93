"""Pictures of every tab of the console, light and dark, on a desk's screen and on a telephone.

    python -m bench.console_pictures --out out/console

Starts the simulation with its policy and the console, and a headless Chromium; prints one JSON line
with the files. They are made to be looked at. Needs `make training` and chromium.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

TABS = ("Watch", "Teach", "Episodes", "Train", "Set up")
SIZES = {"desk": (1280, 800), "phone": (390, 844)}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SOFTWARE_GL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out/console"))
    parser.add_argument("--port", type=int, default=8097)
    parser.add_argument("--recordings", default="recordings", help="that the tab Episodes shows")
    parser.add_argument("--url", default="", help="of a console that runs already")
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="on each tab, before its picture"
    )
    arguments = parser.parse_args()
    if arguments.url:
        files = take(arguments.url, arguments.out, arguments.seconds)
    else:
        launch = subprocess.Popen(
            ["ros2", "launch", "act_bringup", "sim.launch.py", "console:=true",
             f"console_port:={arguments.port}", f"console_recordings:={arguments.recordings}"],
            stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            files = take(f"http://127.0.0.1:{arguments.port}", arguments.out, arguments.seconds)
        finally:
            launch.send_signal(signal.SIGINT)
            launch.wait(30.0)
    print(json.dumps({"bench": "console_pictures", "files": files}))
    return 0


def take(url: str, out: Path, seconds: float) -> list[str]:
    """The pictures, as files."""
    from playwright.sync_api import Error, sync_playwright

    out.mkdir(parents=True, exist_ok=True)
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    files = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", *SOFTWARE_GL]
        )
        for size, (width, height) in SIZES.items():
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if scheme == "dark" else "light",
                )
                page = context.new_page()
                page.set_default_timeout(60_000)
                for _ in range(60):
                    try:
                        page.goto(url)
                        break
                    except Error:  # it is being started
                        time.sleep(1.0)
                page.locator("#owner").wait_for()
                for tab in TABS:
                    page.get_by_role("tab", name=tab).click()
                    time.sleep(seconds)
                    file = out / f"{size}_{scheme}_{tab.lower().replace(' ', '_')}.png"
                    page.screenshot(path=file)
                    files.append(str(file))
                context.close()
        browser.close()
    return files


if __name__ == "__main__":
    sys.exit(main())
