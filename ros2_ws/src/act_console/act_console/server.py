"""The web server of the console: the page, its live channel and the actions. No ROS here."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import uvicorn
from act_core import topics
from act_core.console_parameters import ConsoleParameters
from act_core.errors import ConfigurationError
from act_sim.twin import twin_of
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from nicegui import ui

from act_console.access import Access, Guard
from act_console.actions import asked_for
from act_console.live import Page, Pages, read_text
from act_console.page import build_page
from act_console.shelf import Shelf
from act_console.training_run import Training
from act_console.work import Robot

MOST_BYTES = 10_000  # of a request to do something
ENDS_WITHIN_S = 3.0


class RobotSide(Protocol):
    """What the pages need of the robot; see `ConsoleNode`."""

    params: ConsoleParameters
    access: Access
    pages: Pages

    async def call(self, service: topics.Service, value: bool | None) -> tuple[bool, str]: ...

    def hold(self, page: object, goal: Sequence[float]) -> str | None: ...

    def let_go(self, page: object) -> None: ...

    def arm_is_heard(self) -> bool: ...


class Server:
    """Runs in a thread of its own from the start until `close`.

    Raises ConfigurationError where the address cannot be had.

    Attributes:
        port: that it listens on.
    """

    def __init__(self, robot: RobotSide) -> None:
        listening = _listening(robot.params.host, robot.params.port)
        self.port = int(listening.getsockname()[1])
        self._films = tempfile.TemporaryDirectory(prefix="act_console_")
        folder = Path(robot.params.recordings).expanduser().absolute()
        self._training, self._robot = Training(), Robot()
        shelf = Shelf(folder, Path(self._films.name))
        app = Guard(_app_of(robot, shelf, self._training, self._robot, self.port), robot.access)
        config = uvicorn.Config(
            app,
            log_level="warning",
            ws="auto",
            ws_per_message_deflate=False,  # pictures are compressed already
            ws_max_size=MOST_BYTES,
            server_header=False,
            timeout_graceful_shutdown=1,
            lifespan="on",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([listening],), name="web", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Ends the server, with whoever looks."""
        self._server.should_exit = True
        self._thread.join(ENDS_WITHIN_S)
        self._training.close()
        self._robot.close()
        self._films.cleanup()


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens, before anything else is begun."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(100)  # whoever comes before the page is ready waits
    except OSError as error:
        raise ConfigurationError(
            f"the page cannot be served at {host}, port {port} ({error.strerror or error}): is "
            "another console running? Close it, or choose another port, e.g. console_port:="
            f"{port + 1 if port < 65535 else 8080}"
        ) from error
    return bound


def _app_of(
    robot: RobotSide, shelf: Shelf, training: Training, started: Robot, port: int
) -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    twin = _Twin(robot.params.robot)

    @app.get("/twin.json")
    def twin_json() -> Response:
        return twin.answer()

    @app.post("/do/{name}")
    async def do(name: str, request: Request) -> Response:
        return await _do(robot, name, request)

    @app.websocket("/live")
    async def live(channel: WebSocket) -> None:
        await _live(robot, channel)

    @app.get("/films/{name}.mp4")
    def film(name: str) -> Response:
        try:
            return FileResponse(shelf.film(name), media_type="video/mp4")
        except ConfigurationError as error:
            return PlainTextResponse(str(error), 404)
        except OSError as error:
            return PlainTextResponse(f"the film cannot be made: {error.strerror or error}", 507)

    @app.get("/tracks/{name}.json")
    def track(name: str) -> Response:
        try:
            return JSONResponse(shelf.track(name))
        except ConfigurationError as error:
            return PlainTextResponse(str(error), 404)

    link = robot.access.link(port) if robot.access.is_open else ""
    build_page(robot.params, shelf, training, started, robot.arm_is_heard, link)
    # A computer that is busy for a while is no reason for a page to begin anew.
    ui.run_with(
        app, title="console", dark=None, tailwind=False, show_welcome_message=False,
        binding_refresh_interval=None, reconnect_timeout=60.0,
    )  # fmt: skip
    return app


class _Twin:
    """The robot's body for the pages, made when the first one asks."""

    def __init__(self, robot_name: str) -> None:
        self._robot_name = robot_name
        self._lock = threading.Lock()
        self._json: bytes | None = None

    def answer(self) -> Response:
        with self._lock:
            if self._json is None:
                try:
                    body = twin_of(self._robot_name)
                except ConfigurationError as error:
                    return PlainTextResponse(str(error), 404)
                if body is None:
                    return PlainTextResponse(f"there is no model of {self._robot_name}", 404)
                self._json = json.dumps(body, separators=(",", ":")).encode()
        return Response(self._json, media_type="application/json")


async def _do(robot: RobotSide, name: str, request: Request) -> Response:
    """One action. Only JSON is taken: a form of another site cannot send it."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return JSONResponse({"ok": False, "text": "expected application/json"}, 415)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return JSONResponse({"ok": False, "text": "too long"}, 413)
    try:
        action, value = asked_for(name, json.loads(body))
    except (ValueError, RecursionError) as error:
        return JSONResponse({"ok": False, "text": str(error)}, 400)
    ok, text = await robot.call(action.service, value)
    return JSONResponse({"ok": ok, "text": text or f"nobody answers: {action.missing}"})


async def _live(robot: RobotSide, channel: WebSocket) -> None:
    """Gives a page what is new, and takes what it drags, until it is gone."""
    page = robot.pages.join()
    if page is None:
        await channel.close(1013, "too many pages are open")
        return
    await channel.accept()
    sending = asyncio.create_task(_send(page, channel))
    stopping: set[asyncio.Task[Any]] = set()  # asyncio itself holds on to no task
    try:
        while True:
            message = await channel.receive()
            if message["type"] == "websocket.disconnect":
                return
            said = _said(read_text(message))
            if said.get("stop") is True:
                stop = asyncio.create_task(_stop(robot, page))
                stopping.add(stop)
                stop.add_done_callback(stopping.discard)
            _hear(robot, page, said)
    except (WebSocketDisconnect, RuntimeError):
        return
    finally:
        robot.let_go(page)
        robot.pages.leave(page)
        sending.cancel()


async def _send(page: Page, channel: WebSocket) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            for message in await page.take():
                if isinstance(message, bytes):
                    await channel.send_bytes(message)
                else:
                    await channel.send_text(message)


async def _stop(robot: RobotSide, page: Page) -> None:
    """The e-stop by the live channel; the page is told what came of it."""
    action, value = asked_for("estop", {"value": True})
    ok, text = await robot.call(action.service, value)
    text = text or f"nobody answers: {action.missing}"
    page.put("stopped", json.dumps({"k": "stopped", "ok": ok, "text": text}))


def _said(text: str | None) -> dict[str, Any]:
    """What a page said, empty for what is none of that."""
    try:
        said = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _hear(robot: RobotSide, page: Page, said: dict[str, Any]) -> None:
    """Where a page drags the arm, or that it has let go."""
    if "drag" in said:
        refused = robot.hold(page, said["drag"])
        if refused is not None:
            page.put("refused", json.dumps({"k": "refused", "text": refused}))
    elif "let_go" in said:
        robot.let_go(page)
