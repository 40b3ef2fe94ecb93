"""Who may open the page: nobody from elsewhere without the token, no other page's script at all.

Three doors, each closed by itself (RFC 6454 on origins; "DNS rebinding" is why `Host` matters):

- the page listens on this computer alone unless it is told otherwise;
- a request for another name than this computer's, or sent by another site's page, is refused;
- on any other address a token is asked for, once: the link carries it, a cookie keeps it.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

COOKIE = "act_console"
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),  # the link carries the token
    (
        b"content-security-policy",
        b"default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
        b"style-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; frame-ancestors 'none'; "
        b"form-action 'none'; base-uri 'self'",
    ),
)


def is_loopback(host: str) -> bool:
    """Whether only this computer reaches the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Access:
    """The rules for one address.

    host: that is listened on.
    token: empty where none is asked for.
    """

    host: str
    token: str = ""

    @staticmethod
    def of(host: str, token: str) -> Access:
        """Those of an address; a token is made up where one is needed and none was chosen."""
        if not token and not is_loopback(host):
            token = secrets.token_urlsafe(16)
        return Access(host, token)

    @property
    def is_open(self) -> bool:
        """Whether other computers reach it."""
        return not is_loopback(self.host)

    def link(self, port: int) -> str:
        """What a person opens."""
        name = socket.gethostname() if self.host in ("0.0.0.0", "::") else self.host
        name = f"[{name}]" if ":" in name else name
        return f"http://{name}:{port}/" + (f"?token={self.token}" if self.token else "")

    def refusal(
        self, host: str, origin: str | None, path_query: str, cookie: str, bearer: str
    ) -> tuple[int, str] | None:
        """Why a request is refused, as HTTP status and words; None where it may pass.

        host, origin, cookie: of its headers. bearer: the header ``Authorization``.
        """
        if not self._is_ours(_name_of(host)):
            return 421, f"this console does not answer to the name {host!r:.60}: open its own link"
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return 403, f"a page of {origin!r:.60} may not use this console"
        if self.token and not self._knows_token(path_query, cookie, bearer):
            return 401, "this console needs the link with the token that its terminal shows"
        return None

    def token_in(self, query: str) -> bool:
        """Whether a query carries the right token."""
        given = parse_qs(query).get("token", [""])[0]
        return bool(self.token) and hmac.compare_digest(given.encode(), self.token.encode())

    def _is_ours(self, name: str) -> bool:
        if is_loopback(self.host):
            return name in LOOPBACK_NAMES
        if name in (*LOOPBACK_NAMES, self.host, *_own_names()):
            return True
        try:  # an address cannot be rebound, and the token is asked for besides
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _knows_token(self, query: str, cookie: str, bearer: str) -> bool:
        given = [bearer.removeprefix("Bearer ")]
        try:
            morsel = SimpleCookie(cookie).get(COOKIE)
        except CookieError:
            morsel = None
        if morsel is not None:
            given.append(morsel.value)
        if any(hmac.compare_digest(one.encode(), self.token.encode()) for one in given):
            return True
        return self.token_in(query)


class Guard:
    """ASGI middleware outside of everything else: nothing that is refused reaches the page."""

    def __init__(self, app: Any, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): v.decode("latin-1") for name, v in scope["headers"]}
        query = scope.get("query_string", b"").decode("latin-1")
        refused = self._access.refusal(
            headers.get("host", ""),
            headers.get("origin"),
            query,
            headers.get("cookie", ""),
            headers.get("authorization", ""),
        )
        if refused is not None:
            await _refuse(scope, send, *refused)
        elif scope["type"] == "http" and scope["path"] == "/" and self._access.token_in(query):
            await self._keep_token(send)
        else:
            await self._app(scope, receive, _with_headers(send))

    async def _keep_token(self, send: Any) -> None:
        """From the link into a cookie, which no script reads and no other site sends."""
        cookie = f"{COOKIE}={self._access.token}; HttpOnly; SameSite=Strict; Path=/"
        headers = [(b"location", b"/"), (b"set-cookie", cookie.encode()), *HEADERS]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


async def _refuse(scope: Any, send: Any, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": why[:100]})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{why}\n".encode()})


def _with_headers(send: Any) -> Any:
    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
        await send(message)

    return sending


def _name_of(host: str) -> str:
    """The name in a `Host` header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _own_names() -> tuple[str, ...]:
    name = socket.gethostname().lower()
    return name, f"{name}.local"
